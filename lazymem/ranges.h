/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is mapped where. struct pages is a piece of the image with the state of its pages;
 * struct range says where some of those pages are in the client's address space. Events
 * change ranges; pages stay for the session's life, so that they can be pointed to.
 *
 * Ranges are looked for one by one: a machine has few of them.
 */
#ifndef LAZYMEM_RANGES_H
#define LAZYMEM_RANGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lazymem.h"

struct pages {
	struct pages *next;
	uint64_t offset;
	uint64_t count;
	size_t size;
	_Atomic bool no_zeropage;
	unsigned long *done;
	unsigned long *zero;
	unsigned long *dirty;	/* NULL: nobody asks */
};

struct range {
	uint64_t start;
	uint64_t count;
	uint64_t first;
	struct pages *pages;
};

struct ranges {
	struct range *at;
	size_t count;
	size_t room;
	struct pages *pages;
	struct lazymem_stats *stats;
};

/* Where a page is in the image; @pages NULL: nowhere. */
struct page_ref {
	struct pages *pages;
	uint64_t index;
};

/* Returns 0 or -errno with an explanation. */
int ranges_set(struct ranges *ranges, const struct lazymem_range *from, size_t count,
	       uint64_t image_size, char why[LAZYMEM_WHY]);
int ranges_clone(struct ranges *to, const struct ranges *from);
void ranges_free(struct ranges *ranges);

struct page_ref ranges_find(const struct ranges *ranges, uint64_t address);

/* The address of a page, 0 if it has none any more, and how many follow it in a row. */
uint64_t ranges_address(const struct ranges *ranges, struct page_ref place,
			uint64_t *run);

/* What the client did. These return 0 or -ENOMEM. */
void ranges_removed(struct ranges *ranges, uint64_t start, uint64_t end);
int ranges_unmapped(struct ranges *ranges, uint64_t start, uint64_t end);
int ranges_moved(struct ranges *ranges, uint64_t from, uint64_t to, uint64_t length);

static inline bool bits_test(const unsigned long *bits, uint64_t index)
{
	return bits[index / 64] >> index % 64 & 1;
}

static inline void bits_set(unsigned long *bits, uint64_t index)
{
	bits[index / 64] |= 1UL << index % 64;
}

static inline void bits_clear(unsigned long *bits, uint64_t index)
{
	bits[index / 64] &= ~(1UL << index % 64);
}

/* Have room for dirty bits. Returns 0 or -ENOMEM. */
int pages_watch(struct pages *pages);

void ranges_done(struct ranges *ranges, struct pages *pages, uint64_t first,
		uint64_t count);

/* The first page from @from on that is not done, or pages->count. */
uint64_t pages_next_missing(const struct pages *pages, uint64_t from);

#endif
