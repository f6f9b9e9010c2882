/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device memory inside the kit: allocating its pages, and what brings them home.
 *
 *	device_memory.c	pages: free, in use, free again
 *	blocks.c	free pages, and free blocks for huge pages
 *	move.c		moving pages, whichever way: move.h
 *	touch.c		a CPU touches a page that it cannot reach
 *	evict.c		all pages go home
 *	migrate.c	ranges of a mirror, to the device or home
 *
 * Locks, in the order in which they are taken:
 *
 *	mmap lock		not by eviction
 *	hmmu_evicting		under the mmap lock it is only tried
 *	page locks, and what the kernel takes to move a page
 *	the driver's, in unmap(), copy() and attach()
 *	memory->lock		interrupts off; nothing is taken under it
 *
 * The driver's detach() is called outside memory->lock, in any context.
 */
#ifndef _MIRROR_DEVICE_MEMORY_H
#define _MIRROR_DEVICE_MEMORY_H

#include <linux/hmmu_memory.h>
#include <linux/rwsem.h>

#include "../compat/compound.h"

struct vm_fault;

/*
 * Write: eviction, for up to HMMU_MOVE_PAGES pages at a time. Read: making a page
 * exclusive. Both only where hmmu_exclusive_unmaps().
 *
 * Evicting a device-exclusive page leaks a page reference there: check_pte() with
 * PVMW_MIGRATION takes the exclusive entry for a migration entry. Such pages are mapped
 * nowhere, which is how eviction recognises and skips them; no page may become exclusive
 * between that look and the move. Later kernels evict such a page as any other.
 */
extern struct rw_semaphore hmmu_evicting;

/* A hint: pages may be taken or given back at any moment. */
static inline bool hmmu_memory_is_full(const struct hmmu_memory *memory)
{
	return READ_ONCE(memory->in_use) >= memory->pages;
}

/* A huge page fills a page table. */
#define HMMU_HUGE_ORDER	(PMD_SHIFT - PAGE_SHIFT)

/* Can huge pages move to the memory whole? */
static inline bool hmmu_memory_has_huge(const struct hmmu_memory *memory)
{
	return MIGRATE_PFN_COMPOUND && memory->ops->split &&
	       memory->pagemap.type == MEMORY_DEVICE_PRIVATE;
}

/* device_memory.c */
struct hmmu_memory *hmmu_memory_of(const struct page *page);
struct page *hmmu_memory_take(struct hmmu_memory *memory);
struct page *hmmu_memory_take_huge(struct hmmu_memory *memory);

/* blocks.c */
int hmmu_blocks_add(struct hmmu_memory *memory);
struct page *hmmu_blocks_pop(struct hmmu_memory *memory, unsigned int pages);
void hmmu_blocks_push(struct hmmu_memory *memory, struct page *page,
		      unsigned int pages);

/* touch.c */
vm_fault_t hmmu_memory_touch(struct vm_fault *fault);

#endif
