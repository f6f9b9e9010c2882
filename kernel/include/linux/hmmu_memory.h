/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device memory: pages that a process's memory can be moved to.
 *
 * A driver gives the kit some memory of its device and a way to copy; the kit keeps the
 * pages, hands them out, moves pages of processes to them and back, and brings them home
 * when a CPU touches what it can't reach (private memory), when the driver asks for it,
 * and at the end.
 *
 *	hmmu_memory_add()		here is device memory
 *	hmmu_mirror_config.memory	this mirror's device has it
 *	hmmu_mirror_migrate()		move what is there, to it or back
 *	hmmu_request.to_memory		populate: fault, and have it there
 *	hmmu_memory_evict()		bring all of it home
 *	hmmu_memory_remove()		end
 *
 * docs/device-memory.md has the reasons.
 */
#ifndef _LINUX_HMMU_MEMORY_H
#define _LINUX_HMMU_MEMORY_H

#include <linux/memremap.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct hmmu_memory;
struct module;

/**
 * struct hmmu_memory_ops - what a driver does itself
 */
struct hmmu_memory_ops {
	/** @owner: the driver; it can't be unloaded while any of its pages is in use */
	struct module *owner;

	/**
	 * @copy: required. Copy @n pages, @from[i] to @to[i], or clear @to[i] if
	 * @from[i] is NULL. Those of the one side are the device's, of the other the
	 * system's.
	 *
	 * Guarantees: no CPU and no mirror has the pages mapped, and they are locked.
	 * May sleep; the mmap lock may be held for read, so it must not fault, and locks of
	 * the kit's: it must not call in there.
	 *
	 * Return: 0, or an errno: then none of them is moved. Where the CPU has touched
	 * one, its process gets SIGBUS.
	 */
	int (*copy)(struct hmmu_memory *memory, struct page *const *to,
		    struct page *const *from, unsigned int n);

	/**
	 * @attach: optional. A page is about to be used, @page->zone_device_data is the
	 * driver's until @detach. May sleep.
	 *
	 * Return: 0, or an errno: it can't be, as if there were no more.
	 */
	int (*attach)(struct hmmu_memory *memory, struct page *page);

	/** @detach: optional. It is not in use any more. Any context: must not sleep. */
	void (*detach)(struct hmmu_memory *memory, struct page *page);
};

/**
 * enum hmmu_memory_type - how the CPU sees device memory
 * @HMMU_MEMORY_PRIVATE: not at all: a touch brings the page home
 * @HMMU_MEMORY_COHERENT: as memory
 */
enum hmmu_memory_type {
	HMMU_MEMORY_PRIVATE,
	HMMU_MEMORY_COHERENT,
};

/**
 * struct hmmu_memory - memory of a device
 * @pages: how many
 * @in_use: of these; to be read with READ_ONCE()
 *
 * The others are the kit's.
 */
struct hmmu_memory {
	unsigned long pages;
	unsigned long in_use;

	/* private: */
	const struct hmmu_memory_ops *ops;
	struct dev_pagemap pagemap;
	struct resource *region;	/* where it is, or private memory pretends to be */
	bool closing;			/* protected by the lock */
	spinlock_t lock;		/* protects the list, and in_use; from any context */
	struct page *free;		/* by zone_device_data */
};

int hmmu_memory_add(struct hmmu_memory *memory, enum hmmu_memory_type type,
		    phys_addr_t start, u64 size,
		    const struct hmmu_memory_ops *ops);
void hmmu_memory_remove(struct hmmu_memory *memory);
int hmmu_memory_evict(struct hmmu_memory *memory);
bool hmmu_memory_has(const struct hmmu_memory *memory, const struct page *page);

#endif
