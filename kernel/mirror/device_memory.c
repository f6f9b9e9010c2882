// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: its pages, free and in use.
 *
 * Principle: a page is free (blocks.c), or it is in use. A page in use belongs to the kernel
 * until its last reference is dropped. The kit has no list of the pages in use: they are
 * found through the page tables that map them or, for eviction, by their number.
 *
 * Each page in use holds a reference on the driver's module. So rmmod is refused instead
 * of waiting for pages that somebody has pinned.
 */
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "../compat/device_memory.h"
#include "../compat/kernel.h"
#include "../compat/large_folio.h"
#include "device_memory.h"

/**
 * hmmu_memory_of() - the device memory that a page is part of
 * @page: a page of the kit's device memory
 */
struct hmmu_memory *hmmu_memory_of(const struct page *page)
{
	return container_of(page_pgmap(page), struct hmmu_memory, pagemap);
}

/**
 * hmmu_memory_has() - check whether a page is part of a device memory
 * @memory: device memory
 * @page: any page
 */
bool hmmu_memory_has(const struct hmmu_memory *memory, const struct page *page)
{
	return (is_device_private_page(page) || is_device_coherent_page(page)) &&
	       page_pgmap(page) == &memory->pagemap;
}
EXPORT_SYMBOL_GPL(hmmu_memory_has);

static void memory_put_module(struct module *owner, unsigned int pages)
{
	while (pages--)
		module_put(owner);
}

static bool memory_get_module(struct module *owner, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages; i++) {
		if (try_module_get(owner))
			continue;
		memory_put_module(owner, i);
		return false;
	}
	return true;
}

/* Returns pages that the driver has attached, and that the kernel does not know yet. */
static struct page *memory_take(struct hmmu_memory *memory, unsigned int order)
{
	const struct hmmu_memory_ops *ops = memory->ops;
	unsigned int pages = 1U << order;
	struct page *page;

	if (!memory_get_module(ops->owner, pages))
		return NULL;
	page = hmmu_blocks_pop(memory, pages);
	if (!page)
		goto out_put;
	page->zone_device_data = NULL;
	if (!ops->attach || !ops->attach(memory, page, order))
		return page;
	hmmu_blocks_push(memory, page, pages);
out_put:
	memory_put_module(ops->owner, pages);
	return NULL;
}

/**
 * hmmu_memory_take() - take a free page into use
 * @memory: device memory
 *
 * Context: Process context. Sleeps: it calls the driver's attach().
 * Return: a locked page with one reference; or NULL: no page is free, the driver refused,
 * or its module is being unloaded.
 */
struct page *hmmu_memory_take(struct hmmu_memory *memory)
{
	struct page *page = memory_take(memory, 0);

	if (page)
		zone_device_page_init(page, &memory->pagemap, 0);
	return page;
}

/**
 * hmmu_memory_take_huge() - take a free block of pages into use, as one large folio
 * @memory: device memory for which hmmu_memory_has_huge() is true
 *
 * Context: Process context. Sleeps: it calls the driver's attach().
 * Return: the first page of the folio, which is locked and has one reference; or NULL: no
 * block is free, or as hmmu_memory_take().
 */
struct page *hmmu_memory_take_huge(struct hmmu_memory *memory)
{
	struct page *page = memory_take(memory, HMMU_HUGE_ORDER);

	if (page)
		hmmu_device_folio_init(page, &memory->pagemap, HMMU_HUGE_ORDER);
	return page;
}

static void device_memory_folio_free(struct folio *folio)
{
	struct page *page = &folio->page;
	struct hmmu_memory *memory = hmmu_memory_of(page);
	unsigned int order = folio_order(folio);
	struct module *owner = memory->ops->owner;

	if (memory->ops->detach)
		memory->ops->detach(memory, page, order);
	if (order)
		hmmu_device_folio_dissolve(folio);
	hmmu_blocks_push(memory, page, 1U << order);
	memory_put_module(owner, 1U << order);
}

/* The kernel calls it for each page that it splits off, and at last without a page. */
static void __maybe_unused device_memory_folio_split(struct folio *head,
						     struct folio *tail)
{
	struct hmmu_memory *memory = hmmu_memory_of(&head->page);

	if (!tail)
		return;
	hmmu_device_folio_split_off(head, tail);
	memory->ops->split(memory, &head->page, &tail->page);
}

DEFINE_HMMU_PAGEMAP_OPS(device_memory_pagemap_ops, device_memory_folio_free,
			device_memory_folio_split, hmmu_memory_touch);

/* Addresses that nothing uses; the kernel rounds up to what it can hot-plug. */
static int device_memory_claim_private(struct hmmu_memory *memory, u64 size)
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

static int device_memory_claim(struct hmmu_memory *memory,
			       enum hmmu_memory_type type, phys_addr_t start,
			       u64 size)
{
	if (type == HMMU_MEMORY_PRIVATE)
		return device_memory_claim_private(memory, size);
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

static void device_memory_release_region(struct hmmu_memory *memory)
{
	if (memory->region)
		release_mem_region(memory->region->start,
				   resource_size(memory->region));
}

/**
 * hmmu_memory_add() - add device memory
 * @memory: to be filled in; stays where it is until hmmu_memory_remove()
 * @type: how the CPU sees it
 * @start: physical address of coherent memory, which the system must not use; else 0
 * @size: in bytes. Of coherent memory both are multiples of memremap_compat_align(), 2 MiB
 *	  on x86-64
 * @ops: the driver's callbacks
 *
 * Context: Process context. Sleeps.
 * Return:
 * * %0		  - added
 * * %-EINVAL	  - no @size, @start or @size is not aligned, or no @ops->copy
 * * %-EBUSY	  - @start is in use, by the system's memory or by a device: reserve it
 * * %-EOPNOTSUPP - private memory, and the kernel is without CONFIG_DEVICE_PRIVATE: go on
 *		    without device memory
 * * other	  - of the kernel: %-ENOMEM, or no addresses are left
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
	memory->pagemap.ops = &device_memory_pagemap_ops;
	memory->pagemap.owner = memory;
	spin_lock_init(&memory->lock);
	ret = hmmu_blocks_add(memory);
	if (ret)
		return ret;
	ret = device_memory_claim(memory, type, start, size);
	if (ret)
		goto out_free;
	mapped = memremap_pages(&memory->pagemap, NUMA_NO_NODE);
	if (!IS_ERR(mapped))
		return 0;
	ret = PTR_ERR(mapped);
	device_memory_release_region(memory);
out_free:
	kvfree(memory->blocks);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_memory_add);

/**
 * hmmu_memory_remove() - remove device memory
 * @memory: device memory
 *
 * No page should be in use, as is the case in the driver's module_exit(). If a device is
 * removed earlier, evict first: this waits for pages in use, uninterruptibly. No page is
 * taken into use from now on.
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
	device_memory_release_region(memory);
	kvfree(memory->blocks);
}
EXPORT_SYMBOL_GPL(hmmu_memory_remove);
