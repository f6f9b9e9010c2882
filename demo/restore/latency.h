/* SPDX-License-Identifier: GPL-2.0-only */
/* A histogram of times, in powers of two of microseconds. */
#ifndef RESTORE_LATENCY_H
#define RESTORE_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS	32

/**
 * struct latency - a histogram; begins with all zeros
 * @counts: number of times below 1 us, 2 us, 4 us, ..., without those of the steps
 *	    before; the last step has all longer times too
 */
struct latency {
	uint64_t counts[LATENCY_STEPS];
};

void latency_add(struct latency *latency, uint64_t ns);
void latency_add_all(struct latency *to, const struct latency *from);
uint64_t latency_count(const struct latency *latency);
void latency_show(const struct latency *latency);

#endif
