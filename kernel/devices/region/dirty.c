// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log. Dirty bits are taken from the hypervisor for one large page at a time,
 * which is how the hypervisor stores them, and are put back if they cannot be copied to
 * the user.
 */
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "region.h"

static bool partition_dirty_is_sane(const struct hmm_region_dirty *dirty)
{
	return !dirty->reserved && dirty->pages &&
	       IS_ALIGNED(dirty->guest_pfn | dirty->pages, BITS_PER_LONG) &&
	       dirty->pages <= HMM_REGION_GUEST_PAGES &&
	       dirty->guest_pfn <= HMM_REGION_GUEST_PAGES - dirty->pages;
}

/* Returns whether the bits were copied to the user; if not, they are back in the log. */
static bool partition_dirty_take(struct partition *partition, u64 gpfn,
				 unsigned int pages, void __user *user,
				 u64 *dirty)
{
	DECLARE_BITMAP(bits, HMM_REGION_LARGE_PAGES);

	lockdep_assert_held(&partition->sets);
	region_hv()->take_dirty(partition->hv, gpfn, pages, bits);
	if (copy_to_user_nofault(user, bits, pages / BITS_PER_BYTE)) {
		region_hv()->put_dirty(partition->hv, gpfn, pages, bits);
		return false;
	}
	*dirty += bitmap_weight(bits, pages);
	return true;
}

/*
 * Bits that are put back must go to the region that they were taken from, so
 * partition->sets is held from taking to putting back. A fault of the user's buffer must
 * not hold up region_insert() and region_remove(), so it is handled without the lock.
 */
static int partition_dirty_copy(struct partition *partition, u64 gpfn,
				unsigned int pages, void __user *user,
				u64 *dirty)
{
	bool taken;

	for (;;) {
		if (down_read_killable(&partition->sets))
			return -EINTR;
		taken = partition_dirty_take(partition, gpfn, pages, user,
					     dirty);
		up_read(&partition->sets);
		if (taken)
			return 0;
		if (fault_in_writeable(user, pages / BITS_PER_BYTE))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/**
 * partition_dirty_log() - HMM_REGION_DIRTY_LOG
 * @partition: the guest
 * @dirty: the range and the bitmap; @dirty->dirty is set
 *
 * Context: Process context, no locks held. Sleeps, killable.
 * Return: %0 or an errno of struct hmm_region_dirty.
 */
int partition_dirty_log(struct partition *partition,
			struct hmm_region_dirty *dirty)
{
	void __user *user = u64_to_user_ptr(dirty->bitmap);
	u64 gpfn, next, end;
	int ret = 0;

	if (!partition_dirty_is_sane(dirty))
		return -EINVAL;
	dirty->dirty = 0;
	end = dirty->guest_pfn + dirty->pages;
	for (gpfn = dirty->guest_pfn; !ret && gpfn < end; gpfn = next) {
		next = min(end, round_down(gpfn, (u64)HMM_REGION_LARGE_PAGES) +
				HMM_REGION_LARGE_PAGES);
		ret = partition_dirty_copy(partition, gpfn, next - gpfn, user,
					   &dirty->dirty);
		user += (next - gpfn) / BITS_PER_BYTE;
		cond_resched();
	}
	return ret;
}
