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

/**
 * struct probe_file - an open file
 * @whole: the notifier over the whole memory of the opener
 * @faults_fail: faults of the file's own memory fail, see memory.c
 */
struct probe_file {
	struct probe_interval whole;
	bool faults_fail;
};

/* calls.c */
typedef int probe_call_fn(struct hmm_range *range, struct hmmu_probe_run *run,
			  struct hmm_unlocked_counters *counters);

probe_call_fn *probe_call(u32 call);

/* memory.c */
int probe_memory_map(struct probe_file *of, struct vm_area_struct *vma);
void probe_memory_end(struct probe_file *of);

/* restart.c */
probe_call_fn probe_restart;

#endif
