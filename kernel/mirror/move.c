// SPDX-License-Identifier: GPL-2.0-only
/* Moving pages: see move.h. */
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "move.h"

/**
 * hmmu_move_new() - allocate a move
 * @pages: it can move at most so many
 *
 * Return: the move, which hmmu_move_free() frees; or NULL: no memory.
 */
struct hmmu_move *hmmu_move_new(unsigned int pages)
{
	struct hmmu_move *move;
	size_t one = 2 * sizeof(unsigned long) + 2 * sizeof(struct page *);

	move = kvzalloc(sizeof(*move) + pages * one, GFP_KERNEL);
	if (!move)
		return NULL;
	move->src = (unsigned long *)(move + 1);
	move->dst = move->src + pages;
	move->to = (struct page **)(move->dst + pages);
	move->from = move->to + pages;
	return move;
}

void hmmu_move_free(struct hmmu_move *move)
{
	kvfree(move);
}

/**
 * hmmu_move_page() - say where a page goes
 * @move: the move
 * @i: index of the page in @move->src, which is ready to be moved
 * @to: the new page, locked; @move now has the reference on it
 */
void hmmu_move_page(struct hmmu_move *move, unsigned int i, struct page *to)
{
	move->to[move->n] = to;
	move->from[move->n++] = migrate_pfn_to_page(move->src[i]);
	move->dst[i] = migrate_pfn(page_to_pfn(to)) |
		       (move->src[i] & MIGRATE_PFN_WRITE);
}

static void move_undo(struct hmmu_move *move, unsigned int i)
{
	struct page *to = migrate_pfn_to_page(move->dst[i]);

	if (!to)
		return;
	move->dst[i] = 0;
	unlock_page(to);
	put_page(to);
}

/**
 * hmmu_move_copy() - copy all pages that have a place to go to
 * @memory: the device memory that the old pages or the new ones are part of
 * @move: the move
 * @pages: number of pages in @move->src
 *
 * Context: Process context. Sleeps: it calls the driver's copy().
 * Return: %0, or copy()'s errno: then the new pages are freed, and no page moves.
 */
int hmmu_move_copy(struct hmmu_memory *memory, struct hmmu_move *move,
		   unsigned int pages)
{
	unsigned int i;
	int ret = 0;

	if (move->n)
		ret = memory->ops->copy(memory, move->to, move->from, move->n);
	for (i = 0; ret && i < pages; i++)
		move_undo(move, i);
	return ret;
}

/*
 * Not while the page is on its way into use or out of it: then no page table maps it, and
 * no memory cgroup is charged for it.
 */
static bool move_page_is_in_use(struct page *page)
{
	bool charged;

	if (!PageAnon(page))
		return false;
	rcu_read_lock();
	charged = mem_cgroup_disabled() || folio_memcg(page_folio(page));
	rcu_read_unlock();
	return charged;
}

/**
 * hmmu_move_home() - allocate pages of the system for pages of device memory
 * @move: pages that are ready to be moved
 * @pages: number of pages in @move->src
 * @vma: the mapping that has them, from @addr on; NULL: not known
 * @addr: address of the first page
 *
 * A page for which there is no memory stays.
 *
 * Context: Process context. Sleeps.
 */
void hmmu_move_home(struct hmmu_move *move, unsigned int pages,
		    struct vm_area_struct *vma, unsigned long addr)
{
	struct page *to, *from;
	unsigned int i;

	for (i = 0; i < pages; i++, addr += PAGE_SIZE) {
		from = migrate_pfn_to_page(move->src[i]);
		if (!(move->src[i] & MIGRATE_PFN_MIGRATE) || !from)
			continue;
		if (!move_page_is_in_use(from))
			continue;
		to = vma ? alloc_page_vma(GFP_HIGHUSER_MOVABLE, vma, addr) :
			   alloc_page(GFP_HIGHUSER_MOVABLE);
		if (!to)
			continue;
		lock_page(to);
		hmmu_move_page(move, i, to);
	}
}
