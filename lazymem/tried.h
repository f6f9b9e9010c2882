/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two ways to do the same thing: find out by use which is faster on this machine.
 *
 * Each way is tried 4 times to begin with. Then the faster one is kept, and the other is
 * tried now and then, as the load of the machine changes. The second way must be faster by
 * an eighth: of two that are nearly alike the first is kept. The other is tried 4 times in a
 * row, since a processor that was asleep begins slowly. The best of the last 4 times counts
 * for each, since an interrupt may lengthen any of them.
 */
#ifndef LAZYMEM_TRIED_H
#define LAZYMEM_TRIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIED_TIMES	4

/**
 * struct tried - what is known of two ways; all zeros to begin with
 * @times: how often the thing was done
 * @last: nanoseconds per 64 KiB in each way, the last TRIED_TIMES times; 0: not known
 * @next: where in @last the next time goes to
 */
struct tried {
	unsigned int times;
	uint64_t last[2][TRIED_TIMES];
	unsigned int next[2];
};

/* Whether to do it in the second way now. */
bool tried_use_second(const struct tried *tried);

/* It took @ns in the @second way or in the first. @bytes 0: it failed, do not count it. */
void tried_note(struct tried *tried, bool second, size_t bytes, uint64_t ns);

#endif
