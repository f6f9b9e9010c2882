/* SPDX-License-Identifier: GPL-2.0-only */
/* What a mirror keeps for the fault engine; nothing that a driver uses. */
#ifndef _LINUX_HMMU_PACE_H
#define _LINUX_HMMU_PACE_H

#include <linux/types.h>

#define HMMU_PACE_LEVELS	4U

/**
 * struct hmmu_pace - how many faults to have in flight, as learned so far
 * @limit: at most so many; 0: as the module's parameter says
 * @level: the best of what was tried: 4 to that power, the last is all that are allowed
 * @cost: time a page with each, in ns, lately; 0: not known
 * @waited: for how long it was done at @level since something was tried, in ns
 * @hold: until when nothing is to be tried, by @waited
 * @patience: of @hold, as a power of two of the time that the last try took
 * @noted: how many rounds it knows of
 * @eager: more was better: try still more at once
 * @down: next time try fewer
 *
 * All zeros to begin with.
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

#endif
