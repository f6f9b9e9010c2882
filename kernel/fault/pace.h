/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many faults to have in flight: what was learned. A call of the engine has one, or
 * borrows that of a mirror, which keeps it from one call to the next.
 */
#ifndef _FAULT_PACE_H
#define _FAULT_PACE_H

#include <linux/types.h>

#define HMMU_PACE_LEVELS	4U

/**
 * struct hmmu_pace - how many faults to have in flight, as learned so far
 * @limit: most faults in flight; 0: as the module's parameter says
 * @level: the best number so far, as a power of 4; the last level is all that are allowed
 * @cost: recent time per page at each level, in ns; 0: not known
 * @waited: time spent at @level since something was tried, in ns
 * @hold: nothing is tried until @waited is as large, in ns
 * @patience: @hold is the time of the last try times two to this power
 * @noted: number of rounds that were learned from
 * @eager: a larger number was better: try a still larger one at once
 * @down: try a smaller number next
 *
 * It begins with zeros.
 */
struct hmmu_pace {
	unsigned int limit;
	unsigned int level;
	u64 cost[HMMU_PACE_LEVELS];
	u64 waited;
	u64 hold;
	unsigned int patience;
	u64 noted;
	bool eager;
	bool down;
};

unsigned int hmmu_pace_next(const struct hmmu_pace *pace, unsigned int limit);
unsigned int hmmu_pace_pages(const struct hmmu_pace *pace, unsigned int width);
void hmmu_pace_note(struct hmmu_pace *pace, unsigned int width,
		    unsigned int pages, u64 ns);

#endif
