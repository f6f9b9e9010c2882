/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving pages between the system's memory and a device's: what the ways there have in
 * common.
 *
 *	memory.c	device memory: a CPU touch, eviction
 *	migrate.c	ranges of a mirror, to the device or back
 *
 * The kernel makes pages ready: no CPU maps them any more, all mirrors were told and have
 * let go of them, they are locked. Then
 *
 *	hmmu_move_page()	this one goes there
 *	hmmu_move_copy()	copy them all
 *
 * and the kernel has their users find the new ones.
 */
#ifndef _MIRROR_MEMORY_H
#define _MIRROR_MEMORY_H

#include <linux/hmmu_memory.h>
#include <linux/rwsem.h>

/* At a time: a page table's. */
#define HMMU_MOVE_PAGES	512U

/**
 * struct hmmu_move - pages to be moved
 * @src: as the kernel has made them ready, an entry a page
 * @dst: where they go, likewise; 0: nowhere
 * @to: new pages, @n of them
 * @from: the old ones, or NULL for zeros
 * @n: how many
 */
struct hmmu_move {
	unsigned long *src;
	unsigned long *dst;
	struct page **to;
	struct page **from;
	unsigned int n;
};

struct vm_area_struct;

/* A hint: somebody may take, or give back, pages now. */
static inline bool hmmu_memory_is_full(const struct hmmu_memory *memory)
{
	return READ_ONCE(memory->in_use) >= memory->pages;
}

extern struct rw_semaphore hmmu_evicting;

struct hmmu_move *hmmu_move_new(unsigned int pages);
void hmmu_move_free(struct hmmu_move *move);
struct page *hmmu_memory_take(struct hmmu_memory *memory);
void hmmu_move_page(struct hmmu_move *move, unsigned int i, struct page *to);
void hmmu_move_home(struct hmmu_move *move, unsigned int pages,
		    struct vm_area_struct *vma, unsigned long addr);
int hmmu_move_copy(struct hmmu_memory *memory, struct hmmu_move *move,
		   unsigned int pages);

#endif
