// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks that hmm_range_fault() of this kernel accepts a notifier that was never inserted:
 * see mirror.h.
 */
#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/printk.h>

#include "mirror.h"

static int selftest_read_page(struct mmu_interval_notifier *notifier,
			      unsigned long seq)
{
	unsigned long entry = 0;
	struct hmm_range range = {
		.notifier = notifier,
		.notifier_seq = seq,
		.start = PAGE_SIZE,
		.end = 2 * PAGE_SIZE,
		.hmm_pfns = &entry,
	};
	int ret;

	mmap_read_lock(notifier->mm);
	ret = hmm_range_fault(&range);
	mmap_read_unlock(notifier->mm);
	return ret;
}

/**
 * hmmu_flight_selftest() - run the check on the process that loads the module
 *
 * Return: %0, or %-EOPNOTSUPP: the mirror kit cannot work on this kernel.
 */
int hmmu_flight_selftest(void)
{
	struct mmu_interval_notifier notifier = {
		.mm = current->mm,
		.invalidate_seq = 5,
	};
	int same, moved;

	if (!current->mm)
		return 0;
	same = selftest_read_page(&notifier, 5);
	mmu_interval_set_seq(&notifier, 6);
	moved = selftest_read_page(&notifier, 5);
	if (!same && moved == -EBUSY)
		return 0;
	pr_err("hmm_unlocked: hmm_range_fault() wants more of a notifier than its mm and sequence (%d, %d): not for this kernel\n",
	       same, moved);
	return -EOPNOTSUPP;
}
