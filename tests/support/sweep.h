/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fault sweep: a call is made again and again, and in its n-th run the n-th of
 * its allocations and user copies fails, until it has had no n-th one.
 *
 * A new call joins with a struct swept and one line, add_sweep().
 */
#ifndef TESTS_SWEEP_H
#define TESTS_SWEEP_H

#include <stdbool.h>

/**
 * struct swept - a call to be swept
 * @prepare: make ready what the call needs; returns what the others are given.
 *	     Memory that the kernel is to write has to be there already, or a
 *	     fault on that is what fails
 * @call: returns 0 or -errno; nothing else is done while allocations may fail
 * @failed: after @call failed by such a failure: CHECK that nothing has changed
 * @passed: after @call returned 0: CHECK that all is as it has to be, although an
 *	    allocation may have failed that it can do without
 * @no_memory: what else than -ENOMEM @call may return for want of memory, or 0
 * @copies_again: a user copy that failed may be made again, and @call return 0
 *
 * Each run is in a process of its own. What @call may return is checked here:
 * -EFAULT if a copy failed; 0, -ENOMEM or @no_memory if an allocation did. So is
 * that the same call works right afterwards, and that nothing keeps the process's
 * memory or the modules.
 */
struct swept {
	void *(*prepare)(const void *of);
	int (*call)(void *state);
	void (*failed)(void *state, int error);
	void (*passed)(void *state);
	int no_memory;
	bool copies_again;
};

/* Add the case sweep/NAME, which is skipped where allocations can't be failed. */
void add_sweep(const struct swept *swept, const void *of, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
