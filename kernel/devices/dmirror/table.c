// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's page table: an xarray by page number. An entry is the page, tagged if
 * the device may write, and if it alone has access.
 *
 * No reference is held on the pages: what the CPU no longer maps has been unmapped
 * here before it is freed.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "../page.h"
#include "dmirror.h"

#define DEVICE_WRITES	1UL
#define DEVICE_ALONE	3UL

/* Slots that share a node of an xarray, whose allocation is what can fail. */
#define PAGES_IN_NODE	XA_CHUNK_SIZE

static void *dmirror_table_entry(unsigned long cpu)
{
	struct page *page = hmm_pfn_to_page(cpu);

	return cpu & HMM_PFN_WRITE ? xa_tag_pointer(page, DEVICE_WRITES) : page;
}

static void *dmirror_table_entry_alone(unsigned long cpu)
{
	return xa_tag_pointer(hmm_pfn_to_page(cpu), DEVICE_ALONE);
}

static int dmirror_table_store(struct hmmu_mirror *mirror,
			       const struct hmmu_pages *pages,
			       void *(*make)(unsigned long cpu))
{
	struct xarray *table = &dmirror_of(mirror)->table;
	const unsigned long *cpu = pages->entries;
	unsigned long addr;
	int ret = 0;

	xa_lock(table);
	for (addr = pages->start; !ret && addr < pages->end;
	     addr += PAGE_SIZE, cpu++)
		if (*cpu & HMM_PFN_VALID)
			ret = xa_err(__xa_store(table, addr >> PAGE_SHIFT,
						make(*cpu), GFP_NOWAIT |
						__GFP_NOWARN));
	xa_unlock(table);
	return ret;
}

static int dmirror_table_map(struct hmmu_mirror *mirror,
			     const struct hmmu_pages *pages)
{
	return dmirror_table_store(mirror, pages, dmirror_table_entry);
}

/* Map pages that nobody else has access to, as the op of the kit does. */
int dmirror_map_alone(struct hmmu_mirror *mirror, const struct hmmu_pages *pages)
{
	return dmirror_table_store(mirror, pages, dmirror_table_entry_alone);
}

/*
 * xas_pause() would not do: where xas_store() has freed the node, it goes on from the
 * node above and skips the beginning of the next one.
 */
static void dmirror_table_unmap(struct hmmu_mirror *mirror, unsigned long start,
				unsigned long end, bool may_sleep)
{
	struct xarray *table = &dmirror_of(mirror)->table;
	XA_STATE(xas, table, start >> PAGE_SHIFT);
	unsigned long next;
	void *entry;

	atomic_long_inc(&dmirror_of(mirror)->unmaps);
	xas_lock(&xas);
	xas_for_each(&xas, entry, (end - 1) >> PAGE_SHIFT) {
		next = xas.xa_index + 1;
		xas_store(&xas, NULL);
		if (!may_sleep || !need_resched())
			continue;
		xas_unlock(&xas);
		cond_resched();
		xas_lock(&xas);
		xas_set(&xas, next);
	}
	xas_unlock(&xas);
}

/* A reserved slot keeps its node, and the node is what all its slots need. */
static int dmirror_table_prepare(struct hmmu_mirror *mirror,
				 unsigned long start, unsigned long end)
{
	struct xarray *table = &dmirror_of(mirror)->table;
	unsigned long last = (end - 1) >> PAGE_SHIFT;
	unsigned long page;
	int ret = 0;

	for (page = start >> PAGE_SHIFT; !ret && page <= last;
	     page = ALIGN(page + 1, PAGES_IN_NODE))
		ret = xa_reserve(table, page, GFP_KERNEL);
	return ret;
}

const struct hmmu_mirror_ops dmirror_ops = {
	.map = dmirror_table_map,
	.unmap = dmirror_table_unmap,
	.prepare = dmirror_table_prepare,
};

static int dmirror_table_copy_from(struct dmirror *dmirror, unsigned long addr,
				   void *to, bool local)
{
	struct page *page;
	int ret = -ENOENT;

	xa_lock(&dmirror->table);
	page = xa_untag_pointer(xa_load(&dmirror->table, addr >> PAGE_SHIFT));
	if (page && (!local || hmmu_memory_has(dmirror->mirror.memory, page)))
		ret = device_read_page(to, dmirror_storage(page), 0, PAGE_SIZE);
	xa_unlock(&dmirror->table);
	return ret;
}

/**
 * dmirror_copy_from() - the device reads a page
 * @dmirror: the device
 * @addr: address of the page
 * @to: where to, PAGE_SIZE bytes
 *
 * Return: %0; %-ENOENT if the device has no such page mapped; %-EFAULT if it can't be
 * read by anyone but the process itself.
 */
int dmirror_copy_from(struct dmirror *dmirror, unsigned long addr, void *to)
{
	return dmirror_table_copy_from(dmirror, addr, to, false);
}

/**
 * dmirror_copy_local() - the same of a page in the device's memory
 * @dmirror: a device that has some
 * @addr: address of the page
 * @to: where to, PAGE_SIZE bytes
 *
 * Return: as dmirror_copy_from(); %-ENOENT also if it is elsewhere.
 */
int dmirror_copy_local(struct dmirror *dmirror, unsigned long addr, void *to)
{
	return dmirror_table_copy_from(dmirror, addr, to, true);
}

/**
 * dmirror_copy_to() - the device writes a page
 * @dmirror: the device
 * @addr: address of the page
 * @from: what to write, PAGE_SIZE bytes
 *
 * Return: as dmirror_copy_from(); %-ENOENT also if it is mapped for reading only.
 */
int dmirror_copy_to(struct dmirror *dmirror, unsigned long addr,
		    const void *from)
{
	struct page *page;
	void *entry;
	int ret = -ENOENT;

	xa_lock(&dmirror->table);
	entry = xa_load(&dmirror->table, addr >> PAGE_SHIFT);
	page = xa_untag_pointer(entry);
	if (xa_pointer_tag(entry) & DEVICE_WRITES) {
		ret = device_write_page(dmirror_storage(page), 0, from,
					PAGE_SIZE);
		/* It takes that along when it goes home. */
		if (!ret && !PageDirty(page))
			set_page_dirty(page);
	}
	xa_unlock(&dmirror->table);
	return ret;
}

/**
 * dmirror_has_alone() - does nobody else have access to one of these pages?
 * @dmirror: the device
 * @start: first address
 * @end: first address after
 */
bool dmirror_has_alone(struct dmirror *dmirror, unsigned long start,
		       unsigned long end)
{
	unsigned long page;
	void *entry;

	xa_for_each_range(&dmirror->table, page, entry, start >> PAGE_SHIFT,
			  (end - 1) >> PAGE_SHIFT) {
		if (xa_pointer_tag(entry) == DEVICE_ALONE)
			return true;
		cond_resched();
	}
	return false;
}

/**
 * dmirror_entry() - what the device has mapped
 * @dmirror: the device
 * @addr: address of the page
 *
 * Return: to be compared with others, and by dmirror_differs(); or NULL.
 */
void *dmirror_entry(struct dmirror *dmirror, unsigned long addr)
{
	return xa_load(&dmirror->table, addr >> PAGE_SHIFT);
}

/**
 * dmirror_differs() - does the device have more than the CPU?
 * @entry: what the device has
 * @cpu: what the CPU has, as hmm_range_fault() tells it
 */
bool dmirror_differs(const void *entry, unsigned long cpu)
{
	if (!entry)
		return false;
	/* What the device has for itself the CPU has not. */
	if (xa_pointer_tag((void *)entry) == DEVICE_ALONE)
		return cpu & HMM_PFN_VALID;
	return !(cpu & HMM_PFN_VALID) ||
	       xa_untag_pointer((void *)entry) != hmm_pfn_to_page(cpu) ||
	       ((xa_pointer_tag((void *)entry) & DEVICE_WRITES) &&
		!(cpu & HMM_PFN_WRITE));
}
