// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that a run can make. Each function makes one call, as a driver would, and
 * without the driver's loop: probe.c has that.
 */
#include <linux/kernel.h>
#include <linux/jiffies.h>

#include "../../compat/mainline.h"
#include "probe.h"

static int probe_stock(struct hmm_range *range, struct hmmu_probe_run *run,
		       struct hmm_unlocked_counters *counters)
{
	struct mm_struct *mm = range->notifier->mm;
	int ret;

	range->notifier_seq = mmu_interval_read_begin(range->notifier);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = hmm_range_fault(range);
	mmap_read_unlock(mm);
	return ret;
}

static int probe_snapshot(struct hmm_range *range, struct hmmu_probe_run *run,
			  struct hmm_unlocked_counters *counters)
{
	range->default_flags = 0;
	range->pfn_flags_mask = 0;
	return probe_stock(range, run, counters);
}

static int probe_unlockable(struct hmm_range *range, struct hmmu_probe_run *run,
			    struct hmm_unlocked_counters *counters)
{
	struct mm_struct *mm = range->notifier->mm;
	int locked = 1;
	int ret;

	range->notifier_seq = mmu_interval_read_begin(range->notifier);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = hmmu_range_fault_unlockable(range, &locked, counters);
	if (locked)
		mmap_read_unlock(mm);
	run->locked = locked;
	return ret;
}

static int probe_unlocked(struct hmm_range *range, struct hmmu_probe_run *run,
			  struct hmm_unlocked_counters *counters)
{
	return hmmu_range_fault_unlocked(range,
					 msecs_to_jiffies(run->timeout_ms),
					 counters);
}

static int probe_mainline(struct hmm_range *range, struct hmmu_probe_run *run,
			  struct hmm_unlocked_counters *counters)
{
	return hmmu_mainline_fault(range, msecs_to_jiffies(run->timeout_ms));
}

static probe_call_fn * const probe_calls[] = {
	[HMMU_PROBE_STOCK]	= probe_stock,
	[HMMU_PROBE_SNAPSHOT]	= probe_snapshot,
	[HMMU_PROBE_UNLOCKABLE]	= probe_unlockable,
	[HMMU_PROBE_UNLOCKED]	= probe_unlocked,
	[HMMU_PROBE_RESTART]	= probe_restart,
	[HMMU_PROBE_MAINLINE]	= probe_mainline,
};

probe_call_fn *probe_call(u32 call)
{
	return call < ARRAY_SIZE(probe_calls) ? probe_calls[call] : NULL;
}
