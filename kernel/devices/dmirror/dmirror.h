/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hmm_dmirror.ko: a device in software on the mirror kit.
 *
 * Principle: the device sees memory only through its own page table. An access looks
 * up the page there; a missing page is populated, and the access looks again.
 *
 *   device.c	files and ioctls, and who may use them
 *   access.c	READ and WRITE: the device's accesses
 *   table.c	the device's page table, and the kit's callbacks that change it
 *   snapshot.c	SNAPSHOT and COMPARE: read the CPU's page table, compare both
 *   prefetch.c	PREFETCH, WAIT, CANCEL
 *   memory.c	the device's memory, RELEASE, FLAGS
 *   migrate.c	MIGRATE_TO_DEV, MIGRATE_TO_SYS, MOVE, POPULATE_DEV, EXCLUSIVE
 *
 * Lock order: the kit's -> xa_lock of the table -> those of page->mapping. The
 * device holds the table's xa_lock from looking up an entry to the end of its access
 * to the page. So unmapping waits for the access, as a TLB flush does in hardware.
 */
#ifndef _DMIRROR_DMIRROR_H
#define _DMIRROR_DMIRROR_H

#include <linux/hmmu_mirror.h>
#include <linux/miscdevice.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "../../include/uapi/hmm_dmirror.h"

/* Bits of struct dmirror_device.flags. */
#define DMIRROR_FAIL_ALLOC	0	/* the next huge page */
#define DMIRROR_FAIL_PAGE	1	/* the next small page, and huge pages until then */

/**
 * struct dmirror_device - a device
 * @misc: its character device
 * @memory: its memory, if @has_memory
 * @has_memory: memory was added
 * @flags: DMIRROR_*
 */
struct dmirror_device {
	struct miscdevice misc;
	struct hmmu_memory memory;
	bool has_memory;
	unsigned long flags;
};

/**
 * struct dmirror - an open file
 * @mirror: the mirror of the opener's memory
 * @table: the device's page table, indexed by page number; see table.c
 * @unmaps: number of calls of unmap()
 * @files: the opener's files_struct, for dmirror_flush(); only compared
 * @prefetch_lock: protects @prefetches, @ended and @failed
 * @prefetches: prefetches in progress
 * @ended: prefetches that have ended since the last WAIT
 * @failed: how many of @ended have failed
 * @prefetch_wait: WAIT waits here until @prefetches is 0
 */
struct dmirror {
	struct hmmu_mirror mirror;
	struct xarray table;
	atomic_long_t unmaps;
	const void *files;
	spinlock_t prefetch_lock;
	unsigned int prefetches;
	unsigned int ended;
	unsigned int failed;
	wait_queue_head_t prefetch_wait;
};

static inline struct dmirror *dmirror_of(struct hmmu_mirror *mirror)
{
	return container_of(mirror, struct dmirror, mirror);
}

/* First address behind the pages of a call. dmirror_ioctl() has checked the sum. */
static inline unsigned long dmirror_cmd_end(const struct hmm_dmirror_cmd *cmd)
{
	return cmd->addr + (cmd->npages << PAGE_SHIFT);
}

typedef int dmirror_call_fn(struct dmirror *dmirror,
			    struct hmm_dmirror_cmd *cmd);

/* access.c */
dmirror_call_fn dmirror_read, dmirror_write;

/* table.c */
extern const struct hmmu_mirror_ops dmirror_ops;
int dmirror_copy_from(struct dmirror *dmirror, unsigned long addr, void *to);
int dmirror_copy_to(struct dmirror *dmirror, unsigned long addr,
		    const void *from);
int dmirror_copy_local(struct dmirror *dmirror, unsigned long addr, void *to);
int dmirror_map_alone(struct hmmu_mirror *mirror,
		      const struct hmmu_pages *pages);
bool dmirror_has_alone(struct dmirror *dmirror, unsigned long start,
		       unsigned long end);
void *dmirror_entry(struct dmirror *dmirror, unsigned long addr);
bool dmirror_differs(const void *entry, unsigned long cpu);

/* snapshot.c */
dmirror_call_fn dmirror_snapshot, dmirror_compare;

/* prefetch.c */
dmirror_call_fn dmirror_populate, dmirror_prefetch, dmirror_wait,
		dmirror_cancel;
struct hmmu_request dmirror_request(unsigned long start, unsigned long end,
				    bool write);

/* memory.c */
dmirror_call_fn dmirror_release_memory, dmirror_flags;
void dmirror_flags_clear(struct dmirror *dmirror);
struct page *dmirror_storage(struct page *page);
int dmirror_memory_add(struct dmirror_device *devices);
void dmirror_memory_remove(struct dmirror_device *devices);

/* migrate.c */
dmirror_call_fn dmirror_migrate_to_dev, dmirror_migrate_to_sys,
		dmirror_move, dmirror_exclusive, dmirror_check_exclusive,
		dmirror_populate_dev;

#endif
