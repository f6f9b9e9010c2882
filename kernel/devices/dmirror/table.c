// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's page table: an xarray indexed by page number. An entry is the page's
 * pointer. Its tag says whether the device may write, and whether the access is
 * exclusive.
 *
 * No reference is held on the pages: a page is unmapped here before it is freed.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "../page.h"
#include "dmirror.h"

#define DEVICE_WRITES	1UL
#define DEVICE_ALONE	3UL

/* Slots in a node of an xarray. Allocating a node is what can fail. */
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

/* Map pages with exclusive access. Otherwise as map() of the kit. */
int dmirror_map_alone(struct hmmu_mirror *mirror, const struct hmmu_pages *pages)
{
	return dmirror_table_store(mirror, pages, dmirror_table_entry_alone);
}

/*
 * Not xas_pause(): if xas_store() has freed the node, xas_pause() continues from the
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

/* A reserved slot keeps its node allocated, and with it memory for all its slots. */
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
 * @to: destination, PAGE_SIZE bytes
 *
 * Return: %0; %-ENOENT if the page is not mapped in the device; %-EFAULT if only the
 * process itself can read it (memfd_secret).
 */
int dmirror_copy_from(struct dmirror *dmirror, unsigned long addr, void *to)
{
	return dmirror_table_copy_from(dmirror, addr, to, false);
}

/**
 * dmirror_copy_local() - the device reads a page of its own memory
 * @dmirror: a device that has memory
 * @addr: address of the page
 * @to: destination, PAGE_SIZE bytes
 *
 * Return: as dmirror_copy_from(); %-ENOENT also if the page is in other memory.
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
 * Return: as dmirror_copy_from(); %-ENOENT also if the page is mapped read-only.
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
		/* Migrating carries the dirty bit of @page, not of its storage. */
		if (!ret && !PageDirty(page))
			set_page_dirty(page);
	}
	xa_unlock(&dmirror->table);
	return ret;
}

/**
 * dmirror_has_alone() - is access to one of these pages exclusive?
 * @dmirror: the device
 * @start: first address
 * @end: first address behind
 *
 * Return: whether the device has exclusive access to at least one page.
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
 * dmirror_entry() - the entry of the device's page table
 * @dmirror: the device
 * @addr: address of the page
 *
 * Return: NULL, or an opaque entry to compare with others or pass to
 * dmirror_differs().
 */
void *dmirror_entry(struct dmirror *dmirror, unsigned long addr)
{
	return xa_load(&dmirror->table, addr >> PAGE_SHIFT);
}

/**
 * dmirror_differs() - does the device have more access than the CPU?
 * @entry: the device's entry
 * @cpu: the CPU's entry, as hmm_range_fault() reports it
 *
 * Return: whether the device maps a page that the CPU does not map there, or may write
 * where the CPU may not.
 */
bool dmirror_differs(const void *entry, unsigned long cpu)
{
	if (!entry)
		return false;
	/* A page with exclusive access is not mapped by the CPU. */
	if (xa_pointer_tag((void *)entry) == DEVICE_ALONE)
		return cpu & HMM_PFN_VALID;
	return !(cpu & HMM_PFN_VALID) ||
	       xa_untag_pointer((void *)entry) != hmm_pfn_to_page(cpu) ||
	       ((xa_pointer_tag((void *)entry) & DEVICE_WRITES) &&
		!(cpu & HMM_PFN_WRITE));
}
