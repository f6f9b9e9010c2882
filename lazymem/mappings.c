// SPDX-License-Identifier: GPL-2.0-only
/* The client's mappings: its list, and what it adds and removes later; see mappings.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mappings.h"
#include "place.h"
#include "release.h"
#include "session.h"
#include "uffd.h"

/*
 * What the client says of its page size may be wrong or left out. The kernel tells it. Where
 * it does not, the client is believed, and small pages are assumed.
 */
static void mappings_correct_size(struct lazymem *session, int uffd,
				 struct lazymem_range *range)
{
	size_t told = range->page_size, size = place_page_size(uffd, range->start);

	range->page_size = size ?: told ?: PAGE_LEAST;
	if (!told || told == range->page_size)
		return;
	session_message(session, "the mapping at 0x%" PRIx64 " has pages of %zu bytes, not of %" PRIu64 " as the client said",
			range->start, size, (uint64_t)told);
}

int mappings_take(struct lazymem *session, int uffd, const struct lazymem_range *ranges,
		  size_t count, char why[LAZYMEM_WHY])
{
	struct lazymem_range *copy = malloc(count * sizeof(*copy) + 1);
	int error;

	if (!copy) {
		snprintf(why, LAZYMEM_WHY, "out of memory");
		return -ENOMEM;
	}
	memcpy(copy, ranges, count * sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		mappings_correct_size(session, uffd, &copy[i]);
	error = ranges_set(&session->ranges, copy, count, session->image_size, why);
	free(copy);
	return error;
}

/* What @range has become is the list's last. */
static void mappings_begin(struct lazymem *session, const struct lazymem_range *range)
{
	struct pages *pages = session->ranges.pages;

	while (pages->next)
		pages = pages->next;
	ahead_go_back(session, (struct page_ref) { .pages = pages });
	dirty_watch_more(session, pages, range);
	/* Before the client is told that it is served. */
	session_save(session, KEEP_ALL);
	/* Faults that came before are strays. */
	messages_read(session);
}

int lazymem_map(struct lazymem *session, const struct lazymem_range *range,
		char why[LAZYMEM_WHY])
{
	struct lazymem_range copy = *range;
	int error;

	if (session->refused) {
		snprintf(why, LAZYMEM_WHY, "the client was refused");
		return -EINVAL;
	}
	mappings_correct_size(session, session->uffd, &copy);
	if (copy.page_size > session->slots.slot_bytes) {
		snprintf(why, LAZYMEM_WHY, "huge pages can be added only to a client that began with some");
		return -EINVAL;
	}
	error = ranges_map(&session->ranges, &copy, session->image_size, why);
	if (!error)
		mappings_begin(session, &copy);
	return error;
}

/*
 * Poison outlives registration, so what is there is settled now: later nobody would know that it
 * was the client's. Where the kernel cannot poison, what faults there is a stray.
 */
int lazymem_unmap(struct lazymem *session, uint64_t start, uint64_t size)
{
	int error;

	if (start + size < start ||
	    !ranges_are_whole(&session->ranges, start, start + size))
		return -EINVAL;
	slots_quiesce(session);
	release_part(session, start, start + size);
	error = ranges_unmapped(&session->ranges, start, start + size);
	if (error)
		session->error = error;
	session_save(session, KEEP_ALL);
	uffd_wake(session->uffd, (void *)start, size);
	return error;
}
