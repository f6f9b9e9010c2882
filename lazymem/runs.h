/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs: pages of a slot that follow one another in the client's address space and have the
 * same kind of content, so that one ioctl() puts them in place.
 *
 * Putting a slot in place has two steps. runs_do() fetches the content, makes the runs and
 * calls the kernel. It only reads the session, so the helper's thread may do it.
 * runs_end() writes down what came of it: bits, counters, the slot. Only the session's
 * thread does that.
 */
#ifndef LAZYMEM_RUNS_H
#define LAZYMEM_RUNS_H

#include <stdint.h>

#include "bounce.h"
#include "slot.h"

enum run_kind {
	RUN_DATA,	/* copied */
	RUN_ZERO,	/* the kernel's zero page */
	RUN_SKIP,	/* nothing is put there: not mapped any more, or given back */
};

/* @count: pages of the run; once the kernel was called, how many of them are settled. */
struct run {
	uint64_t address;
	const char *from;
	unsigned int count;
	enum run_kind kind;
};

/**
 * struct runs - what there is to do for a slot, and what was done
 * @slot: the slot
 * @from: content of the slot's first page
 * @of: the runs, from page ->placed of the slot on
 * @n: how many there are
 * @done: how many the kernel was called for; runs_end() settles these
 * @tries: how often to call again while the client changes its address space
 * @error: what the last of these gave: 0, an error of place.h, or -ENODATA
 */
struct runs {
	struct slot *slot;
	char *from;
	struct run of[SLOT_PAGES];
	unsigned int n, done;
	unsigned int tries;
	int error;
};

/*
 * First step, by any thread, with a bounce buffer of its own. It ends at the first run that
 * fails. Some pages may be left even without an error.
 */
void runs_do(struct runs *runs, struct bounce *bounce);
/*
 * Second step, by the session's thread. Returns @runs->error, or 0 where trying again will
 * help at once.
 */
int runs_end(const struct runs *runs);

/*
 * Both steps, until the slot is wholly in place or fails. Returns 0, an error of place.h,
 * or -ENODATA: the content is no longer in the page cache, so the source must read it.
 */
int runs_place(struct slot *slot);

#endif
