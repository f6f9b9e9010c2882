// SPDX-License-Identifier: GPL-2.0-only
/* Moving pages: see move.h. */
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../compat/large_folio.h"
#include "device_memory.h"
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

static void move_add(struct hmmu_move *move, struct page *from, struct page *to)
{
	move->from[move->n] = from;
	move->to[move->n++] = to;
}

/**
 * hmmu_move_page() - say where a page goes
 * @move: the move
 * @i: index of the page in @move->src, which is ready to be moved
 * @to: the new page, locked; @move now has the reference on it
 */
void hmmu_move_page(struct hmmu_move *move, unsigned int i, struct page *to)
{
	move_add(move, migrate_pfn_to_page(move->src[i]), to);
	move->dst[i] = migrate_pfn(page_to_pfn(to)) |
		       (move->src[i] & MIGRATE_PFN_WRITE);
}

/**
 * hmmu_move_huge() - say where a huge page goes
 * @move: the move, for which hmmu_move_is_huge() is true
 * @to: the first page of the new folio, which is large and locked; @move now has the
 *	reference on it. NULL: there is none, so the huge page stays
 */
void hmmu_move_huge(struct hmmu_move *move, struct page *to)
{
	struct page *from = migrate_pfn_to_page(move->src[0]);
	unsigned int i;

	if (!to) {
		move->refused = true;
		return;
	}
	for (i = 0; i < HMMU_MOVE_PAGES; i++)
		move_add(move, from ? from + i : NULL, to + i);
	move->dst[0] = migrate_pfn(page_to_pfn(to)) | MIGRATE_PFN_COMPOUND |
		       (move->src[0] & MIGRATE_PFN_WRITE);
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

/* Without a huge page small pages do, but not in an eviction: it has no @vma. */
static struct page *home_huge(struct vm_area_struct *vma, unsigned long addr)
{
	gfp_t gfp = GFP_TRANSHUGE | (vma ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL);
	struct folio *folio = hmmu_folio_alloc(gfp, HMMU_HUGE_ORDER, vma, addr);

	if (!folio)
		return NULL;
	folio_lock(folio);
	return &folio->page;
}

static void move_home_huge(struct hmmu_move *move, struct vm_area_struct *vma,
			   unsigned long addr)
{
	struct page *from = migrate_pfn_to_page(move->src[0]);

	if (from && move_page_is_in_use(from))
		hmmu_move_huge(move, home_huge(vma, addr));
}

/**
 * hmmu_move_home() - allocate pages of the system for pages of device memory
 * @move: pages that are ready to be moved
 * @pages: number of pages in @move->src
 * @vma: the mapping that has them, from @addr on; NULL: not known
 * @addr: address of the first page
 *
 * A page for which there is no memory stays. So does a huge page for which there is no huge
 * page (@refused).
 *
 * Context: Process context. Sleeps.
 */
void hmmu_move_home(struct hmmu_move *move, unsigned int pages,
		    struct vm_area_struct *vma, unsigned long addr)
{
	struct page *to, *from;
	unsigned int i;

	if (hmmu_move_is_huge(move)) {
		move_home_huge(move, vma, addr);
		return;
	}
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

/**
 * hmmu_move_home_split() - allocate small pages of the system for a huge page
 * @move: the move, for which hmmu_move_is_huge() is true
 * @vma: the only mapping of the page, from @addr on
 * @addr: address of the page
 *
 * If there is too little memory, pages from some page on stay.
 *
 * Context: Process context. Sleeps.
 */
void hmmu_move_home_split(struct hmmu_move *move, struct vm_area_struct *vma,
			  unsigned long addr)
{
	struct page *to, *from = migrate_pfn_to_page(move->src[0]);
	unsigned int i;

	for (i = 0; i < HMMU_MOVE_PAGES; i++, addr += PAGE_SIZE) {
		to = alloc_page_vma(GFP_HIGHUSER_MOVABLE, vma, addr);
		if (!to)
			return;
		lock_page(to);
		move_add(move, from + i, to);
		move->dst[i] = migrate_pfn(page_to_pfn(to)) |
			       (move->src[0] & MIGRATE_PFN_WRITE);
	}
}
