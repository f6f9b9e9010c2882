/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the pages of an image are in the client's address space.
 *
 * A struct range is a run of pages at addresses that follow one another. It begins as one
 * of the client's mappings. Events split ranges (munmap), move them (mremap) and drop
 * them; struct pages (pages.h) stays. Code that keeps a page for later keeps a struct
 * page_ref, and asks ranges_address() each time: the page may have moved meanwhile.
 *
 * Ranges are searched one by one, since a client has few: a virtual machine has one per
 * memory region.
 *
 * Only the session's thread changes ranges, and only after slots_quiesce(): the helper
 * looks up addresses.
 */
#ifndef LAZYMEM_RANGES_H
#define LAZYMEM_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "lazymem.h"
#include "pages.h"

/* @count pages of @pages, from page @first on, are at @start. */
struct range {
	uint64_t start;
	uint64_t count;
	uint64_t first;
	struct pages *pages;
};

/**
 * struct ranges - all that a session serves
 * @at: ranges in any order; @count are used and @room are allocated
 * @pages: owned list of the mappings' pages, in the client's order; stays when ranges are
 *	   dropped
 * @nr_pages: how many there are
 * @changed: something but bits has changed since it was written down (keep.h)
 * @keep: the session's
 * @stats: the session's: @total and @missing are counted here
 */
struct ranges {
	struct range *at;
	size_t count;
	size_t room;
	struct pages *pages;
	size_t nr_pages;
	bool changed;
	struct keep *keep;
	struct counters *stats;
};

/*
 * Check what the client said, and take it. Nothing in @from is trusted. Returns 0;
 * -EINVAL, with what is wrong in @why; or -ENOMEM.
 */
int ranges_set(struct ranges *ranges, const struct lazymem_range *from, size_t count,
	       uint64_t image_size, char why[LAZYMEM_WHY]);
/* Add one mapping, which is checked. Returns as ranges_set(). */
int ranges_map(struct ranges *ranges, const struct lazymem_range *range, uint64_t image_size,
	       char why[LAZYMEM_WHY]);
/* What a child of the client has after fork(). Returns 0 or -ENOMEM. */
int ranges_clone(struct ranges *to, const struct ranges *from);
void ranges_free(struct ranges *ranges);

/*
 * What a session had, as it was written down. Each returns 0; -EINVAL if this cannot be; or
 * -ENOMEM. @pages: index of what ranges_load_pages() added.
 */
int ranges_load_pages(struct ranges *ranges, const struct lazymem_range *from,
		      struct pages_places places);
int ranges_load(struct ranges *ranges, uint64_t start, uint64_t count, uint64_t first,
		uint64_t pages);
int ranges_load_piece(struct ranges *ranges, uint64_t pages, uint64_t index, uint32_t from,
		      uint32_t to);

/* The page at @address. Its @pages is NULL if no range is there. */
struct page_ref ranges_find(const struct ranges *ranges, uint64_t address);

/*
 * The address of @page now, or 0 if it is no longer mapped. @run: how many pages, this one
 * included, follow in a row.
 */
uint64_t ranges_address(const struct ranges *ranges, struct page_ref page, uint64_t *run);

/* Whether @start to @end has pages, and all of each. */
bool ranges_are_whole(const struct ranges *ranges, uint64_t start, uint64_t end);

/* Mark @count pages as done, from page @first on. */
void ranges_mark_done(struct ranges *ranges, struct pages *pages, uint64_t first,
		      uint64_t count);

/*
 * What the client did, as its events say. Given back: zeros from then on. Only whole pages are
 * given back, unmapped or moved; of others it is remembered which piece was given back. Return
 * 0 or -ENOMEM: then the ranges are incomplete and the session has to end.
 */
int ranges_removed(struct ranges *ranges, uint64_t start, uint64_t end);
int ranges_unmapped(struct ranges *ranges, uint64_t start, uint64_t end);
int ranges_moved(struct ranges *ranges, uint64_t from, uint64_t to, uint64_t length);

#endif
