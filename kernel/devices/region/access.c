// SPDX-License-Identifier: GPL-2.0-only
/*
 * An access of a virtual CPU. If the guest page is not mapped, the hypervisor intercepts
 * the access. Then the window around the page is populated, and the guest tries again,
 * in a loop: a page that was mapped may be unmapped before it is accessed.
 */
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "region.h"

/* Most time that invalidations of the window may cost before the access fails. */
#define TIMEOUT_MS	1000

static bool partition_access_is_sane(const struct hmm_region_access *access)
{
	u64 pages = PFN_UP((u64)access->offset + access->length);

	return !access->reserved && access->offset < PAGE_SIZE &&
	       access->length && access->length <= HMM_REGION_ACCESS_MAX &&
	       access->guest_pfn <= HMM_REGION_GUEST_PAGES - pages &&
	       (access->access == HMM_REGION_READ ||
		access->access == HMM_REGION_WRITE ||
		access->access == HMM_REGION_EXECUTE);
}

/*
 * The accessed page must be populated; the others of the window are best effort. A write
 * asks for write access to all of them, since the guest is likely to write them next.
 * Pages that the process has mapped read-only stay read-only.
 */
static int region_populate(struct region *region, u64 gpfn, u32 access,
			   unsigned int window)
{
	u64 first = region->node.start;
	u64 start = first + round_down(gpfn - first, window);
	u64 end = min(start + window, (u64)region->node.last + 1);
	struct hmmu_request request = {
		.start = region_address(region, start),
		.end = region_address(region, end),
		.access = access == HMM_REGION_WRITE ? HMMU_ACCESS_WRITE :
						       HMMU_ACCESS_READ,
		.best_effort = true,
		.needed_start = region_address(region, gpfn),
		.needed_end = region_address(region, gpfn + 1),
		.timeout = msecs_to_jiffies(TIMEOUT_MS),
	};

	return hmmu_mirror_populate(&region->mirror, &request);
}

/* Invalidations of the window need not hit the accessed page: then that page alone. */
static int region_populate_window(struct region *region, u64 gpfn, u32 access)
{
	int ret = region_populate(region, gpfn, access,
				  region->partition->window);

	return ret == -EBUSY ? region_populate(region, gpfn, access, 1) : ret;
}

/* Returns 0 if the guest must try again, or the error of the access. */
static int partition_intercept(struct partition *partition, u64 gpfn,
			       u32 access)
{
	struct region *region = region_get(partition, gpfn);
	int ret = -EPERM;

	if (!region)
		return -ENXIO;
	if (region->flags & access)
		ret = region_populate_window(region, gpfn, access);
	region_put(region);
	/* The region has been unset, and another may have its pages: look again. */
	return ret == -ECANCELED ? 0 : ret;
}

/* Returns how often it was intercepted, or -errno. */
static int partition_access_page(struct partition *partition,
				 struct hv_access *step)
{
	int ret, intercepts = 0;

	while ((ret = region_hv()->access(partition->hv, step)) == -ENOENT) {
		ret = partition_intercept(partition, step->gpfn, step->access);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret)
			return ret;
		intercepts++;
	}
	return ret ?: intercepts;
}

static void partition_account(struct partition *partition,
			      const struct hv_access *step, bool intercepted)
{
	atomic64_inc(&partition->accesses);
	if (intercepted)
		atomic64_inc(&partition->intercepts);
	else if (step->first)
		atomic64_inc(&partition->window_hits);
}

static int partition_access_user(struct partition *partition,
				 struct hv_access *step, void __user *user,
				 u32 *intercepts)
{
	bool write = step->access == HMM_REGION_WRITE;
	int ret;

	if (write && copy_from_user(step->data, user, step->length))
		return -EFAULT;
	ret = partition_access_page(partition, step);
	if (ret < 0)
		return ret;
	partition_account(partition, step, ret);
	*intercepts += !!ret;
	if (!write && copy_to_user(user, step->data, step->length))
		return -EFAULT;
	return 0;
}

static int partition_access_pages(struct partition *partition,
				  struct hmm_region_access *access,
				  void *bounce)
{
	u64 from = (access->guest_pfn << PAGE_SHIFT) + access->offset;
	void __user *user = u64_to_user_ptr(access->data);
	int ret = 0;

	while (!ret && access->done < access->length) {
		u64 at = from + access->done;
		struct hv_access step = {
			.gpfn = at >> PAGE_SHIFT,
			.offset = offset_in_page(at),
			.length = min_t(u64, access->length - access->done,
					PAGE_SIZE - offset_in_page(at)),
			.access = access->access,
			.data = bounce,
		};

		ret = partition_access_user(partition, &step,
					    user + access->done,
					    &access->intercepts);
		if (!ret)
			access->done += step.length;
		cond_resched();
	}
	return ret;
}

/**
 * partition_access() - HMM_REGION_ACCESS
 * @partition: the guest
 * @access: the access; the (out) fields are set in any case
 *
 * Context: Process context of the partition's process, no locks held. Sleeps, killable.
 * Return: %0 or an errno of struct hmm_region_access.
 */
int partition_access(struct partition *partition,
		     struct hmm_region_access *access)
{
	void *bounce;
	int ret;

	access->done = 0;
	access->intercepts = 0;
	if (!partition_access_is_sane(access))
		return -EINVAL;
	bounce = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	ret = partition_access_pages(partition, access, bounce);
	kfree(bounce);
	return ret;
}
