// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the engine is compared with: begin again on each dropped lock.
 *
 * This does what mainline's hmm_range_fault_unlocked_timeout() does for pages whose
 * faults drop the lock: walk to the first missing page, fault it, read a new
 * sequence, and walk again from the start of the range.
 *
 * Mainline's walker stops at the missing page. hmm_range_fault() of these kernels
 * walks to the end of what it is given, so it is given small parts: first up to one
 * page behind the last missing page, then steps that double. Entries behind the first
 * missing page are not counted, because mainline's walker would not read them.
 *
 * Requests for single pages and the time limit are not supported.
 */
#include <linux/sched/signal.h>

#include "probe.h"

static int restart_read(struct hmm_range *range, unsigned long start,
			unsigned long end)
{
	struct hmm_range part = *range;

	part.start = start;
	part.end = end;
	part.hmm_pfns += (start - range->start) >> PAGE_SHIFT;
	part.default_flags = 0;
	part.pfn_flags_mask = 0;
	return hmm_range_fault(&part);
}

static unsigned long restart_find_missing(struct hmm_range *range,
					  unsigned long addr, unsigned long end)
{
	for (; addr < end; addr += PAGE_SIZE)
		if (~range->hmm_pfns[(addr - range->start) >> PAGE_SHIFT] &
		    range->default_flags)
			break;
	return addr;
}

/* Walk from the start to the first page that is missing. */
static int restart_walk(struct hmm_range *range, unsigned long *missing,
			struct hmm_unlocked_counters *counters)
{
	unsigned long addr = range->start, step = PAGE_SIZE;
	unsigned long stop = min(*missing + 2 * PAGE_SIZE, range->end);
	unsigned long found;
	int ret;

	while (addr < range->end) {
		ret = restart_read(range, addr, stop);
		if (ret)
			return ret;
		found = restart_find_missing(range, addr, stop);
		counters->n[HMM_UNLOCKED_ENTRIES_READ] +=
			((found - addr) >> PAGE_SHIFT) + (found < stop);
		addr = found;
		if (found < stop)
			break;
		step = min(2 * step, PMD_SIZE);
		stop = min(addr + step, range->end);
	}
	*missing = addr;
	return 0;
}

static int restart_fault(struct hmm_range *range, unsigned long addr,
			 bool *dropped, struct hmm_unlocked_counters *counters)
{
	unsigned int flags = FAULT_FLAG_REMOTE | FAULT_FLAG_ALLOW_RETRY |
			     FAULT_FLAG_KILLABLE;
	struct vm_area_struct *vma = vma_lookup(range->notifier->mm, addr);
	vm_fault_t result;

	*dropped = false;
	if (!vma || vma->vm_flags & (VM_IO | VM_PFNMAP) ||
	    !(vma->vm_flags & VM_READ))
		return -EFAULT;
	if (range->default_flags & HMM_PFN_REQ_WRITE) {
		if (!(vma->vm_flags & VM_WRITE))
			return -EPERM;
		flags |= FAULT_FLAG_WRITE;
	}

	counters->n[HMM_UNLOCKED_FAULTS]++;
	result = handle_mm_fault(vma, addr, flags, NULL);
	if (result & VM_FAULT_ERROR)
		return vm_fault_to_errno(result, 0) ?: -EINVAL;
	*dropped = result & (VM_FAULT_RETRY | VM_FAULT_COMPLETED);
	counters->n[HMM_UNLOCKED_LOCK_DROPS] += *dropped;
	return 0;
}

/* Ends when all pages are there, a fault fails, or a fault drops the lock. */
static int restart_pass(struct hmm_range *range, unsigned long *missing,
			bool *dropped, struct hmm_unlocked_counters *counters)
{
	int ret;

	*dropped = false;
	for (;;) {
		ret = restart_walk(range, missing, counters);
		if (ret || *missing == range->end)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = restart_fault(range, *missing, dropped, counters);
		if (ret || *dropped)
			return ret;
	}
}

int probe_restart(struct hmm_range *range, struct hmmu_probe_run *run,
		  struct hmm_unlocked_counters *counters)
{
	struct mm_struct *mm = range->notifier->mm;
	unsigned long missing = range->start;
	bool dropped;
	int ret;

	if (range->pfn_flags_mask || range->start >= range->end ||
	    !PAGE_ALIGNED(range->start | range->end))
		return -EINVAL;

	for (;;) {
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		ret = restart_pass(range, &missing, &dropped, counters);
		if (!dropped)
			mmap_read_unlock(mm);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ret != -EBUSY && !dropped)
			return ret;
		counters->n[HMM_UNLOCKED_RESTARTS]++;
		cond_resched();
	}
}
