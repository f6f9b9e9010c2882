/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving pages between the system's memory and a device's, in three steps:
 *
 *	migrate_vma_setup(), migrate_device_range()
 *		the kernel makes pages ready: no CPU maps them any more, all mirrors
 *		were notified and have unmapped them, they are locked
 *	hmmu_move_page(), hmmu_move_home()
 *		for each page: where it goes
 *	hmmu_move_copy()
 *		copies them all
 *
 * Then the kernel makes the users of the old pages find the new ones
 * (migrate_vma_pages(), migrate_vma_finalize() and their likes).
 */
#ifndef _MIRROR_MOVE_H
#define _MIRROR_MOVE_H

#include <linux/hmmu_memory.h>

struct vm_area_struct;

/* At most so many at a time: the pages of one page table. */
#define HMMU_MOVE_PAGES	512U

/**
 * struct hmmu_move - pages that are being moved
 * @src: one entry a page, as the kernel has made it ready
 * @dst: one entry a page: where it goes; 0: it stays
 * @to: the new pages, @n of them
 * @from: the old pages, @n of them; NULL: the new page is cleared
 * @n: number of pages that will be moved
 *
 * One task uses it; it has no lock.
 */
struct hmmu_move {
	unsigned long *src;
	unsigned long *dst;
	struct page **to;
	struct page **from;
	unsigned int n;
};

struct hmmu_move *hmmu_move_new(unsigned int pages);
void hmmu_move_free(struct hmmu_move *move);
void hmmu_move_page(struct hmmu_move *move, unsigned int i, struct page *to);
void hmmu_move_home(struct hmmu_move *move, unsigned int pages,
		    struct vm_area_struct *vma, unsigned long addr);
int hmmu_move_copy(struct hmmu_memory *memory, struct hmmu_move *move,
		   unsigned int pages);

#endif
