/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty pages: which pages the client has written to, by write protection.
 *
 * A page is protected when it is put in place, and again when its bit is taken. A write
 * faults; the answer sets the bit and lifts the protection. The session's thread does all
 * of that, so no write can fall between a bit and its protection. Another thread that asks
 * leaves a request and sleeps until the session's thread has done it.
 */
#ifndef LAZYMEM_DIRTY_H
#define LAZYMEM_DIRTY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pages.h"

struct lazymem;
struct lazymem_range;

/**
 * struct dirty_request - what another thread asks; it is on that thread's stack
 * @range: index of the mapping to take bits of
 * @start: begin to watch instead
 * @first: first page
 * @count: how many pages
 * @at: how many are done; the request goes on here after -EAGAIN
 * @bits: where the bits go to
 * @result: how many bits were set, or -errno
 */
struct dirty_request {
	size_t range;
	bool start;
	uint64_t first, count, at;
	unsigned long *bits;
	int64_t result;
};

/**
 * struct dirty - a session's requests
 * @lock: guards @request and @over; a leaf
 * @done: signalled when @request is done or @over is set
 * @request: the request, one at a time; others wait for it to become NULL
 * @on: dirty pages are watched: each page is write-protected as it is put in place
 * @beginning: dirty_begin() met -EAGAIN: protect what there is already
 * @again_at: when to try again then
 * @over: lazymem_run() has ended, nothing will be done any more
 * @pending: a request met -EAGAIN; session's thread only
 */
struct dirty {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct dirty_request *request;
	_Atomic bool on;
	bool beginning;
	uint64_t again_at;
	bool over;
	bool pending;
};

void dirty_init(struct dirty *dirty);
void dirty_destroy(struct dirty *dirty);

/*
 * Watch from the start, before the first page is brought. What is wrong is passed to
 * options->message, and the client is served unwatched.
 */
void dirty_begin(struct lazymem *session);
/* @pages, at @range, came with lazymem_map(). */
void dirty_watch_more(struct lazymem *session, struct pages *pages,
		      const struct lazymem_range *range);

/* Do what is asked. */
void dirty_run(struct lazymem *session, uint64_t now);
uint64_t dirty_due(const struct lazymem *session, uint64_t now);
/* Nothing will be done any more: wake threads that ask, with -ESRCH. */
void dirty_end(struct lazymem *session);

#endif
