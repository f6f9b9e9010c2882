// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: its free pages.
 *
 * The memory is divided into aligned blocks of the size of a huge page. A block is on one
 * of two lists, or all its pages are in use:
 *
 *	whole	no page of the block is in use: for a huge page, or to be broken
 *	broken	some pages are free: single pages come from here first
 *
 * A block whose last page is given back is whole again. Pages from block->fresh on were
 * not used since the block was whole, and are on no list: so a block is whole, or broken,
 * without a step for each of its pages. Each step takes constant time, since
 * memory->lock is taken with interrupts off.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "device_memory.h"

#define BLOCK_PAGES	(1U << HMMU_HUGE_ORDER)

/**
 * struct hmmu_memory_block - pages that a huge page takes
 * @node: in a list of the memory, unless all pages are in use
 * @free: list of free pages through zone_device_data, without those from @fresh on
 * @used: number of pages in use
 * @fresh: number of pages that were used since the block was whole
 */
struct hmmu_memory_block {
	struct list_head node;
	struct page *free;
	unsigned int used;
	unsigned int fresh;
};

static unsigned long block_first(const struct hmmu_memory *memory,
				 const struct hmmu_memory_block *block)
{
	return PHYS_PFN(memory->pagemap.range.start) +
	       (block - memory->blocks) * BLOCK_PAGES;
}

/* The last block may be a short one. */
static unsigned int block_pages(const struct hmmu_memory *memory,
				const struct hmmu_memory_block *block)
{
	unsigned long before = (block - memory->blocks) * BLOCK_PAGES;

	return min_t(unsigned long, BLOCK_PAGES, memory->pages - before);
}

static void block_is_unused(struct hmmu_memory *memory,
			    struct hmmu_memory_block *block)
{
	bool whole = block_pages(memory, block) == BLOCK_PAGES;

	block->free = NULL;
	block->fresh = 0;
	list_move(&block->node, whole ? &memory->whole : &memory->broken);
}

static struct page *blocks_pop_whole(struct hmmu_memory *memory)
{
	struct hmmu_memory_block *block;

	block = list_first_entry_or_null(&memory->whole,
					 struct hmmu_memory_block, node);
	if (!block)
		return NULL;
	list_del_init(&block->node);
	block->used = BLOCK_PAGES;
	block->fresh = BLOCK_PAGES;
	return pfn_to_page(block_first(memory, block));
}

static struct page *blocks_pop_page(struct hmmu_memory *memory)
{
	struct list_head *list = list_empty(&memory->broken) ? &memory->whole :
							       &memory->broken;
	struct hmmu_memory_block *block;
	struct page *page;

	block = list_first_entry_or_null(list, struct hmmu_memory_block, node);
	if (!block)
		return NULL;
	page = block->free;
	if (page)
		block->free = page->zone_device_data;
	else
		page = pfn_to_page(block_first(memory, block) + block->fresh++);
	if (++block->used == block_pages(memory, block))
		list_del_init(&block->node);
	else if (block->used == 1)
		list_move(&block->node, &memory->broken);
	return page;
}

/**
 * hmmu_blocks_pop() - take free pages
 * @memory: device memory
 * @pages: 1, or as many as a huge page has, which are aligned
 *
 * Context: Any. Takes memory->lock.
 * Return: the first page; or NULL: none is free.
 */
struct page *hmmu_blocks_pop(struct hmmu_memory *memory, unsigned int pages)
{
	struct page *page = NULL;
	unsigned long flags;

	spin_lock_irqsave(&memory->lock, flags);
	if (!memory->closing)
		page = pages == 1 ? blocks_pop_page(memory) :
				    blocks_pop_whole(memory);
	if (page)
		WRITE_ONCE(memory->in_use, memory->in_use + pages);
	spin_unlock_irqrestore(&memory->lock, flags);
	return page;
}

/**
 * hmmu_blocks_push() - give pages back
 * @memory: device memory
 * @page: the first page
 * @pages: 1, or as many as a huge page has
 *
 * Pages that were taken together may be given back one by one.
 *
 * Context: Any. Takes memory->lock.
 */
void hmmu_blocks_push(struct hmmu_memory *memory, struct page *page,
		      unsigned int pages)
{
	unsigned long i = page_to_pfn(page) - PHYS_PFN(memory->pagemap.range.start);
	struct hmmu_memory_block *block = &memory->blocks[i / BLOCK_PAGES];
	unsigned long flags;

	spin_lock_irqsave(&memory->lock, flags);
	page->zone_device_data = block->free;
	block->free = page;
	if (block->used == block_pages(memory, block))
		list_add(&block->node, &memory->broken);
	block->used -= pages;
	if (!block->used)
		block_is_unused(memory, block);
	WRITE_ONCE(memory->in_use, memory->in_use - pages);
	spin_unlock_irqrestore(&memory->lock, flags);
}

/**
 * hmmu_blocks_add() - make all pages free
 * @memory: device memory with @pages set; kvfree(memory->blocks) is for the caller
 *
 * Return: %0; or %-ENOMEM.
 */
int hmmu_blocks_add(struct hmmu_memory *memory)
{
	unsigned long n = DIV_ROUND_UP(memory->pages, BLOCK_PAGES);

	memory->blocks = kvcalloc(n, sizeof(*memory->blocks), GFP_KERNEL);
	if (!memory->blocks)
		return -ENOMEM;
	INIT_LIST_HEAD(&memory->whole);
	INIT_LIST_HEAD(&memory->broken);
	while (n--) {
		INIT_LIST_HEAD(&memory->blocks[n].node);
		block_is_unused(memory, &memory->blocks[n]);
	}
	return 0;
}
