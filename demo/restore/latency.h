/* SPDX-License-Identifier: GPL-2.0-only */
/* A histogram of times, in powers of two of microseconds. */
#ifndef RESTORE_LATENCY_H
#define RESTORE_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS	32

/**
 * struct latency - a histogram; all zeros to begin with
 * @counts: how many took less than 1 us, 2 us, 4 us, ..., not less than the step before;
 *	    the last has all that took longer
 */
struct latency {
	uint64_t counts[LATENCY_STEPS];
};

void latency_add(struct latency *latency, uint64_t ns);
void latency_add_all(struct latency *to, const struct latency *from);
uint64_t latency_count(const struct latency *latency);
void latency_show(const struct latency *latency);

#endif
