/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hmm_region.ko: memory of a process as a guest's, as the root driver of a hypervisor
 * has it.
 *
 * Principle: the guest sees memory through the hypervisor's page table alone, and what
 * that maps is what the process has mapped: populated when the guest misses it,
 * dropped before it is taken away. Nothing is pinned.
 *
 *   device.c	  files and ioctls, and who may use them
 *   access.c	  a virtual CPU's step: access, intercept, populate, access
 *   regions.c	  set, unset and find regions
 *   map.c	  the kit's callbacks: pages into batches of mappings, and out
 *   dirty.c	  the dirty log
 *   hypervisor.h what a hypervisor has to do
 *   soft.c	  one in software
 *
 * Each region has a mirror of its own. A process has few and keeps them, and taking one
 * away has to end what populates it and nothing else: that is what unregistering does.
 *
 * Lock order: mmap lock -> mirror lock (the kit's) -> the hypervisor's;
 * partition->sets -> the hypervisor's. partition->lock is only for looking up, nothing
 * is taken under it.
 *
 * Hazards:
 * - A region may be unset while an access populates it: who found it holds a reference.
 *   The mirror of one that was unset is closed, and answers -ECANCELED.
 * - Its guest pages are taken from before it is ready until after the hypervisor has
 *   forgotten it, or another that has them could lose its tables: so it is in the tree
 *   all the time, and is found while it is ready.
 * - map() fails in the middle: what it has mapped is dropped again, in pages, of which a
 *   large mapping has 512. What was mapped before and is mapped in another way now is
 *   dropped with it: that takes access away and harms nobody.
 * - unmap() can't fail, so it needs no memory: prepare() has seen to that as well.
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
 * @mm: whose memory it has; only compared
 * @hv: its page table
 * @window: pages that are populated at a time
 * @batch: mappings that the hypervisor is given at a time
 * @sets: held for write where guest pages are taken and let go of, for read where they
 *	  must not change hands
 * @lock: protects @regions and @nr_regions
 * @regions: by guest page
 * @nr_regions: how many
 * @accesses: see struct hmm_region_query, as for those that follow
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
 * @mirror: of the memory behind it
 * @partition: whose
 * @node: first and last guest page, in @partition->regions
 * @ref: one is that of the tree
 * @ready: it may be found; protected by @partition->lock
 * @flags: HMM_REGION_READ, ...
 * @pfns: for a batch that is being made; protected by the mirror lock
 * @taken: what of a window the hypervisor has mapped so far; likewise
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
