// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hypervisor in software: a guest page table, and accesses that go through it.
 *
 * Each 2 MiB of guest memory that prepare() was called for has a table, which holds one
 * large mapping or one mapping per page. Because the entries are allocated in both
 * cases, splitting a large mapping needs no memory.
 *
 * Locks: hv->lock. Read: using tables outside of a mirror's callbacks. Write: freeing
 * tables. A callback does not take it, because the tables of a region with a mirror are
 * not freed. A table's lock is held from looking up an entry to the end of the access to
 * the page. So unmapping waits for the access, as a TLB flush does in hardware.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "../page.h"
#include "hypervisor.h"

#define SLOTS		HMM_REGION_LARGE_PAGES
#define ACCESS_BITS	3

static_assert(PAGE_SHIFT == HMM_REGION_PAGE_SHIFT);

/**
 * struct soft_table - page table of 2 MiB of guest memory
 * @lock: protects all other fields
 * @large: a large mapping, or 0; see soft_entry()
 * @entries: mappings of single pages, or 0; all are 0 if @large is set
 * @mapped: number of @entries that are not 0
 * @dirty: pages written to; unmapping does not clear a bit
 * @seen: pages accessed since they were mapped
 */
struct soft_table {
	spinlock_t lock;
	u64 large;
	u64 *entries;
	unsigned int mapped;
	DECLARE_BITMAP(dirty, SLOTS);
	DECLARE_BITMAP(seen, SLOTS);
};

/**
 * struct hv - a guest
 * @lock: see the head of this file
 * @tables: struct soft_table, indexed by guest page number / SLOTS
 * @batch: most mappings that are unmapped at a time
 * @splits: large mappings that were split
 * @fail_lock: protects @fail
 * @fail: how to fail on purpose
 */
struct hv {
	struct rw_semaphore lock;
	struct xarray tables;
	unsigned int batch;
	atomic64_t splits;
	spinlock_t fail_lock;
	struct hmm_region_fail fail;
};

/* Each mapping allows HMM_REGION_READ, so no entry is 0. */
static u64 soft_entry(u64 pfn, u32 access)
{
	return pfn << ACCESS_BITS | access;
}

static u64 soft_entry_pfn(u64 entry)
{
	return entry >> ACCESS_BITS;
}

static unsigned int soft_slot(u64 gpfn)
{
	return gpfn % SLOTS;
}

static struct soft_table *soft_table_of(struct hv *hv, u64 gpfn)
{
	return xa_load(&hv->tables, gpfn / SLOTS);
}

static struct hv *soft_create(unsigned int batch)
{
	struct hv *hv = kzalloc(sizeof(*hv), GFP_KERNEL_ACCOUNT);

	if (!hv)
		return ERR_PTR(-ENOMEM);
	init_rwsem(&hv->lock);
	xa_init_flags(&hv->tables, XA_FLAGS_ACCOUNT);
	spin_lock_init(&hv->fail_lock);
	hv->batch = batch;
	return hv;
}

static void soft_table_free(struct soft_table *table)
{
	if (table)
		kfree(table->entries);
	kfree(table);
}

static void soft_destroy(struct hv *hv)
{
	struct soft_table *table;
	unsigned long i;

	xa_for_each(&hv->tables, i, table)
		soft_table_free(table);
	xa_destroy(&hv->tables);
	kfree(hv);
}

static struct soft_table *soft_table_new(void)
{
	struct soft_table *table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);

	if (!table)
		return NULL;
	table->entries = kcalloc(SLOTS, sizeof(*table->entries),
				 GFP_KERNEL_ACCOUNT);
	if (!table->entries) {
		kfree(table);
		return NULL;
	}
	spin_lock_init(&table->lock);
	return table;
}

/* Two regions may share a table and prepare it at the same time. */
static int soft_table_need(struct hv *hv, unsigned long index)
{
	struct soft_table *table, *other;

	if (xa_load(&hv->tables, index))
		return 0;
	table = soft_table_new();
	if (!table)
		return -ENOMEM;
	other = xa_cmpxchg(&hv->tables, index, NULL, table, GFP_KERNEL_ACCOUNT);
	if (other)
		soft_table_free(table);
	return xa_err(other);
}

static int soft_prepare(struct hv *hv, u64 gpfn, u64 end)
{
	unsigned long index;
	int ret = 0;

	for (index = gpfn / SLOTS; !ret && index <= (end - 1) / SLOTS; index++) {
		ret = soft_table_need(hv, index);
		cond_resched();
	}
	return ret;
}

static int soft_failure(struct hv *hv)
{
	int ret = 0;

	spin_lock(&hv->fail_lock);
	if (hv->fail.times && !hv->fail.after--) {
		hv->fail.times--;
		hv->fail.after = 0;
		ret = hv->fail.what == HMM_REGION_FAIL_MEMORY ? -ENOMEM : -EIO;
	}
	spin_unlock(&hv->fail_lock);
	return ret;
}

/* A large mapping becomes SLOTS mappings of single pages. */
static void soft_table_split(struct hv *hv, struct soft_table *table)
{
	unsigned int i;

	lockdep_assert_held(&table->lock);
	for (i = 0; i < SLOTS; i++)
		table->entries[i] = table->large + ((u64)i << ACCESS_BITS);
	table->mapped = SLOTS;
	table->large = 0;
	atomic64_inc(&hv->splits);
}

static void soft_table_map_large(struct soft_table *table, u64 entry)
{
	table->large = entry;
	memset(table->entries, 0, SLOTS * sizeof(*table->entries));
	table->mapped = 0;
}

static void soft_table_map_page(struct hv *hv, struct soft_table *table,
				unsigned int slot, u64 entry)
{
	if (table->large)
		soft_table_split(hv, table);
	table->mapped += !table->entries[slot];
	table->entries[slot] = entry;
}

static void soft_table_map(struct hv *hv, struct soft_table *table,
			   const struct hv_batch *batch, unsigned int i)
{
	u64 entry = soft_entry(batch->pfns[i], batch->access);

	spin_lock(&table->lock);
	if (batch->large)
		soft_table_map_large(table, entry);
	else
		soft_table_map_page(hv, table, soft_slot(batch->gpfn + i),
				    entry);
	spin_unlock(&table->lock);
}

static int soft_map(struct hv *hv, const struct hv_batch *batch,
		    unsigned int *done)
{
	unsigned int pages = batch->large ? SLOTS : 1;
	struct soft_table *table;
	int ret;

	for (*done = 0; *done < batch->n; ++*done) {
		ret = soft_failure(hv);
		if (ret)
			return ret;
		table = soft_table_of(hv, batch->gpfn + *done * pages);
		if (!table)
			return -ENOMEM;
		soft_table_map(hv, table, batch, *done);
	}
	return 0;
}

static u64 soft_table_entry(const struct soft_table *table, unsigned int slot)
{
	lockdep_assert_held(&table->lock);
	if (table->large)
		return table->large + ((u64)slot << ACCESS_BITS);
	return table->entries[slot];
}

static bool soft_has(struct hv *hv, u64 gpfn, u64 pfn, u32 access)
{
	struct soft_table *table = soft_table_of(hv, gpfn);
	bool has;

	if (!table)
		return false;
	spin_lock(&table->lock);
	has = soft_table_entry(table, soft_slot(gpfn)) ==
	      soft_entry(pfn, access);
	spin_unlock(&table->lock);
	return has;
}

/* Returns @end, or the slot to go on from if @left, the rest of the batch, ran out before. */
static unsigned int soft_table_unmap_pages(struct soft_table *table,
					   unsigned int slot, unsigned int end,
					   unsigned int *left)
{
	for (; slot < end && *left && table->mapped; slot++) {
		if (!table->entries[slot])
			continue;
		table->entries[slot] = 0;
		table->mapped--;
		--*left;
		__clear_bit(slot, table->seen);
	}
	return table->mapped && !*left ? slot : end;
}

static unsigned int soft_table_unmap(struct hv *hv, struct soft_table *table,
				     unsigned int slot, unsigned int end,
				     unsigned int *left)
{
	spin_lock(&table->lock);
	if (table->large && !slot && end == SLOTS) {
		table->large = 0;
		bitmap_zero(table->seen, SLOTS);
		--*left;
		slot = SLOTS;
	} else {
		if (table->large)
			soft_table_split(hv, table);
		slot = soft_table_unmap_pages(table, slot, end, left);
	}
	spin_unlock(&table->lock);
	return slot;
}

/* Looking at a table takes time too: one without mappings counts as one mapping. */
static u64 soft_unmap(struct hv *hv, u64 gpfn, u64 end)
{
	unsigned long index = gpfn / SLOTS;
	unsigned int left = hv->batch, before;
	struct soft_table *table;
	u64 base;

	while (left && (table = xa_find(&hv->tables, &index, (end - 1) / SLOTS,
					XA_PRESENT))) {
		before = left;
		base = (u64)index * SLOTS;
		gpfn = max(gpfn, base);
		gpfn = base + soft_table_unmap(hv, table, gpfn - base,
					       min(end - base, (u64)SLOTS),
					       &left);
		if (gpfn == end)
			return end;
		left -= left == before;
		index = gpfn / SLOTS;
	}
	return left ? end : gpfn;
}

/*
 * Finds the next table from @index on. Frees it if the range covers all of it; else
 * clears the dirty bits of the range. Returns false if no table is left.
 */
static bool soft_table_forget(struct hv *hv, unsigned long *index, u64 gpfn,
			      u64 end)
{
	struct soft_table *table =
		xa_find(&hv->tables, index, (end - 1) / SLOTS, XA_PRESENT);
	u64 first, last;

	if (!table)
		return false;
	first = max(gpfn, (u64)*index * SLOTS);
	last = min(end, (u64)(*index + 1) * SLOTS);
	down_write(&hv->lock);
	if (last - first == SLOTS)
		soft_table_free(xa_erase(&hv->tables, *index));
	else
		bitmap_clear(table->dirty, soft_slot(first), last - first);
	up_write(&hv->lock);
	return true;
}

/* Tables that the range covers only in part stay: another region uses them. */
static void soft_forget(struct hv *hv, u64 gpfn, u64 end)
{
	unsigned long index;

	for (index = gpfn / SLOTS; index <= (end - 1) / SLOTS &&
	     soft_table_forget(hv, &index, gpfn, end); index++)
		cond_resched();
}

static int soft_table_access(struct soft_table *table, struct hv_access *access)
{
	unsigned int slot = soft_slot(access->gpfn);
	u64 entry = soft_table_entry(table, slot);
	struct page *page;
	int ret;

	if (!(entry & access->access))
		return -ENOENT;
	page = pfn_to_page(soft_entry_pfn(entry));
	if (access->access == HMM_REGION_WRITE)
		ret = device_write_page(page, access->offset, access->data,
					access->length);
	else
		ret = device_read_page(access->data, page, access->offset,
				       access->length);
	if (!ret && access->access == HMM_REGION_WRITE)
		__set_bit(slot, table->dirty);
	access->first = !__test_and_set_bit(slot, table->seen);
	return ret;
}

static int soft_access(struct hv *hv, struct hv_access *access)
{
	struct soft_table *table;
	int ret = -ENOENT;

	down_read(&hv->lock);
	table = soft_table_of(hv, access->gpfn);
	if (table) {
		spin_lock(&table->lock);
		ret = soft_table_access(table, access);
		spin_unlock(&table->lock);
	}
	up_read(&hv->lock);
	return ret;
}

static void soft_take_dirty(struct hv *hv, u64 gpfn, unsigned int pages,
			    unsigned long *bits)
{
	struct soft_table *table;
	unsigned int i;

	bitmap_zero(bits, pages);
	down_read(&hv->lock);
	table = soft_table_of(hv, gpfn);
	if (table) {
		spin_lock(&table->lock);
		for (i = 0; i < pages; i++)
			if (__test_and_clear_bit(soft_slot(gpfn) + i,
						 table->dirty))
				__set_bit(i, bits);
		spin_unlock(&table->lock);
	}
	up_read(&hv->lock);
}

static void soft_put_dirty(struct hv *hv, u64 gpfn, unsigned int pages,
			   const unsigned long *bits)
{
	struct soft_table *table;
	unsigned int i;

	down_read(&hv->lock);
	table = soft_table_of(hv, gpfn);
	if (table) {
		spin_lock(&table->lock);
		for_each_set_bit(i, bits, pages)
			__set_bit(soft_slot(gpfn) + i, table->dirty);
		spin_unlock(&table->lock);
	}
	up_read(&hv->lock);
}

static void soft_table_query(struct soft_table *table,
			     struct hmm_region_query *query)
{
	spin_lock(&table->lock);
	query->large_pages += !!table->large;
	query->mapped_pages += table->large ? SLOTS : table->mapped;
	spin_unlock(&table->lock);
}

static void soft_query(struct hv *hv, struct hmm_region_query *query)
{
	struct soft_table *table;
	unsigned long i;

	down_read(&hv->lock);
	xa_for_each(&hv->tables, i, table) {
		soft_table_query(table, query);
		cond_resched();
	}
	up_read(&hv->lock);
	query->splits += atomic64_read(&hv->splits);
}

static void soft_fail(struct hv *hv, const struct hmm_region_fail *fail)
{
	spin_lock(&hv->fail_lock);
	hv->fail = *fail;
	spin_unlock(&hv->fail_lock);
}

const struct hv_ops hv_soft = {
	.create = soft_create,
	.destroy = soft_destroy,
	.prepare = soft_prepare,
	.map = soft_map,
	.has = soft_has,
	.unmap = soft_unmap,
	.forget = soft_forget,
	.access = soft_access,
	.take_dirty = soft_take_dirty,
	.put_dirty = soft_put_dirty,
	.query = soft_query,
	.fail = soft_fail,
};
