/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving pages between the system's memory and a device's, in three steps:
 *
 *	migrate_vma_setup(), migrate_device_range()
 *		the kernel makes pages ready: no CPU maps them any more, all mirrors
 *		were notified and have unmapped them, they are locked
 *	hmmu_move_page(), hmmu_move_huge(), hmmu_move_home()
 *		for each page: where it goes
 *	hmmu_move_copy()
 *		copies them all
 *
 * Then the kernel makes the users of the old pages find the new ones
 * (migrate_vma_pages(), migrate_vma_finalize() and their likes).
 *
 * A huge page fills a move, which is of one page table: its entry is the first one, with
 * MIGRATE_PFN_COMPOUND, and the other entries are 0. It goes to one large folio.
 *
 * Hazard: the kernel splits a huge page that is to go to small pages. It does so in the one
 * address space that is migrated. Where a fork has shared the page, the other entries stay
 * huge, and map 2 MiB from a small page on (7.2 and 7.3). So a huge page for which there
 * is no large folio stays (@refused), and is prepared again without MIGRATE_PFN_COMPOUND:
 * then the kernel splits it by its reverse map.
 */
#ifndef _MIRROR_MOVE_H
#define _MIRROR_MOVE_H

#include <linux/hmmu_memory.h>
#include <linux/migrate.h>

#include "../compat/compound.h"

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
 * @refused: a huge page stays, because no large folio was free for it
 *
 * One task uses it; it has no lock.
 */
struct hmmu_move {
	unsigned long *src;
	unsigned long *dst;
	struct page **to;
	struct page **from;
	unsigned int n;
	bool refused;
};

/* Is what is ready to be moved one huge page, present or still to be filled with zeros? */
static inline bool hmmu_move_is_huge(const struct hmmu_move *move)
{
	return (move->src[0] & MIGRATE_PFN_COMPOUND) &&
	       (move->src[0] & MIGRATE_PFN_MIGRATE);
}

struct hmmu_move *hmmu_move_new(unsigned int pages);
void hmmu_move_free(struct hmmu_move *move);
void hmmu_move_page(struct hmmu_move *move, unsigned int i, struct page *to);
void hmmu_move_huge(struct hmmu_move *move, struct page *to);
void hmmu_move_home(struct hmmu_move *move, unsigned int pages,
		    struct vm_area_struct *vma, unsigned long addr);
void hmmu_move_home_split(struct hmmu_move *move, struct vm_area_struct *vma,
			  unsigned long addr);
int hmmu_move_copy(struct hmmu_memory *memory, struct hmmu_move *move,
		   unsigned int pages);

#endif
