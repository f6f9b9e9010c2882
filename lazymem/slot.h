/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slot: up to 64 pages of the image that follow one another, on their way to the client.
 *
 *	FREE -> ASKED -> READING -> LOADED -> FREE	the normal way
 *	READING -> ASKED				the read failed and is tried again
 *	LOADED -> ASKED					no longer in the page cache
 *	LOADED -> HELPED -> LOADED or FREE		given to the helper, and collected
 *	ASKED, READING, LOADED -> FAILED -> FREE	cannot be brought: lost.h
 *	LOADED, FAILED -> ASKED				page by page: the next one
 *
 * A fault waits for a slot if its bit in @wanted is set. Slots with such bits go first, and
 * the session's thread puts them in place. Others were read ahead; the helper may take them.
 */
#ifndef LAZYMEM_SLOT_H
#define LAZYMEM_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pages.h"
#include "source.h"

struct lazymem;

/* The most that is read at once: 64 pages of 4 KiB. A larger page has a slot by itself. */
#define SLOT_BYTES	(256UL << 10)
#define SLOT_PAGES	64

enum slot_state {
	SLOT_FREE,
	SLOT_ASKED,	/* to be read once the source is up and ->retry_at has passed */
	SLOT_READING,	/* the source writes to ->buffer and will call ->read.done */
	SLOT_LOADED,	/* to be put in place, from page ->placed on */
	SLOT_HELPED,	/* the helper puts it in place; the session keeps off */
	SLOT_FAILED,	/* its first page cannot be brought and a fault waits: lost.h */
};

/**
 * struct slot - pages on their way
 * @read: what the source was asked for. First, so that a read leads to its slot
 * @session: the slot's owner; only its thread writes to the slot
 * @state: see above
 * @first: the first page
 * @count: how many pages, from 1 to SLOT_PAGES
 * @placed: how many of them are settled, from the first on
 * @rest: how many pages behind it are brought afterwards, one by one, since reading all at
 *	  once has failed. Until then they are no part of the slot
 * @wanted: bit i is set if a fault waits for page first + i
 * @ahead: it was begun without a fault
 * @row: as a part of ahead.h's row
 * @at_once: do not leave the content in the page cache for later: that has failed
 * @tries: how often the source has failed to read it
 * @error: the last such failure, -errno
 * @lost: SLOT_FAILED: why it cannot be brought
 * @began: when it was begun; options->give_up counts from here
 * @retry_at: nothing is done to it before this time
 * @faults_before: stats.faults when it was begun; unchanged at the end: no fault came
 * @buffer: where the source writes to; a fixed part of slots.buffers
 */
struct slot {
	struct source_read read;
	struct lazymem *session;
	enum slot_state state;
	struct page_ref first;
	unsigned int count;
	unsigned int placed;
	unsigned int rest;
	uint64_t wanted;
	bool ahead;
	bool row;
	bool at_once;
	unsigned int tries;
	int error;
	const char *lost;
	uint64_t began;
	uint64_t retry_at;
	uint64_t faults_before;
	char *buffer;
};

/* How many pages a slot takes for @bytes: from 1 to SLOT_PAGES. */
unsigned int slot_pages(const struct pages *pages, size_t bytes);

/* Do what its state asks for, except what is left to slots_place_ahead(). */
void slot_run(struct slot *slot, uint64_t now);
/* When it has work: see due.h. That includes what slots_place_ahead() does. */
uint64_t slot_due(const struct slot *slot);

/* Whether slots_place_ahead() may put it in place: loaded, and no fault waits for it. */
bool slot_is_ready(const struct slot *slot, uint64_t now);

/* After runs_place() or runs_end() have returned @error: the slot's next state. */
void slot_placed(struct slot *slot, int error, uint64_t now);

#endif
