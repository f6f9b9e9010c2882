/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streams: faults that follow one another in order, backwards or by a fixed step, found among
 * all faults of a session. Several threads of the client may each have a stream.
 *
 * A small table has the latest faults that belong together, an entry each. A fault that
 * goes on where an entry's fault ended makes it a stream at once; one at some distance has
 * to be followed by another at the same distance. A fault that fits no entry gets one of its
 * own, instead of the one that was not used for longest. Streams are kept longer than others.
 *
 * The further a stream has come, the more of it is brought ahead: never more than twice
 * what the client has passed, and a window. So little is brought in vain where it breaks.
 *
 * What a stream says is advice only, like the bits of pages. Used by the session's thread.
 */
#ifndef LAZYMEM_STREAMS_H
#define LAZYMEM_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "pages.h"

#define STREAMS		24

/**
 * struct stream - faults that follow one another
 * @pages: the mapping; NULL: not in use
 * @begin: page of the first fault
 * @last: page of the fault that is furthest
 * @brought: what was begun for the latest fault, until it is a stream
 * @step: pages from one fault to the next. 1 and -1: each page, in order and backwards.
 *	  0: not known yet
 * @run: how many faults have followed the first one in this way
 * @next: the page that is brought ahead next; it may lie outside the mapping
 * @used_at: number of the latest fault
 */
struct stream {
	struct pages *pages;
	uint64_t begin, last;
	struct span brought;
	int64_t step;
	unsigned int run;
	int64_t next;
	uint64_t used_at;
};

/**
 * struct streams - those of a session
 * @at: the table
 * @faults: how many faults it has seen
 * @latest: entry of the latest fault, or NULL
 * @alone: how many faults before that one, without a gap, were of the same entry
 * @turn: the entry whose turn it is to have something brought ahead
 */
struct streams {
	struct stream at[STREAMS];
	uint64_t faults;
	struct stream *latest;
	unsigned int alone;
	unsigned int turn;
};

/* Whether faults have confirmed it. */
bool stream_is_sure(const struct stream *stream);
/* Pages that it has come so far. */
uint64_t stream_length(const struct stream *stream);
/* Up to which page it is to be brought ahead; @most: pages. Outside the mapping: to its end. */
int64_t stream_goal(const struct stream *stream, uint64_t window, uint64_t most);

/* A fault at @page. @window: pages that a fault brings without a stream. */
void streams_note(struct streams *streams, struct page_ref page, uint64_t window);
/* For the fault at @page this was begun. */
void streams_brought(struct streams *streams, struct page_ref page, struct span span);
/* The entry whose latest fault is at @page, or NULL. */
struct stream *streams_find(struct streams *streams, struct page_ref page);

#endif
