// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exclusive access: for a device's atomic operations, which no CPU access may interrupt.
 *
 * The kernel replaces the CPU's page table entries. At the CPU's next access it restores
 * them, and notifies the mirror first. It notifies the mirror of the replacement too. That
 * must not make stale the flight that it is done for: so the flight is the owner of these
 * invalidations, and of no others (MMU_NOTIFY_EXCLUSIVE; hmmu_flights_start()).
 *
 * Missing pages are faulted first, by the same flight. So cancelling the flight ends its
 * wait, in a fault as between two tries. A flight for each try would not do: one that
 * begins after the cancelling would wait for a page server for ever.
 *
 * A page stays locked until it is mapped in the device: a CPU cannot get it back meanwhile.
 * Anything else that takes it away makes the flight stale. Only one page is locked at a
 * time: the kernel waits for the lock, which all pages of a large folio share. A mapped page
 * leaves the flight's window, and what happens to it then does not matter to the others.
 *
 * Locks: mmap lock -> hmmu_evicting, for read -> page lock -> mirror lock.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../compat/exclusive.h"
#include "device_memory.h"
#include "mirror.h"

/* So many pages are faulted before the first of them becomes exclusive. */
#define EXCLUSIVE_PAGES	64U

/* So often it tries to make a page exclusive that others lock, or take away. */
#define EXCLUSIVE_TRIES	16

/**
 * struct exclusive - a call of hmmu_mirror_exclusive()
 * @flight: under way
 * @map: maps the pages in the device
 */
struct exclusive {
	struct hmmu_flight flight;
	hmmu_map_fn *map;
};

/**
 * struct exclusive_batch - pages that are faulted at a time
 * @start: first address that is not exclusive yet
 * @end: first address after
 * @entries: for the populate before
 * @request: likewise
 */
struct exclusive_batch {
	unsigned long start;
	unsigned long end;
	unsigned long entries[EXCLUSIVE_PAGES];
	struct hmmu_request request;
};

/* Only tried, as the mmap lock is held: the holder may evict, or fault slowly. */
static struct page *exclusive_make(struct hmmu_flight *flight, unsigned long addr,
				   struct folio **folio)
{
	struct page *page;

	if (hmmu_exclusive_unmaps() && !down_read_trylock(&hmmu_evicting))
		return ERR_PTR(-EBUSY);
	page = make_device_exclusive(flight->mirror->mm, addr, flight, folio);
	if (hmmu_exclusive_unmaps())
		up_read(&hmmu_evicting);
	return page;
}

static int exclusive_map(struct hmmu_flight *flight, struct page *page,
			 unsigned long addr, unsigned long seq,
			 hmmu_map_fn *map)
{
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned long entry = page_to_pfn(page) | HMM_PFN_VALID | HMM_PFN_WRITE;
	int ret = -EBUSY;

	spin_lock(&mirror->lock);
	if (hmmu_flight_is_valid(flight, seq)) {
		ret = map(mirror, &(struct hmmu_pages){
			.start = addr,
			.end = addr + PAGE_SIZE,
			.entries = &entry,
		});
		if (!ret) {
			hmmu_mirror_count(mirror, HMMU_MIRROR_EXCLUSIVE, 1);
			flight->notifier.interval_tree.start = addr + PAGE_SIZE;
		}
	}
	spin_unlock(&mirror->lock);
	return ret;
}

static int exclusive_page(struct hmmu_flight *flight, unsigned long addr,
			  unsigned long seq, hmmu_map_fn *map)
{
	struct folio *folio;
	struct page *page;
	int ret;

	if (READ_ONCE(flight->cancelled))
		return -ECANCELED;
	page = exclusive_make(flight, addr, &folio);
	if (IS_ERR(page))
		return -EBUSY;
	ret = exclusive_map(flight, page, addr, seq, map);
	folio_unlock(folio);
	folio_put(folio);
	return ret;
}

static int exclusive_try(struct hmmu_flight *flight,
			 struct exclusive_batch *batch, hmmu_map_fn *map)
{
	struct mm_struct *mm = flight->mirror->mm;
	unsigned long seq;
	int ret = 0;

	hmmu_flight_window(flight, batch->start, batch->end);
	seq = hmmu_flight_begin(&flight->notifier);
	if (fatal_signal_pending(current))
		return -EINTR;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	while (!ret && batch->start < batch->end) {
		ret = exclusive_page(flight, batch->start, seq, map);
		if (!ret)
			batch->start += PAGE_SIZE;
	}
	mmap_read_unlock(mm);
	return ret;
}

/* Faults first, without the mmap lock: the kernel's own call would fault under it. */
static int exclusive_prepare(struct hmmu_flight *flight,
			     struct exclusive_batch *batch)
{
	struct hmmu_mirror *mirror = flight->mirror;
	int ret = hmmu_flight_collect(flight, batch->entries, batch->start,
				      batch->end);

	if (ret || !mirror->state->ops->prepare)
		return ret;
	return mirror->state->ops->prepare(mirror, batch->start, batch->end);
}

static int exclusive_run(struct hmmu_flight *flight,
			 struct exclusive_batch *batch, hmmu_map_fn *map)
{
	unsigned long start;
	unsigned int tries = 0;
	int ret;

	batch->request = (struct hmmu_request){
		.start = batch->start,
		.end = batch->end,
		.access = HMMU_ACCESS_WRITE,
	};
	flight->request = &batch->request;
	do {
		ret = exclusive_prepare(flight, batch);
		if (ret)
			return ret;
		start = batch->start;
		ret = exclusive_try(flight, batch, map);
		if (batch->start > start)
			tries = 0;
		if (ret == -EBUSY)
			schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	} while ((ret == -EBUSY || ret == -ENOMEM) && ++tries < EXCLUSIVE_TRIES);
	return ret;
}

static int flight_exclusive(struct hmmu_flight *flight, unsigned long start,
			    unsigned long end)
{
	struct exclusive *exclusive = container_of(flight, struct exclusive, flight);
	struct exclusive_batch *batch = kmalloc(sizeof(*batch), GFP_KERNEL);
	int ret = 0;

	if (!batch)
		return -ENOMEM;
	batch->start = start;
	while (!ret && batch->start < end) {
		batch->end = batch->start +
			     min(end - batch->start, EXCLUSIVE_PAGES * PAGE_SIZE);
		ret = exclusive_run(flight, batch, exclusive->map);
	}
	kfree(batch);
	return ret;
}

/**
 * hmmu_mirror_exclusive() - give the device exclusive access to pages
 * @mirror: the mirror
 * @start: first address, a multiple of PAGE_SIZE
 * @end: first address after, likewise
 * @map: maps the pages in the device; it has the guarantees of hmmu_mirror_ops.map()
 *
 * Only anonymous memory can be exclusive. Missing pages are faulted for writing, as by
 * hmmu_mirror_populate(). @map is called for one page at a time. When a CPU accesses a page,
 * the driver's unmap() is called, and then the CPU has the page back.
 *
 * Context: Process context, any task. No locks held. Sleeps; killable.
 * Return:
 * * %0		  - done; a CPU may have taken pages back since
 * * %-EBUSY	  - a page could not be made exclusive: others use it (call again); or it is
 *		    not anonymous or, before Linux 6.15, part of a huge page
 * * %-EOPNOTSUPP - the kernel is without CONFIG_DEVICE_PRIVATE
 * * others	  - as hmmu_mirror_populate()
 *
 * After an error, pages before the one that failed may be exclusive.
 */
int hmmu_mirror_exclusive(struct hmmu_mirror *mirror, unsigned long start,
			  unsigned long end, hmmu_map_fn *map)
{
	struct exclusive exclusive = {
		.flight.mirror = mirror,
		.flight.name = "exclusive",
		.flight.counter = HMMU_MIRROR_POPULATES,
		.flight.use = hmmu_window_map,
		.map = map,
	};

	if (!hmmu_has_device_private())
		return -EOPNOTSUPP;
	if (!hmmu_mirror_spans(mirror, start, end))
		return -EINVAL;
	return hmmu_flight_run(&exclusive.flight, start, end, flight_exclusive);
}
EXPORT_SYMBOL_GPL(hmmu_mirror_exclusive);
