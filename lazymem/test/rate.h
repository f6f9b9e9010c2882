/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast memory is brought that nobody waits for, beside a bare loop of UFFDIO_COPY.
 *
 * The loop copies the image from a mapping of it, which was populated before the clock
 * runs: it reads nothing and decides nothing. A session reads the image, which is in the
 * page cache, and puts it in place in the same chunks.
 */
#ifndef LAZYMEM_RATE_H
#define LAZYMEM_RATE_H

#include <stddef.h>

enum rate {
	RATE_LAZYMEM,
	RATE_BARE,	/* chunks of 256 KiB, as a session's */
	RATE_BARE_TWO,	/* the same by two threads, a half each */
	RATE_BARE_4K,	/* page by page */
	RATES
};

extern const char *const rate_names[RATES];

/*
 * Pages a second, each measured once, on @pages of fresh memory; @image is a file of that
 * many pages at least. Ends the program if there is no measuring.
 */
void rate_measure(const char *image, size_t pages, double rates[RATES]);

#endif
