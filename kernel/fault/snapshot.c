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
