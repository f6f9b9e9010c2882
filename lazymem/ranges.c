// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges: taken from what a client said, which is checked here; looked up; and changed as
 * events say. See ranges.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ranges.h"

/* Mappings that lazymem_map() adds. Those that were dropped count: their bits stay. */
#define MAPPED_MOST	4096
/* All of them together may be so many times the image. */
#define TOTAL_MOST	16
/* The end of user space with five-level page tables; sums of two cannot overflow. */
#define ADDRESS_MOST	(1ULL << 56)

static uint64_t range_end(const struct range *range)
{
	return range->start + range->count * range->pages->size;
}

/* Ranges have no order, so a new one goes to the end. */
static int ranges_add(struct ranges *ranges, struct range range)
{
	if (ranges->count == ranges->room) {
		size_t room = ranges->room * 2 + 8;
		struct range *at = realloc(ranges->at, room * sizeof(*at));

		if (!at)
			return -ENOMEM;
		ranges->at = at;
		ranges->room = room;
	}
	ranges->at[ranges->count++] = range;
	ranges->changed = true;
	return 0;
}

/* What is wrong with @range by itself. NULL: nothing. */
static const char *ranges_refusal(const struct lazymem_range *range, uint64_t image_size)
{
	uint64_t size = range->page_size;

	if (size < PAGE_LEAST || size > PAGE_MOST || size & (size - 1))
		return "its page size is not a power of two from 4096 to 2 MiB";
	if (!range->size)
		return "it is empty";
	if ((range->start | range->size) & (size - 1) || range->offset & 4095)
		return "it is not aligned to its page size";
	if (range->start >= ADDRESS_MOST || range->size > ADDRESS_MOST ||
	    !range->start)
		return "there are no such addresses";
	if (range->offset > image_size ||
	    range->size - 1 >= (image_size - range->offset + size - 1) / size * size)
		return "it reaches beyond the image's end";
	return NULL;
}

/* A range before @from[i] that it overlaps, or NULL. */
static const struct lazymem_range *
ranges_overlapped(const struct lazymem_range *from, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (from[j].start < from[i].start + from[i].size &&
		    from[i].start < from[j].start + from[j].size)
			return &from[j];
	return NULL;
}

/* Explain what is wrong with mapping @i of the client's list. Returns -EINVAL. */
static int ranges_refuse(const struct lazymem_range *range, size_t i, uint64_t image_size,
			 const char *fault, char why[LAZYMEM_WHY])
{
	snprintf(why, LAZYMEM_WHY, "mapping %zu (0x%" PRIx64 " + 0x%" PRIx64
		 " at offset 0x%" PRIx64 " of an image of 0x%" PRIx64
		 ", pages of %" PRIu64 "): %s", i, range->start, range->size,
		 range->offset, image_size, range->page_size, fault);
	return -EINVAL;
}

/* All of them. Returns 0, or -EINVAL with an explanation for the user. */
static int ranges_check(const struct lazymem_range *from, size_t count,
			uint64_t image_size, char why[LAZYMEM_WHY])
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		const char *fault = ranges_refusal(&from[i], image_size);

		if (!fault && ranges_overlapped(from, i))
			fault = "it overlaps another one";
		sum += from[i].size;
		/* Bits are allocated per page: the image bounds them, not the client. */
		if (!fault && sum > image_size + count * PAGE_MOST)
			fault = "together they are larger than the image";
		if (fault)
			return ranges_refuse(&from[i], i, image_size, fault, why);
	}
	return 0;
}

/* To the end of the list, which is in the order of the client's mappings. */
static void ranges_append(struct ranges *ranges, struct pages *pages)
{
	struct pages **at = &ranges->pages;

	while (*at)
		at = &(*at)->next;
	*at = pages;
	ranges->nr_pages++;
}

/* The session's memory for one mapping, and its first range. */
static int ranges_add_pages(struct ranges *ranges, const struct lazymem_range *from)
{
	struct range range = { .start = from->start,
			       .count = from->size / from->page_size };

	range.pages = pages_new(ranges->keep, from->offset, range.count, from->page_size,
				(struct pages_places) {});
	if (!range.pages)
		return -ENOMEM;
	if (ranges_add(ranges, range)) {
		pages_free(range.pages);
		return -ENOMEM;
	}
	range.pages->start = from->start;
	ranges_append(ranges, range.pages);
	ranges->stats->total += from->size;
	ranges->stats->missing += from->size;
	return 0;
}

int ranges_set(struct ranges *ranges, const struct lazymem_range *from, size_t count,
	       uint64_t image_size, char why[LAZYMEM_WHY])
{
	int error = ranges_check(from, count, image_size, why);

	for (size_t i = 0; !error && i < count; i++) {
		error = ranges_add_pages(ranges, &from[i]);
		if (error)
			snprintf(why, LAZYMEM_WHY, "out of memory");
	}
	return error;
}

/* What is wrong with adding @range to what there is. NULL: nothing. */
static const char *ranges_map_refusal(const struct ranges *ranges,
				      const struct lazymem_range *range, uint64_t image_size)
{
	const char *fault = ranges_refusal(range, image_size);

	if (fault)
		return fault;
	for (size_t i = 0; i < ranges->count; i++)
		if (ranges->at[i].start < range->start + range->size &&
		    range->start < range_end(&ranges->at[i]))
			return "it overlaps another one";
	if (ranges->stats->total + range->size > TOTAL_MOST * (image_size + PAGE_MOST))
		return "all mappings that the client has had are too large together";
	return ranges->nr_pages >= MAPPED_MOST ? "the client has had too many mappings" : NULL;
}

int ranges_map(struct ranges *ranges, const struct lazymem_range *range, uint64_t image_size,
	       char why[LAZYMEM_WHY])
{
	const char *fault = ranges_map_refusal(ranges, range, image_size);

	if (fault)
		return ranges_refuse(range, ranges->nr_pages, image_size, fault, why);
	snprintf(why, LAZYMEM_WHY, "out of memory");
	return ranges_add_pages(ranges, range);
}

void ranges_free(struct ranges *ranges)
{
	struct pages *pages, *next;

	for (pages = ranges->pages; pages; pages = next) {
		next = pages->next;
		pages_free(pages);
	}
	free(ranges->at);
	ranges->at = NULL;
	ranges->pages = NULL;
	ranges->count = ranges->room = 0;
}

static struct pages *ranges_pages(const struct ranges *ranges, uint64_t index)
{
	struct pages *pages = ranges->pages;

	while (pages && index--)
		pages = pages->next;
	return pages;
}

int ranges_load_pages(struct ranges *ranges, const struct lazymem_range *from,
		      struct pages_places places)
{
	struct pages *pages;

	/* The image has the size that it had when this was checked first. */
	if (ranges_refusal(from, UINT64_MAX / 2) || !places.done || !places.zero)
		return -EINVAL;
	pages = pages_new(ranges->keep, from->offset, from->size / from->page_size,
			  from->page_size, places);
	if (!pages)
		return -ENOMEM;
	pages->start = from->start;
	ranges_append(ranges, pages);
	ranges->stats->total += from->size;
	ranges->stats->missing += pages_missing(pages) * pages->size;
	return 0;
}

int ranges_load(struct ranges *ranges, uint64_t start, uint64_t count, uint64_t first,
		uint64_t pages)
{
	struct range range = { start, count, first, ranges_pages(ranges, pages) };

	if (!range.pages || first > range.pages->count || !count ||
	    count > range.pages->count - first || start & (range.pages->size - 1) ||
	    start >= ADDRESS_MOST)
		return -EINVAL;
	return ranges_add(ranges, range);
}

int ranges_load_piece(struct ranges *ranges, uint64_t pages, uint64_t index, uint32_t from,
		      uint32_t to)
{
	struct pages *at = ranges_pages(ranges, pages);

	if (!at || index >= at->count || from >= to || to > at->size)
		return -EINVAL;
	return pages_give_back_piece(at, index, from, to);
}

/* One mapping of the parent, with all ranges that its pages are in. */
static int ranges_clone_pages(struct ranges *to, const struct ranges *from,
			      const struct pages *old)
{
	struct pages *pages = pages_clone(to->keep, old);
	int error = 0;

	if (!pages)
		return -ENOMEM;
	ranges_append(to, pages);
	for (size_t i = 0; !error && i < from->count; i++) {
		struct range range = from->at[i];

		if (range.pages != old)
			continue;
		range.pages = pages;
		error = ranges_add(to, range);
	}
	return error;
}

int ranges_clone(struct ranges *to, const struct ranges *from)
{
	int error = 0;

	for (const struct pages *old = from->pages; !error && old; old = old->next)
		error = ranges_clone_pages(to, from, old);
	to->stats->total = from->stats->total;
	to->stats->missing = from->stats->missing;
	return error;
}

struct page_ref ranges_find(const struct ranges *ranges, uint64_t address)
{
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->at[i];

		if (address < range->start || address >= range_end(range))
			continue;
		return (struct page_ref) {
			range->pages,
			range->first + (address - range->start) / range->pages->size,
		};
	}
	return (struct page_ref) {};
}

uint64_t ranges_address(const struct ranges *ranges, struct page_ref page, uint64_t *run)
{
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->at[i];

		if (range->pages != page.pages || page.index < range->first ||
		    page.index >= range->first + range->count)
			continue;
		*run = range->first + range->count - page.index;
		return range->start + (page.index - range->first) * range->pages->size;
	}
	*run = 1;
	return 0;
}

/* Pages that are done already do not count twice. */
void ranges_mark_done(struct ranges *ranges, struct pages *pages, uint64_t first,
		      uint64_t count)
{
	uint64_t missing = 0;

	for (uint64_t i = first; i < first + count; i++) {
		missing += !bits_test(pages->done, i);
		bits_set(pages->done, i);
	}
	if (missing)
		ranges->stats->missing -= missing * pages->size;
}

/* The pages of @range that are wholly in @start ... @end. Its count may be 0. */
static struct range range_part(const struct range *range, uint64_t start, uint64_t end)
{
	struct range part = *range;
	size_t size = range->pages->size;

	if (start < range->start)
		start = range->start;
	if (end > range_end(range))
		end = range_end(range);
	part.count = 0;
	if (start >= end)
		return part;
	start = (start + size - 1) & ~(size - 1);
	end &= ~(size - 1);
	if (start < end) {
		part.first += (start - range->start) / size;
		part.count = (end - start) / size;
		part.start = start;
	}
	return part;
}

bool ranges_are_whole(const struct ranges *ranges, uint64_t start, uint64_t end)
{
	bool found = false;

	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->at[i];
		uint64_t mask = range->pages->size - 1;

		if (start >= range_end(range) || end <= range->start)
			continue;
		if ((start > range->start && start & mask) ||
		    (end < range_end(range) && end & mask))
			return false;
		found = true;
	}
	return found;
}

/* Page @address of @range: give back what is in @start ... @end, if that is not all of it. */
static int range_give_back_piece(const struct range *range, uint64_t address, uint64_t start,
				 uint64_t end, bool *changed)
{
	size_t size = range->pages->size;
	uint64_t page = address & ~(size - 1);

	if (page < range->start || page >= range_end(range))
		return 0;
	start = start > page ? start - page : 0;
	end = end < page + size ? end - page : size;
	if (!start && end == size)
		return 0;
	*changed = true;
	page = range->first + (page - range->start) / size;
	if (range->pages->dirty)
		bits_set(range->pages->dirty, page);
	return pages_give_back_piece(range->pages, page, start, end);
}

/*
 * Done, since nothing is to be read for them; zero, since a fault there gets zeros; dirty,
 * since the content has changed.
 *
 * MADV_REMOVE need not begin or end at a page of hugetlb memory. The kernel then makes zeros
 * of the piece, but only if the page is there.
 */
int ranges_removed(struct ranges *ranges, uint64_t start, uint64_t end)
{
	int error = 0;

	for (size_t i = 0; !error && i < ranges->count; i++) {
		struct range gone = range_part(&ranges->at[i], start, end);

		error = range_give_back_piece(&ranges->at[i], start, start, end,
					      &ranges->changed);
		if (!error)
			error = range_give_back_piece(&ranges->at[i], end - 1, start, end,
						      &ranges->changed);
		for (uint64_t j = gone.first; j < gone.first + gone.count; j++) {
			bits_set(gone.pages->zero, j);
			if (gone.pages->dirty)
				bits_set(gone.pages->dirty, j);
			ranges_mark_done(ranges, gone.pages, j, 1);
		}
	}
	return error;
}

/*
 * Take @gone, a part of range @i, out of it: up to two ranges are left. The one before it
 * stays at @i; without one, the last range takes its place. So callers go from the last
 * range to the first.
 */
static int ranges_cut(struct ranges *ranges, size_t i, const struct range *gone)
{
	struct range *range = &ranges->at[i];
	struct range after = *range;

	after.first = gone->first + gone->count;
	after.count = range->first + range->count - after.first;
	after.start = gone->start + gone->count * gone->pages->size;
	range->count = gone->first - range->first;
	ranges->changed = true;
	if (!range->count)
		*range = ranges->at[--ranges->count];
	return after.count ? ranges_add(ranges, after) : 0;
}

/* Unmapped pages count as done: nothing is to be read for them any more. */
int ranges_unmapped(struct ranges *ranges, uint64_t start, uint64_t end)
{
	for (size_t i = ranges->count; i--;) {
		struct range gone = range_part(&ranges->at[i], start, end);

		if (!gone.count)
			continue;
		for (uint64_t j = gone.first; j < gone.first + gone.count; j++)
			ranges_mark_done(ranges, gone.pages, j, 1);
		if (ranges_cut(ranges, i, &gone))
			return -ENOMEM;
	}
	return 0;
}

/* The moved part becomes a range of its own; what it leaves behind is no range. */
int ranges_moved(struct ranges *ranges, uint64_t from, uint64_t to, uint64_t length)
{
	/* What was there is gone, and there may be no event for it. */
	if (ranges_unmapped(ranges, to, to + length))
		return -ENOMEM;
	for (size_t i = ranges->count; i--;) {
		struct range moved = range_part(&ranges->at[i], from, from + length);

		if (!moved.count)
			continue;
		if (ranges_cut(ranges, i, &moved))
			return -ENOMEM;
		moved.start += to - from;
		if (ranges_add(ranges, moved))
			return -ENOMEM;
	}
	return 0;
}
