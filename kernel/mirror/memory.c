// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: its pages, and their way home.
 *
 * Principle: a page is on the list of free ones, or in use and then the kernel's, until
 * its last reference is gone. Nobody keeps a list of those in use: they are found through
 * the page tables that have them, or, to bring all home, through the memory itself.
 *
 * The kernel gives a page back wherever that reference is dropped: so the lock is taken
 * with interrupts off, and nothing is done under it.
 *
 * Each page in use holds the driver's module: no unload has to wait for pages that
 * somebody has pinned.
 */
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "../compat/memory.h"
#include "memory.h"

/* How often to go over all of the memory for pages that somebody had locked. */
#define EVICT_ROUNDS	16

/*
 * Held by who evicts, and for read by who makes pages exclusive. When the kernel brings
 * a page home that a device has for itself alone, it takes that entry of the page table for
 * one of the migration's, and takes a reference too many with it (6.12: check_pte() with
 * PVMW_MIGRATION). Such a page is mapped nowhere, which is how it is told.
 *
 * Lock order: mmap lock -> this (tried only) -> whatever moving a page takes: the driver's
 * unmap(), copy(), attach() and detach(), and memory.
 */
DECLARE_RWSEM(hmmu_evicting);

static struct hmmu_memory *memory_of(const struct page *page)
{
	return container_of(hmmu_pagemap_of(page), struct hmmu_memory, pagemap);
}

/**
 * hmmu_memory_has() - is this a page of that memory?
 * @memory: device memory
 * @page: any page
 */
bool hmmu_memory_has(const struct hmmu_memory *memory, const struct page *page)
{
	return (is_device_private_page(page) || is_device_coherent_page(page)) &&
	       hmmu_pagemap_of(page) == &memory->pagemap;
}
EXPORT_SYMBOL_GPL(hmmu_memory_has);

static struct page *pop(struct hmmu_memory *memory)
{
	struct page *page;
	unsigned long flags;

	spin_lock_irqsave(&memory->lock, flags);
	page = memory->closing ? NULL : memory->free;
	if (page) {
		memory->free = page->zone_device_data;
		WRITE_ONCE(memory->in_use, memory->in_use + 1);
	}
	spin_unlock_irqrestore(&memory->lock, flags);
	return page;
}

static void push(struct hmmu_memory *memory, struct page *page)
{
	unsigned long flags;

	spin_lock_irqsave(&memory->lock, flags);
	page->zone_device_data = memory->free;
	memory->free = page;
	WRITE_ONCE(memory->in_use, memory->in_use - 1);
	spin_unlock_irqrestore(&memory->lock, flags);
}

/**
 * hmmu_memory_take() - a free page
 * @memory: where from
 *
 * Context: Process context, may sleep.
 * Return: a page with one reference, locked; or NULL.
 */
struct page *hmmu_memory_take(struct hmmu_memory *memory)
{
	struct page *page;

	if (!try_module_get(memory->ops->owner))
		return NULL;
	page = pop(memory);
	if (!page)
		goto out_put;
	page->zone_device_data = NULL;
	if (memory->ops->attach && memory->ops->attach(memory, page))
		goto out_push;
	zone_device_page_init(page);
	return page;

out_push:
	push(memory, page);
out_put:
	module_put(memory->ops->owner);
	return NULL;
}

static void page_free(struct page *page)
{
	struct hmmu_memory *memory = memory_of(page);
	struct module *owner = memory->ops->owner;

	if (memory->ops->detach)
		memory->ops->detach(memory, page);
	push(memory, page);
	module_put(owner);
}

/**
 * hmmu_move_page() - have a page moved
 * @move: the move
 * @i: which of its pages
 * @to: the new page, locked
 */
void hmmu_move_page(struct hmmu_move *move, unsigned int i, struct page *to)
{
	move->to[move->n] = to;
	move->from[move->n++] = migrate_pfn_to_page(move->src[i]);
	move->dst[i] = migrate_pfn(page_to_pfn(to)) |
		       (move->src[i] & MIGRATE_PFN_WRITE);
}

static void give_back(struct hmmu_move *move, unsigned int i)
{
	struct page *to = migrate_pfn_to_page(move->dst[i]);

	if (!to)
		return;
	move->dst[i] = 0;
	unlock_page(to);
	put_page(to);
}

/**
 * hmmu_move_copy() - copy all pages that are to be moved
 * @memory: the device memory, on one side or the other
 * @move: the move
 * @pages: how many it is about
 *
 * Return: %0, or an errno: none of them is to be moved any more.
 */
int hmmu_move_copy(struct hmmu_memory *memory, struct hmmu_move *move,
		   unsigned int pages)
{
	unsigned int i;
	int ret = 0;

	if (move->n)
		ret = memory->ops->copy(memory, move->to, move->from, move->n);
	for (i = 0; ret && i < pages; i++)
		give_back(move, i);
	return ret;
}

/* On its way into use or out of it: no page table's, and charged to no memory cgroup. */
static bool is_nobodys(struct page *page)
{
	return !PageAnon(page) ||
	       (!mem_cgroup_disabled() && !folio_memcg(page_folio(page)));
}

/**
 * hmmu_move_home() - find places for pages of device memory
 * @move: pages that were made ready to be moved
 * @pages: how many it is about
 * @vma: where they are mapped, from @addr on; or NULL
 * @addr: address of the first
 *
 * What finds none stays.
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
		if (is_nobodys(from))
			continue;
		to = vma ? alloc_page_vma(GFP_HIGHUSER_MOVABLE, vma, addr) :
			   alloc_page(GFP_HIGHUSER_MOVABLE);
		if (!to)
			continue;
		lock_page(to);
		hmmu_move_page(move, i, to);
	}
}

static vm_fault_t touch_result(const struct hmmu_move *move, int error)
{
	if (error)
		return VM_FAULT_SIGBUS;
	/* Not ours to move just now: the CPU will fault again. */
	if (!(move->src[0] & MIGRATE_PFN_MIGRATE))
		return 0;
	return move->n ? 0 : VM_FAULT_OOM;
}

/* The CPU touches what it can't reach. All that the kernel looks at again it looks at. */
static vm_fault_t migrate_to_ram(struct vm_fault *fault)
{
	struct hmmu_memory *memory = memory_of(fault->page);
	unsigned long src = 0, dst = 0;
	struct page *to, *from;
	struct hmmu_move move = {
		.src = &src,
		.dst = &dst,
		.to = &to,
		.from = &from,
	};
	struct migrate_vma args = {
		.vma = fault->vma,
		.src = &src,
		.dst = &dst,
		.start = fault->address & PAGE_MASK,
		.end = (fault->address & PAGE_MASK) + PAGE_SIZE,
		.pgmap_owner = memory,
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		.fault_page = fault->page,
	};
	vm_fault_t result;

	if (migrate_vma_setup(&args))
		return VM_FAULT_SIGBUS;
	hmmu_move_home(&move, 1, args.vma, args.start);
	result = touch_result(&move, hmmu_move_copy(memory, &move, 1));
	migrate_vma_pages(&args);
	migrate_vma_finalize(&args);
	return result;
}

static const struct dev_pagemap_ops pagemap_ops = {
	.page_free = page_free,
	.migrate_to_ram = migrate_to_ram,
};

/* Only what is mapped: see hmmu_evicting. */
static void make_ready(struct hmmu_move *move, unsigned long pfn, unsigned int pages)
{
	unsigned int i, stop;

	for (i = 0; i < pages; i = stop) {
		for (stop = i; stop < pages; stop++)
			if (!page_mapped(pfn_to_page(pfn + stop)))
				break;
		if (stop > i)
			migrate_device_range(move->src + i, pfn + i, stop - i);
		else
			move->src[stop++] = 0;
	}
}

/* Returns how many of the pages are in use afterwards. */
static unsigned long evict_some(struct hmmu_memory *memory, struct hmmu_move *move,
				unsigned long pfn, unsigned int pages)
{
	unsigned long left = 0;
	unsigned int i;

	memset(move->dst, 0, pages * sizeof(*move->dst));
	move->n = 0;
	make_ready(move, pfn, pages);
	hmmu_move_home(move, pages, NULL, 0);
	hmmu_move_copy(memory, move, pages);
	migrate_device_pages(move->src, move->dst, pages);
	migrate_device_finalize(move->src, move->dst, pages);
	for (i = 0; i < pages; i++)
		left += page_count(pfn_to_page(pfn + i)) != 0;
	return left;
}

static unsigned long evict_round(struct hmmu_memory *memory,
				 struct hmmu_move *move)
{
	unsigned long pfn = PHYS_PFN(memory->pagemap.range.start);
	unsigned long end = pfn + memory->pages, left = 0;
	unsigned int pages;

	for (; pfn < end && !fatal_signal_pending(current); pfn += pages) {
		pages = min_t(unsigned long, HMMU_MOVE_PAGES, end - pfn);
		if (down_write_killable(&hmmu_evicting))
			break;
		left += evict_some(memory, move, pfn, pages);
		up_write(&hmmu_evicting);
		cond_resched();
	}
	return left;
}

/**
 * hmmu_memory_evict() - bring all pages home
 * @memory: device memory
 *
 * Of whichever process. Pages that are taken meanwhile may be left.
 *
 * Context: Process context, no locks held. Sleeps; killable.
 * Return:
 * * %0	      - none is in use, or was
 * * %-EBUSY  - some could not be moved: somebody holds them, a device has them for itself
 *		alone, or they could not be copied. They stay where they are, and of use; ask
 *		again
 * * %-ENOMEM - no memory to begin with
 * * %-EINTR  - fatal signal
 */
int hmmu_memory_evict(struct hmmu_memory *memory)
{
	struct hmmu_move *move;
	unsigned int round;

	if (!READ_ONCE(memory->in_use))
		return 0;
	move = hmmu_move_new(HMMU_MOVE_PAGES);
	if (!move)
		return -ENOMEM;
	for (round = 0; round < EVICT_ROUNDS; round++) {
		if (!evict_round(memory, move) || fatal_signal_pending(current))
			break;
		schedule_timeout_killable(1);
	}
	hmmu_move_free(move);
	if (fatal_signal_pending(current))
		return -EINTR;
	return round < EVICT_ROUNDS ? 0 : -EBUSY;
}
EXPORT_SYMBOL_GPL(hmmu_memory_evict);

/* Addresses that are nobody's; the kernel rounds up to what it can hot-plug. */
static int claim_private(struct hmmu_memory *memory, u64 size)
{
	struct resource *region;

	if (!hmmu_has_device_private())
		return -EOPNOTSUPP;
	region = request_free_mem_region(&iomem_resource, size, "hmm_unlocked");
	if (IS_ERR(region))
		return PTR_ERR(region);
	memory->region = region;
	memory->pagemap.type = MEMORY_DEVICE_PRIVATE;
	memory->pagemap.range.start = region->start;
	memory->pagemap.range.end = region->end;
	return 0;
}

static int claim(struct hmmu_memory *memory, enum hmmu_memory_type type,
		 phys_addr_t start, u64 size)
{
	if (type == HMMU_MEMORY_PRIVATE)
		return claim_private(memory, size);
	if (!IS_ALIGNED(start | size, memremap_compat_align()))
		return -EINVAL;
	memory->region = request_mem_region(start, size, "hmm_unlocked");
	if (!memory->region)
		return -EBUSY;
	memory->pagemap.type = MEMORY_DEVICE_COHERENT;
	memory->pagemap.range.start = start;
	memory->pagemap.range.end = start + size - 1;
	return 0;
}

static void let_region_go(struct hmmu_memory *memory)
{
	if (memory->region)
		release_mem_region(memory->region->start,
				   resource_size(memory->region));
}

static void list_free(struct hmmu_memory *memory)
{
	unsigned long first = PHYS_PFN(memory->pagemap.range.start);
	unsigned long i = memory->pages;

	while (i--) {
		struct page *page = pfn_to_page(first + i);

		page->zone_device_data = memory->free;
		memory->free = page;
		if (!(i % PTRS_PER_PTE))
			cond_resched();
	}
}

/**
 * hmmu_memory_add() - here is device memory
 * @memory: to be filled in; stays where it is until hmmu_memory_remove()
 * @type: how the CPU sees it
 * @start: its physical address, if it is coherent: the system must not use it
 * @size: in bytes. Of coherent memory both are multiples of memremap_compat_align(), 2 MiB
 *	  on x86-64
 * @ops: the driver's
 *
 * Context: Process context. Sleeps.
 * Return:
 * * %0		  - added
 * * %-EINVAL	  - no @size, @start or @size is not aligned, or no @ops->copy
 * * %-EBUSY	  - something else is at @start: the system's memory, or a device's
 * * %-EOPNOTSUPP - private, and the kernel is without CONFIG_DEVICE_PRIVATE
 * * other	  - what the kernel answers: %-ENOMEM, or that there are no addresses left
 */
int hmmu_memory_add(struct hmmu_memory *memory, enum hmmu_memory_type type,
		    phys_addr_t start, u64 size,
		    const struct hmmu_memory_ops *ops)
{
	void *mapped;
	int ret;

	if (!size || !PAGE_ALIGNED(start | size) || start + size < start ||
	    !ops->copy)
		return -EINVAL;
	memset(memory, 0, sizeof(*memory));
	memory->pages = size >> PAGE_SHIFT;
	memory->ops = ops;
	memory->pagemap.nr_range = 1;
	memory->pagemap.ops = &pagemap_ops;
	memory->pagemap.owner = memory;
	spin_lock_init(&memory->lock);
	ret = claim(memory, type, start, size);
	if (ret)
		return ret;
	mapped = memremap_pages(&memory->pagemap, NUMA_NO_NODE);
	if (IS_ERR(mapped)) {
		let_region_go(memory);
		return PTR_ERR(mapped);
	}
	list_free(memory);
	return 0;
}
EXPORT_SYMBOL_GPL(hmmu_memory_add);

/**
 * hmmu_memory_remove() - end device memory
 * @memory: of which no page is in use: in the driver's module_exit() that is so. Where a
 *	    device can go away before, this waits for its pages, uninterruptibly: evict first
 *
 * No page can be had from it from now on.
 *
 * Context: Process context. Sleeps.
 */
void hmmu_memory_remove(struct hmmu_memory *memory)
{
	spin_lock_irq(&memory->lock);
	memory->closing = true;
	spin_unlock_irq(&memory->lock);
	memunmap_pages(&memory->pagemap);
	WARN_ON_ONCE(memory->in_use);
	let_region_go(memory);
}
EXPORT_SYMBOL_GPL(hmmu_memory_remove);

/**
 * hmmu_move_new() - arrays for a move
 * @pages: for at most so many
 *
 * Return: to be freed with hmmu_move_free(), or NULL.
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
