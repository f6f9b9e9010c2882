/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fault sweep: a call is made again and again; in its n-th run the n-th of its
 * allocations and user copies fails, until a run has no n-th one.
 *
 * A new call joins with a struct swept and one line, add_sweep().
 */
#ifndef TESTS_SWEEP_H
#define TESTS_SWEEP_H

#include <stdbool.h>

/**
 * struct swept - a call that is swept
 * @prepare: set up what the call needs; returns the state that the other functions get.
 *	     Memory that the kernel writes must be present, or the fault on that memory
 *	     is what fails
 * @call: returns 0 or -errno; does nothing else, because its allocations may fail
 * @failed: after @call failed: CHECK that nothing has changed
 * @passed: after @call returned 0: CHECK that all is right, though an allocation may
 *	    have failed that the call can do without
 * @no_memory: what else than -ENOMEM @call may return for lack of memory, or 0
 * @copies_again: the call may repeat a user copy that failed, and return 0
 *
 * Each run is in a process of its own. The sweep checks what @call returns: -EFAULT if
 * a copy failed; 0, -ENOMEM or @no_memory if an allocation failed. It also checks that
 * the same call succeeds afterwards, and that nothing keeps the process's memory or the
 * modules.
 */
struct swept {
	void *(*prepare)(const void *of);
	int (*call)(void *state);
	void (*failed)(void *state, int error);
	void (*passed)(void *state);
	int no_memory;
	bool copies_again;
};

/*
 * Add the case sweep/NAME, which is skipped where the kernel cannot make allocations
 * fail.
 */
void add_sweep(const struct swept *swept, const void *of, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
