/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of the probe; probe.c has the principle and the lock order. */
#ifndef _PROBE_PROBE_H
#define _PROBE_PROBE_H

#include <linux/hmm_unlocked.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "../../include/uapi/hmm_unlocked_probe.h"

/**
 * struct probe_interval - a notifier with the lock that a driver pairs it with
 * @notifier: the notifier
 * @lock: taken by invalidation; held while collected entries are used
 */
struct probe_interval {
	struct mmu_interval_notifier notifier;
	struct mutex lock;
};

/* calls.c */
typedef int probe_call_fn(struct hmm_range *range, struct hmmu_probe_run *run,
			  struct hmm_unlocked_counters *counters);

probe_call_fn *probe_call(u32 call);

/* restart.c */
probe_call_fn probe_restart;

#endif
