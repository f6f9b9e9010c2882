/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two ways to do the same: which of them is faster here, by trying. The second is to be
 * an eighth faster: of two that are nearly alike the first is kept to.
 *
 * Each is tried a few times to begin with. Then what is faster is kept to, and the other
 * tried now and then, for what else the machine does changes; always a few times in a row,
 * for a processor that was asleep begins slowly. What counts of each is the best of its
 * last times: anything may come between.
 */
#ifndef LAZYMEM_TRIED_H
#define LAZYMEM_TRIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIED_TIMES	4

/*
 * All zeros to begin with.
 * @times: how often it was done
 * @last: nanoseconds that 64 KiB took in each way, the last times; 0: not known
 * @next: where in @last the next is to be
 */
struct tried {
	unsigned int times;
	uint64_t last[2][TRIED_TIMES];
	unsigned int next[2];
};

/* Whether to do it in the second way now. */
bool tried_second(const struct tried *tried);

/* It was done in the @second way or in the first. @bytes 0: it is no measure. */
void tried_note(struct tried *tried, bool second, size_t bytes, uint64_t ns);

#endif
