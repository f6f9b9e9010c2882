// SPDX-License-Identifier: GPL-2.0-only
/*
 * Set, unset and find regions: which guest pages have which memory behind them.
 *
 * A region is in partition->regions from region_insert() to region_remove(), and owns its
 * guest pages that long. region_get() finds it only between region_make_ready() and
 * region_claim(). What claims a region unsets it; nothing else may.
 */
#include <linux/interval_tree.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "region.h"

#define REGION_FLAGS	(HMM_REGION_READ | HMM_REGION_WRITE | HMM_REGION_EXECUTE)

static bool region_set_is_sane(const struct hmm_region_set *set)
{
	return !set->reserved && set->pages &&
	       set->pages <= HMM_REGION_GUEST_PAGES &&
	       set->guest_pfn <= HMM_REGION_GUEST_PAGES - set->pages &&
	       PAGE_ALIGNED(set->address) &&
	       access_ok((void __user *)set->address,
			 set->pages << PAGE_SHIFT) &&
	       set->flags & HMM_REGION_READ &&
	       !(set->flags & ~(REGION_FLAGS | HMM_REGION_SET_PREMAP));
}

/*
 * Returns -EOPNOTSUPP for memory of a driver (VM_IO, VM_PFNMAP): it has no struct pages
 * that could be faulted and invalidated one by one.
 */
static int region_check_memory(unsigned long start, unsigned long end)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret = mmap_read_lock_killable(mm);

	if (ret)
		return ret;
	while (start < end && (vma = find_vma(mm, start)) &&
	       vma->vm_start < end) {
		if (vma->vm_flags & (VM_IO | VM_PFNMAP)) {
			ret = -EOPNOTSUPP;
			break;
		}
		start = vma->vm_end;
	}
	mmap_read_unlock(mm);
	return ret;
}

static struct region *region_find(struct partition *partition, u64 first,
				  u64 last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&partition->lock);
	node = interval_tree_iter_first(&partition->regions, first, last);
	return node ? container_of(node, struct region, node) : NULL;
}

static bool region_exists(struct partition *partition, u64 first, u64 last)
{
	bool taken;

	spin_lock(&partition->lock);
	taken = region_find(partition, first, last);
	spin_unlock(&partition->lock);
	return taken;
}

/**
 * region_get() - find the region of a guest page
 * @partition: the guest
 * @gpfn: the page
 *
 * Return: the region, for region_put(), or NULL.
 */
struct region *region_get(struct partition *partition, u64 gpfn)
{
	struct region *region;

	spin_lock(&partition->lock);
	region = region_find(partition, gpfn, gpfn);
	if (region && !region->ready)
		region = NULL;
	if (region)
		kref_get(&region->ref);
	spin_unlock(&partition->lock);
	return region;
}

static void region_free(struct kref *ref)
{
	struct region *region = container_of(ref, struct region, ref);

	kfree(region->pfns);
	kfree(region);
}

/**
 * region_put() - end of region_get()
 * @region: the region
 */
void region_put(struct region *region)
{
	kref_put(&region->ref, region_free);
}

static struct region *region_new(struct partition *partition,
				 const struct hmm_region_set *set)
{
	struct region *region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);

	if (!region)
		return NULL;
	kref_init(&region->ref);
	region->partition = partition;
	region->node.start = set->guest_pfn;
	region->node.last = set->guest_pfn + set->pages - 1;
	region->flags = set->flags & REGION_FLAGS;
	region->pfns = kmalloc_array(partition->batch, sizeof(*region->pfns),
				     GFP_KERNEL_ACCOUNT);
	if (!region->pfns) {
		region_put(region);
		return NULL;
	}
	return region;
}

/* Takes the region's guest pages. */
static int region_insert(struct region *region)
{
	struct partition *partition = region->partition;
	int ret = 0;

	down_write(&partition->sets);
	spin_lock(&partition->lock);
	if (region_find(partition, region->node.start, region->node.last))
		ret = -EEXIST;
	else if (partition->nr_regions == HMM_REGION_MAX)
		ret = -ENOSPC;
	if (!ret) {
		interval_tree_insert(&region->node, &partition->regions);
		partition->nr_regions++;
	}
	spin_unlock(&partition->lock);
	up_write(&partition->sets);
	return ret;
}

/*
 * The hypervisor's table of a large page may be shared: it is freed only if no other
 * region has guest pages in that large page.
 */
static void region_forget(struct region *region)
{
	struct partition *partition = region->partition;
	u64 first = region->node.start, end = region->node.last + 1;
	u64 low = round_down(first, HMM_REGION_LARGE_PAGES);
	u64 high = round_up(end, HMM_REGION_LARGE_PAGES);

	if (low < first && region_exists(partition, low, first - 1))
		low = first;
	if (high > end && region_exists(partition, end, high - 1))
		high = end;
	region_hv()->forget(partition->hv, low, high);
}

/* Releases the region's guest pages. Only holders of a reference use it any more. */
static void region_remove(struct region *region)
{
	struct partition *partition = region->partition;

	down_write(&partition->sets);
	region_forget(region);
	spin_lock(&partition->lock);
	interval_tree_remove(&region->node, &partition->regions);
	partition->nr_regions--;
	spin_unlock(&partition->lock);
	up_write(&partition->sets);
	region_put(region);
}

static void region_end(struct region *region)
{
	hmmu_mirror_unregister(&region->mirror);
	region_remove(region);
}

static void region_make_ready(struct region *region)
{
	spin_lock(&region->partition->lock);
	region->ready = true;
	spin_unlock(&region->partition->lock);
}

/* Begins to mirror the memory. The region has its guest pages. */
static int region_begin(struct region *region, const struct hmm_region_set *set)
{
	int ret;

	ret = hmmu_mirror_register(&region->mirror, &(struct hmmu_mirror_config) {
		.name = "hmm_region",
		.start = set->address,
		.end = set->address + (set->pages << PAGE_SHIFT),
		.ops = &region_ops,
	});
	if (ret) {
		region_remove(region);
		return ret;
	}
	if (set->flags & HMM_REGION_SET_PREMAP)
		ret = region_premap(region);
	if (ret)
		region_end(region);
	else
		region_make_ready(region);
	return ret;
}

/**
 * region_set() - HMM_REGION_SET
 * @partition: the guest
 * @set: the region
 *
 * Context: Process context of the partition's process, no locks held. Sleeps.
 * Return: %0 or an errno of struct hmm_region_set.
 */
int region_set(struct partition *partition, const struct hmm_region_set *set)
{
	struct region *region;
	int ret;

	if (!region_set_is_sane(set))
		return -EINVAL;
	ret = region_check_memory(set->address,
				  set->address + (set->pages << PAGE_SHIFT));
	if (ret)
		return ret;
	region = region_new(partition, set);
	if (!region)
		return -ENOMEM;
	ret = region_insert(region);
	if (ret) {
		region_put(region);
		return ret;
	}
	return region_begin(region, set);
}

/*
 * Finds a ready region with exactly these guest pages, or with any of them, and clears
 * @ready. The caller must call region_end().
 */
static struct region *region_claim(struct partition *partition, u64 first,
				   u64 last, bool exactly)
{
	struct region *region;

	spin_lock(&partition->lock);
	region = region_find(partition, first, last);
	if (region && (!region->ready ||
		       (exactly && (region->node.start != first ||
				    region->node.last != last))))
		region = NULL;
	if (region)
		region->ready = false;
	spin_unlock(&partition->lock);
	return region;
}

/**
 * region_unset() - HMM_REGION_UNSET
 * @partition: the guest
 * @unset: guest pages of the region
 *
 * Context: Process context, no locks held. Sleeps.
 * Return: %0 or an errno of struct hmm_region_unset.
 */
int region_unset(struct partition *partition,
		 const struct hmm_region_unset *unset)
{
	struct region *region = NULL;

	if (unset->pages)
		region = region_claim(partition, unset->guest_pfn,
				      unset->guest_pfn + unset->pages - 1, true);
	if (!region)
		return -ENOENT;
	region_end(region);
	return 0;
}

/**
 * regions_unset_all() - unset all regions at the end of a guest
 * @partition: the guest; no other call uses it any more
 *
 * Context: Process context, no locks held. Sleeps.
 */
void regions_unset_all(struct partition *partition)
{
	struct region *region;

	while ((region = region_claim(partition, 0, U64_MAX, false)))
		region_end(region);
}
