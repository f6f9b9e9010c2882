// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the CPU page tables.
 *
 * The walker is the running kernel's own hmm_range_fault(). Asked for nothing, it
 * makes no fault and waits for no page, so it can hold the lock throughout. And it
 * knows every kind of entry of this kernel; a walker of ours would have to follow
 * the kernel from release to release.
 */
#include <linux/minmax.h>

#include "../compat/entries.h"
#include "call.h"

/**
 * hmmu_call_snapshot() - read the entries of [@start, @end) as they are
 * @call: the call
 * @start: first address, in the call's range
 * @end: first address after
 *
 * Afterwards an entry has HMM_PFN_ERROR where no page can be (no VMA, no read
 * permission, special mapping), HMM_PFN_VALID where a page is, and neither where a
 * fault may bring one. From Linux 7.0 on an entry also has HMM_PFN_ERROR where another
 * device has a huge page, which a fault may bring. Bits that the kernel carries from
 * input to output (HMMU_PFN_STICKY) stay as the caller has set them.
 *
 * Context: mmap lock held for read. Sleeps at most for the hugetlb VMA lock.
 * Return:
 * * %0	    - read, true until the sequence moves
 * * %-EBUSY - the sequence has moved; nothing was read
 */
int hmmu_call_snapshot(struct hmmu_call *call, unsigned long start,
		       unsigned long end)
{
	struct hmm_range part = {
		.notifier = call->range->notifier,
		.notifier_seq = call->range->notifier_seq,
		.start = start,
		.end = end,
		.hmm_pfns = hmmu_call_entry(call, start),
		.dev_private_owner = call->range->dev_private_owner,
	};
	int ret;

	mmap_assert_locked(call->mm);

	ret = hmm_range_fault(&part);
	if (ret == -EBUSY)
		return hmmu_call_sequence_moved(call, HMM_UNLOCKED_MOVED_HELD);
	if (ret)
		return ret;
	hmmu_correct_entries(&part);
	call->walked = true;
	call->known = max(call->known, end);
	hmmu_call_count(call, HMM_UNLOCKED_ENTRIES_READ,
			(end - start) >> PAGE_SHIFT);
	return 0;
}

/*
 * The entries of one huge page in one page table, from the entry at @addr, which was read.
 * One entry of the CPU page tables maps them all, so one reading is as good for all.
 * Returns where the next table begins, or @end.
 */
static unsigned long entries_follow(struct hmmu_call *call, unsigned long addr,
				    unsigned long end)
{
	unsigned long stop = min(end, hmmu_table_end(addr));
	unsigned long *entry = hmmu_call_entry(call, addr);
	unsigned long first = *entry & ~HMMU_PFN_STICKY;
	unsigned long n = (stop - addr) >> PAGE_SHIFT, i;

	for (i = 1; i < n; i++)
		entry[i] = (first + i) | (entry[i] & HMMU_PFN_STICKY);
	call->known = max(call->known, stop);
	return stop;
}

/**
 * hmmu_call_snapshot_huge() - read huge pages, one entry of each
 * @call: the call
 * @addr: on input where to begin; on output the end of what was read: @end, or behind the
 *	  first page that is not of a huge page, or behind a huge page that is short
 * @end: where to stop
 *
 * Context: as hmmu_call_snapshot().
 * Return: as hmmu_call_snapshot().
 */
int hmmu_call_snapshot_huge(struct hmmu_call *call, unsigned long *addr,
			    unsigned long end)
{
	unsigned long page;
	int ret;

	do {
		page = *addr;
		ret = hmmu_call_snapshot(call, page, page + PAGE_SIZE);
		if (ret)
			return ret;
		*addr = page + PAGE_SIZE;
		if (!hmmu_entry_is_huge(*hmmu_call_entry(call, page)))
			return 0;
		*addr = entries_follow(call, page, end);
		/* Faulting it may move the sequence: more would be read in vain. */
	} while (*addr < end && hmmu_call_plan_first(call, page, *addr) == *addr);
	return 0;
}
