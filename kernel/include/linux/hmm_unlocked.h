/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hmm_range_fault() for drivers that cannot hold the mmap lock throughout.
 *
 * A driver includes this file after, or in place of, <linux/hmm.h> and calls
 *
 *	hmm_range_fault_unlocked_timeout(range, timeout)    the usual choice
 *	hmm_range_fault_unlockable(range, &locked)	    lock held by caller
 *
 * The names are those of mainline. The symbols behind them carry a prefix of
 * our own, so that this module loads beside a kernel that exports its own call,
 * and a driver moves to that kernel's by deleting this include.
 */
#ifndef _LINUX_HMM_UNLOCKED_H
#define _LINUX_HMM_UNLOCKED_H

#include <linux/hmm.h>
#include <linux/types.h>

#include "../uapi/hmm_unlocked_counters.h"

/**
 * struct hmm_unlocked_counters - what one call did, or all calls together
 * @n: indexed by enum hmm_unlocked_counter
 */
struct hmm_unlocked_counters {
	u64 n[HMM_UNLOCKED_NR_COUNTERS];
};

int hmmu_range_fault_unlockable(struct hmm_range *range, int *locked,
				struct hmm_unlocked_counters *counters);
int hmmu_range_fault_unlocked(struct hmm_range *range, unsigned long timeout,
			      struct hmm_unlocked_counters *counters);

#define hmm_range_fault_unlockable(range, locked) \
	hmmu_range_fault_unlockable(range, locked, NULL)

#define hmm_range_fault_unlocked_timeout(range, timeout) \
	hmmu_range_fault_unlocked(range, timeout, NULL)

#endif
