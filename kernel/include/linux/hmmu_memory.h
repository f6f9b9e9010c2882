/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device memory: pages that a process's memory can be moved to.
 *
 * A driver gives the kit memory of its device and a way to copy. The kit allocates the
 * pages, and moves pages of processes to them and home. Pages go home when a CPU touches
 * one that it cannot reach (private memory), and when the driver asks for it.
 *
 *	hmmu_memory_add()		add device memory
 *	hmmu_mirror_config.memory	the memory of a mirror's device
 *	hmmu_mirror_migrate()		move present pages, to it or home
 *	hmmu_request.to_memory		populate: fault, and move there
 *	hmmu_memory_evict()		move all pages home
 *	hmmu_memory_remove()		remove it
 *
 * docs/device-memory.md has the reasons.
 */
#ifndef _LINUX_HMMU_MEMORY_H
#define _LINUX_HMMU_MEMORY_H

#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct hmmu_memory;
struct hmmu_memory_block;
struct module;

/**
 * struct hmmu_memory_ops - what a driver does itself
 */
struct hmmu_memory_ops {
	/** @owner: the driver, which cannot be unloaded while any page is in use */
	struct module *owner;

	/**
	 * @copy: required. Copy @n pages, @from[i] to @to[i], or clear @to[i] if
	 * @from[i] is NULL. One side is pages of the device, the other pages of the
	 * system. The pages of a large folio are in the list one by one, in order.
	 *
	 * Guarantees: no CPU and no mirror has the pages mapped, and they are locked.
	 * May sleep. The mmap lock may be held for read, so it must not fault. Locks of
	 * the kit may be held, so it must not call the kit.
	 *
	 * Return: 0, or an errno: then none of them is moved. If a CPU has touched one of
	 * them, its process gets SIGBUS.
	 */
	int (*copy)(struct hmmu_memory *memory, struct page *const *to,
		    struct page *const *from, unsigned int n);

	/**
	 * @attach: optional. The 2^@order pages from @page on are about to be used.
	 * @page->zone_device_data is the driver's until @detach; that of the pages
	 * behind it is not. @order is 0, or that of a huge page if there is @split. May
	 * sleep.
	 *
	 * Return: 0, or an errno: the pages are not used, as if all memory were in use.
	 * Instead of a huge page, single pages may be asked for next.
	 */
	int (*attach)(struct hmmu_memory *memory, struct page *page,
		      unsigned int order);

	/**
	 * @split: a large folio is split into single pages. Called for each of its pages
	 * but the first, which is @head: @tail->zone_device_data is the driver's now,
	 * and @tail gets a @detach of its own. No device has the pages mapped. Interrupts
	 * are off: must not sleep.
	 *
	 * Optional: without it, huge pages move to this memory page by page. A driver
	 * that keeps nothing for each page gives an empty function.
	 */
	void (*split)(struct hmmu_memory *memory, struct page *head,
		      struct page *tail);

	/**
	 * @detach: optional. The 2^@order pages from @page on are not in use any more.
	 * @order is that of @attach, or 0 after @split. Any context: must not sleep.
	 */
	void (*detach)(struct hmmu_memory *memory, struct page *page,
		       unsigned int order);
};

/**
 * enum hmmu_memory_type - how the CPU sees device memory
 * @HMMU_MEMORY_PRIVATE: it cannot access it: a touch moves the page home
 * @HMMU_MEMORY_COHERENT: as memory
 */
enum hmmu_memory_type {
	HMMU_MEMORY_PRIVATE,
	HMMU_MEMORY_COHERENT,
};

/**
 * struct hmmu_memory - memory of a device
 * @pages: number of pages
 * @in_use: number of pages in use; read it with READ_ONCE()
 *
 * The other fields are the kit's.
 */
struct hmmu_memory {
	unsigned long pages;
	unsigned long in_use;

	/* private: */
	const struct hmmu_memory_ops *ops;
	struct dev_pagemap pagemap;
	struct resource *region;	/* its addresses; private memory has made-up ones */
	spinlock_t lock;		/* any context; protects all below, and in_use */
	bool closing;			/* no page is taken into use any more */
	struct hmmu_memory_block *blocks;
	struct list_head whole;		/* blocks without a page in use */
	struct list_head broken;	/* blocks with some pages in use, and some free */
};

int hmmu_memory_add(struct hmmu_memory *memory, enum hmmu_memory_type type,
		    phys_addr_t start, u64 size,
		    const struct hmmu_memory_ops *ops);
void hmmu_memory_remove(struct hmmu_memory *memory);
int hmmu_memory_evict(struct hmmu_memory *memory);
bool hmmu_memory_has(const struct hmmu_memory *memory, const struct page *page);

#endif
