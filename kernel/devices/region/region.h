/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hmm_region.ko: memory of a process becomes memory of a guest, as the root driver of a
 * hypervisor does it.
 *
 * Principle: the guest sees memory only through the hypervisor's page table, and that
 * maps only pages that the process has mapped. A page is populated when the guest
 * misses it, and unmapped from the guest before the process loses it. Nothing is
 * pinned.
 *
 *   device.c	  files and ioctls, and who may use them
 *   access.c	  an access of a virtual CPU: access, intercept, populate, access again
 *   regions.c	  set, unset and find regions
 *   map.c	  the kit's callbacks: pages into batches of mappings, and out
 *   dirty.c	  the dirty log
 *   hypervisor.h what a hypervisor must do
 *   soft.c	  a hypervisor in software
 *
 * Each region has its own mirror. A process has few regions and keeps them; and unsetting
 * a region must cancel what populates that region and nothing else, which is what
 * hmmu_mirror_unregister() does.
 *
 * Lock order: mmap lock -> mirror lock (the kit's) -> the hypervisor's;
 * partition->sets -> the hypervisor's. No lock is taken under partition->lock.
 *
 * Hazards:
 * - A region may be unset while an access populates it: region_get() takes a reference.
 *   The mirror of an unset region is closed, and populating it returns -ECANCELED.
 * - A region owns its guest pages from before it is ready until after the hypervisor has
 *   freed their tables; otherwise a new region with the same pages could lose its
 *   tables. So a region is in the tree all that time, and region_get() finds it only
 *   while it is ready.
 * - map() may fail in the middle. What it has mapped is unmapped again, page by page (a
 *   large mapping counts as 512 pages). A page that was mapped before and has been mapped
 *   again in another way is unmapped too: the guest populates it again on its next access.
 * - unmap() cannot fail, so it must not need memory: prepare() has allocated it.
 */
#ifndef _REGION_REGION_H
#define _REGION_REGION_H

#include <linux/hmmu_mirror.h>
#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/rwsem.h>

#include "hypervisor.h"

/**
 * struct partition - a guest
 * @mm: the memory behind its regions; only compared with current->mm
 * @hv: its page table
 * @window: pages that are populated at a time
 * @batch: most mappings that the hypervisor is given at a time
 * @sets: write: a region takes or releases guest pages. Read: guest pages stay with
 *	  their region, as the dirty log needs
 * @lock: protects @regions, @nr_regions and region->ready
 * @regions: indexed by guest page
 * @nr_regions: number of regions in @regions
 * @accesses: this and the following counters: see struct hmm_region_query
 */
struct partition {
	struct mm_struct *mm;
	struct hv *hv;
	unsigned int window;
	unsigned int batch;
	struct rw_semaphore sets;
	spinlock_t lock;
	struct rb_root_cached regions;
	unsigned int nr_regions;
	atomic64_t accesses;
	atomic64_t intercepts;
	atomic64_t window_hits;
	atomic64_t map_calls;
	atomic64_t unmap_calls;
	atomic64_t rollbacks;
	atomic64_t shortages;
};

/**
 * struct region - memory of a guest
 * @mirror: mirror of the process's memory behind the region
 * @partition: the guest
 * @node: first and last guest page, in @partition->regions
 * @ref: references; the tree holds one
 * @ready: region_get() may find it; protected by @partition->lock
 * @flags: HMM_REGION_READ, ...
 * @pfns: page frames of the batch that is being made; protected by the mirror lock
 * @taken: pages of the window that map() has mapped so far; protected by the mirror lock
 */
struct region {
	struct hmmu_mirror mirror;
	struct partition *partition;
	struct interval_tree_node node;
	struct kref ref;
	bool ready;
	u32 flags;
	u64 *pfns;
	DECLARE_BITMAP(taken, HMM_REGION_LARGE_PAGES);
};

static inline const struct hv_ops *region_hv(void)
{
	return &hv_soft;
}

static inline struct region *region_of(struct hmmu_mirror *mirror)
{
	return container_of(mirror, struct region, mirror);
}

static inline u64 region_gpfn(const struct region *region, unsigned long addr)
{
	return region->node.start + ((addr - region->mirror.start) >> PAGE_SHIFT);
}

static inline unsigned long region_address(const struct region *region, u64 gpfn)
{
	return region->mirror.start + ((gpfn - region->node.start) << PAGE_SHIFT);
}

/* regions.c */
int region_set(struct partition *partition, const struct hmm_region_set *set);
int region_unset(struct partition *partition,
		 const struct hmm_region_unset *unset);
void regions_unset_all(struct partition *partition);
struct region *region_get(struct partition *partition, u64 gpfn);
void region_put(struct region *region);

/* map.c */
extern const struct hmmu_mirror_ops region_ops;
int region_premap(struct region *region);

/* access.c */
int partition_access(struct partition *partition,
		     struct hmm_region_access *access);

/* dirty.c */
int partition_dirty_log(struct partition *partition,
			struct hmm_region_dirty *dirty);

#endif
