/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading ahead: what no fault has asked for yet. By urgency:
 *
 * 1. Streams (streams.h): what faults that follow one another will ask for next. Several
 *    streams take turns.
 * 2. What a source has left out of such a read, as a hole began or ended there.
 * 3. The recorded order, if there is one. An entry brings the window that its fault would
 *    have brought. Entries that follow one another become one read.
 * 4. The row: all that is missing, from the first mapping's first page on.
 *
 * Streams and the order go on while faults wait: a slow source has room for both. Some
 * slots are kept for faults. The row yields: none of it begins while a fault waits. It
 * starts with one read of a window; each read during which no fault came doubles how many
 * are in flight, up to half of the slots. A fault sets that back to one.
 *
 * A source that answers at once ("fast": the page cache) has nothing in flight. There each
 * slot that is read ahead delays a fault that comes meanwhile. So faults go first, and
 * after a fault the row is given a part of the time only. But if all faults are of one
 * stream, several slots are brought before messages are read again: the client's thread is
 * faster than any server, and would otherwise fault for each slot.
 *
 * How many pages a fault brings is decided here, too. A fault of a stream on a fast source
 * brings what comes next, the more the longer the stream is. One without a stream brings
 * the aligned block of pages around it. The block is a window to begin with. It grows if
 * faults often fall beside a block that was brought before, as a larger one would have
 * spared them; and it shrinks, on a fast source down to a page, if they seldom do.
 */
#ifndef LAZYMEM_AHEAD_H
#define LAZYMEM_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lazymem.h"
#include "order.h"
#include "pages.h"
#include "slot.h"
#include "streams.h"

/* As many stretches as there may be slots. */
#define AHEAD_STRETCHES	16

/* Missing pages in a row, to be brought by one slot. */
struct stretch {
	struct page_ref first;
	unsigned int count;
};

/**
 * struct ahead - how far reading ahead has come
 * @on: it goes on; off after the client turned out to have lied about its mappings
 * @what: what is brought
 * @streams: faults that follow one another
 * @left_out: stretches that a source has cut off
 * @nr_left_out: how many
 * @order: the recorded order, as far as it is read
 * @list_at: offset in the image of what is next in the current entry of the order
 * @list_left: bytes left of that entry
 * @listed: page of the order that was read, but did not belong to the stretch before it
 * @look_on: the order has more to look at, at once: the loop was only to have its turn
 * @pages: mapping to go on in with the row; NULL: all was looked at
 * @index: page to go on at
 * @depth: how many slots may be in use while the row begins a read
 * @row_at: nothing of the row begins before
 * @more: there was more to begin, but no room for it
 * @again_at: nothing at all begins before: the rate or the client's memory is the limit
 * @fast: the source has answered at once
 * @block: bytes that a fault without a stream brings
 * @beside: how often such a fault fell beside a block that was brought before
 * @burst: what was brought since the latest fault: pages, and so many more for each slot
 */
struct ahead {
	bool on;
	enum lazymem_prefetch what;
	struct streams streams;
	struct stretch left_out[AHEAD_STRETCHES];
	unsigned int nr_left_out;
	struct order_reader order;
	uint64_t list_at, list_left;
	struct page_ref listed;
	bool look_on;
	struct pages *pages;
	uint64_t index;
	unsigned int depth;
	uint64_t row_at;
	bool more;
	uint64_t again_at;
	bool fast;
	size_t block;
	unsigned int beside;
	unsigned int burst;
};

/* Begin as the options say. Returns 0, or -errno with an explanation in @why. */
int ahead_open(struct lazymem *session, char why[LAZYMEM_WHY]);
/* Begin for a child of the client: without the order, which its parent follows. */
void ahead_open_child(struct lazymem *child);
/* Begin again, without the order, for LAZYMEM_FILL: bring all that was left out. */
void ahead_restart(struct lazymem *session);
/* @page was not read after all: go back to it, if that is behind. */
void ahead_go_back(struct lazymem *session, struct page_ref page);
/* The source has cut @slot, which is read ahead, down to @count pages. */
void ahead_cut(struct lazymem *session, const struct slot *slot, unsigned int count);
/* @slot is wholly in place: read more at once if no fault came meanwhile. */
void ahead_widen(struct lazymem *session, const struct slot *slot);
/* Nothing is left to begin of all that was to be brought. */
bool ahead_is_over(const struct lazymem *session);

/* A fault at @page was read. */
void ahead_note_fault(struct lazymem *session, struct page_ref page);
/* Which pages a fault at @page is to bring. They need not be missing. */
struct span ahead_span(struct lazymem *session, struct page_ref page);
/* @slot has been begun for the fault at @page, or was under way. */
void ahead_note_answer(struct lazymem *session, struct page_ref page,
		       const struct slot *slot);

/* Begin reads. */
void ahead_run(struct lazymem *session, uint64_t now);
/* Whether to go on before messages are read. */
bool ahead_goes_on(struct lazymem *session, uint64_t now);
uint64_t ahead_due(const struct lazymem *session, uint64_t now);

#endif
