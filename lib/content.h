/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page contents that tell page and owner: page number @first of series @seed has one
 * content, and no other page has it. A page that is missing, stale, moved or another
 * process's is found by comparing.
 */
#ifndef LIB_CONTENT_H
#define LIB_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE		4096UL
#define HUGE		(2UL << 20)

/* Fill @pages pages at @to: pages @first, @first + 1, ... of series @seed. */
void content_fill(void *to, uint64_t seed, uint64_t first, size_t pages);

/* The number of pages at @at that differ from what content_fill() would write. */
size_t content_wrong(const void *at, uint64_t seed, uint64_t first, size_t pages);

/* The number of pages at @at that hold anything else than zeros. */
size_t content_not_zero(const void *at, size_t pages);

#endif
