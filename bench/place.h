/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory to be collected, and whoever brings it. Made anew for each call, as a call
 * leaves nothing missing.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lazy_program.h"
#include "uffd.h"

enum memory {
	SMALL,		/* pages of 4 KiB */
	THP,		/* advised to be transparent huge pages */
	HUGETLB,	/* of 2 MiB */
};

enum source {
	KERNEL,		/* anonymous memory: allocated by the kernel when faulted */
	SERVER,		/* lib/server.c, in this process */
	LAZYMEM_FILE,	/* lazymem, from a file that is cached */
	LAZYMEM_NBD,	/* lazymem, from nbdkit */
};

/**
 * struct place - where the device's pages are
 * @memory: of which kind
 * @source: who brings it
 * @latency_us: how long after it was asked for a page comes
 * @window_kib: how much lazymem brings for a fault
 * @pages: length in 4 KiB pages
 * @at: set by place_make(): the first page
 */
struct place {
	enum memory memory;
	enum source source;
	unsigned int latency_us;
	unsigned int window_kib;
	size_t pages;
	char *at;
	/* private */
	char *base;
	size_t before;
	struct server server;
	struct lazy_program program;
};

const char *memory_name(enum memory memory);
/* "server"; of lazymem with the window: "nbd/32k". */
const char *place_source(const struct place *place, char *text, size_t size);

/* Why there cannot be one here, or NULL. */
const char *place_lacks(const struct place *place);

void place_make(struct place *place);
void place_drop(struct place *place);

/* Have every @step-th page of the range there, whoever brings it. */
void place_touch(struct place *place, size_t step);

/* After the last place of a program. */
void place_end(void);

#endif
