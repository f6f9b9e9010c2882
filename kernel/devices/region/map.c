// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror kit's callbacks of a region.
 *
 * map() groups pages of equal size and access into batches for the hypervisor. It maps
 * all pages or none: if the hypervisor fails, what was mapped is unmapped again.
 */
#include <linux/bitmap.h>
#include <linux/sched.h>

#include "region.h"

#define LARGE_SIZE	(HMM_REGION_LARGE_PAGES << PAGE_SHIFT)

/* How often the hypervisor may report -ENOMEM again after it was given memory. */
#define REFILLS_MAX	8

static unsigned long region_entry(const struct hmmu_pages *pages,
				  unsigned long addr)
{
	return pages->entries[(addr - pages->start) >> PAGE_SHIFT];
}

static u64 region_pfn(const struct hmmu_pages *pages, unsigned long addr)
{
	return page_to_pfn(hmm_pfn_to_page(region_entry(pages, addr)));
}

/* Pages of a huge page are contiguous and have equal access, so one mapping does. */
static bool region_is_large(const struct region *region,
			    const struct hmmu_pages *pages, unsigned long addr)
{
	return IS_ALIGNED(addr, LARGE_SIZE) && addr + LARGE_SIZE <= pages->end &&
	       IS_ALIGNED(region_gpfn(region, addr), HMM_REGION_LARGE_PAGES) &&
	       hmm_pfn_to_map_order(region_entry(pages, addr)) >=
	       PMD_SHIFT - PAGE_SHIFT;
}

static u32 region_access(const struct region *region,
			 const struct hmmu_pages *pages, unsigned long addr)
{
	u32 access = region->flags;

	if (!(region_entry(pages, addr) & HMM_PFN_WRITE))
		access &= ~HMM_REGION_WRITE;
	return access;
}

/* Does the page have all @wanted bits, and is it not mapped in the guest yet? */
static bool region_wants(const struct region *region,
			 const struct hmmu_pages *pages, unsigned long addr,
			 unsigned long wanted)
{
	if ((region_entry(pages, addr) & wanted) != wanted)
		return false;
	return region_is_large(region, pages, addr) ||
	       !region_hv()->has(region->partition->hv,
				 region_gpfn(region, addr),
				 region_pfn(pages, addr),
				 region_access(region, pages, addr));
}

/*
 * Fills @batch with the next pages from @at on that have @wanted, and moves @at behind
 * them. Returns false if no page is left.
 */
static bool region_next_batch(struct region *region,
			      const struct hmmu_pages *pages,
			      unsigned long wanted, unsigned long *at,
			      struct hv_batch *batch)
{
	unsigned long size;

	while (*at < pages->end && !region_wants(region, pages, *at, wanted))
		*at += PAGE_SIZE;
	if (*at >= pages->end)
		return false;

	*batch = (struct hv_batch) {
		.gpfn = region_gpfn(region, *at),
		.large = region_is_large(region, pages, *at),
		.access = region_access(region, pages, *at),
		.pfns = region->pfns,
	};
	size = batch->large ? LARGE_SIZE : PAGE_SIZE;
	do {
		region->pfns[batch->n++] = region_pfn(pages, *at);
		*at += size;
	} while (*at < pages->end && batch->n < region->partition->batch &&
		 region_wants(region, pages, *at, wanted) &&
		 region_is_large(region, pages, *at) == batch->large &&
		 region_access(region, pages, *at) == batch->access);
	return true;
}

static void partition_unmap(struct partition *partition, u64 gpfn, u64 end,
			    bool may_sleep)
{
	while (gpfn < end) {
		gpfn = region_hv()->unmap(partition->hv, gpfn, end);
		atomic64_inc(&partition->unmap_calls);
		if (may_sleep)
			cond_resched();
	}
}

/* Returns 0 or -errno; in both cases @region->taken has what was mapped. */
static int region_map_batch(struct region *region, const struct hv_batch *batch,
			    u64 first)
{
	struct partition *partition = region->partition;
	unsigned int done = 0;
	int ret;

	ret = region_hv()->map(partition->hv, batch, &done);
	atomic64_inc(&partition->map_calls);
	bitmap_set(region->taken, batch->gpfn - first,
		   done * (batch->large ? HMM_REGION_LARGE_PAGES : 1));
	return ret;
}

static void region_roll_back(struct region *region, u64 first, int error)
{
	struct partition *partition = region->partition;
	unsigned int from, to;

	for_each_set_bitrange(from, to, region->taken, HMM_REGION_LARGE_PAGES)
		partition_unmap(partition, first + from, first + to, false);
	atomic64_inc(&partition->rollbacks);
	atomic64_add(error == -ENOMEM, &partition->shortages);
}

/*
 * Maps all of @pages that have @wanted; on an error none of them is left mapped. The
 * mirror lock is held.
 */
static int region_map_pages(struct region *region,
			    const struct hmmu_pages *pages,
			    unsigned long wanted)
{
	u64 first = region_gpfn(region, pages->start);
	unsigned long at = pages->start;
	struct hv_batch batch;
	int ret = 0;

	bitmap_zero(region->taken, HMM_REGION_LARGE_PAGES);
	while (!ret && region_next_batch(region, pages, wanted, &at, &batch))
		ret = region_map_batch(region, &batch, first);
	if (ret)
		region_roll_back(region, first, ret);
	return ret;
}

static int region_map(struct hmmu_mirror *mirror, const struct hmmu_pages *pages)
{
	return region_map_pages(region_of(mirror), pages, HMM_PFN_VALID);
}

static void region_unmap(struct hmmu_mirror *mirror, unsigned long start,
			 unsigned long end, bool may_sleep)
{
	struct region *region = region_of(mirror);

	partition_unmap(region->partition, region_gpfn(region, start),
			region_gpfn(region, end), may_sleep);
}

static int region_prepare(struct hmmu_mirror *mirror, unsigned long start,
			  unsigned long end)
{
	struct region *region = region_of(mirror);

	return region_hv()->prepare(region->partition->hv,
				    region_gpfn(region, start),
				    region_gpfn(region, end));
}

const struct hmmu_mirror_ops region_ops = {
	.map = region_map,
	.unmap = region_unmap,
	.prepare = region_prepare,
};

/*
 * In a writable region a page that the CPU maps read-only is shared or belongs to a
 * file. It is left out: the guest's first write would have to replace it by a copy,
 * which invalidates the mapping just made.
 */
static void region_map_present(struct hmmu_mirror *mirror,
			       const struct hmmu_pages *pages, void *data)
{
	struct region *region = region_of(mirror);
	unsigned long wanted = HMM_PFN_VALID;
	int *ret = data;

	if (region->flags & HMM_REGION_WRITE)
		wanted |= HMM_PFN_WRITE;
	*ret = region_map_pages(region, pages, wanted);
}

static int region_premap_window(struct region *region, unsigned long start,
				unsigned long end)
{
	unsigned int refills = 0;
	int ret, mapped = 0;

	do {
		ret = hmmu_mirror_snapshot(&region->mirror, start, end,
					   region_map_present, &mapped);
		ret = ret ?: mapped;
		if (ret != -ENOMEM || refills++ == REFILLS_MAX)
			return ret;
		ret = region_prepare(&region->mirror, start, end);
	} while (!ret);
	return ret;
}

/**
 * region_premap() - map the pages that are present
 * @region: the region
 *
 * Context: Process context, no locks held. Sleeps, killable.
 * Return: %0, an error of the hypervisor, or of hmmu_mirror_snapshot(). After an error
 * some pages may be mapped.
 */
int region_premap(struct region *region)
{
	unsigned long start, end;
	int ret = 0;

	for (start = region->mirror.start; !ret && start < region->mirror.end;
	     start = end) {
		end = min(region->mirror.end, ALIGN(start + 1, LARGE_SIZE));
		ret = region_premap_window(region, start, end);
	}
	return ret;
}
