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
 * The pages stay locked until they are mapped in the device: a CPU cannot get them back
 * meanwhile. Anything else that takes them away makes the flight stale.
 *
 * Locks: mmap lock -> hmmu_evicting, for read -> page locks -> mirror lock.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../compat/exclusive.h"
#include "device_memory.h"
#include "mirror.h"

#define EXCLUSIVE_PAGES	64U

/* So often it tries where pages are locked by others, or taken away. */
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
 * struct exclusive_batch - pages that are made exclusive at a time
 * @start: first address
 * @end: first address after
 * @pages: locked, with a reference; NULL: it could not be made exclusive
 * @entries: for map()
 * @n: number of entries of @pages that the kernel has filled in
 * @request: for the populate before
 */
struct exclusive_batch {
	unsigned long start;
	unsigned long end;
	struct page *pages[EXCLUSIVE_PAGES];
	unsigned long entries[EXCLUSIVE_PAGES];
	int n;
	struct hmmu_request request;
};

/* Returns whether all pages are exclusive. */
static bool exclusive_make_entries(struct exclusive_batch *batch)
{
	unsigned long i, n = (batch->end - batch->start) >> PAGE_SHIFT;

	for (i = 0; i < n; i++) {
		if (i >= batch->n || !batch->pages[i])
			return false;
		batch->entries[i] = page_to_pfn(batch->pages[i]) |
				    HMM_PFN_VALID | HMM_PFN_WRITE;
	}
	return true;
}

static void exclusive_release(struct exclusive_batch *batch)
{
	int i;

	for (i = 0; i < batch->n; i++) {
		if (!batch->pages[i])
			continue;
		unlock_page(batch->pages[i]);
		put_page(batch->pages[i]);
	}
}

static int exclusive_map(struct hmmu_flight *flight,
			 struct exclusive_batch *batch, unsigned long seq,
			 hmmu_map_fn *map)
{
	struct hmmu_mirror *mirror = flight->mirror;
	int ret = -EBUSY;

	spin_lock(&mirror->lock);
	if (hmmu_flight_is_valid(flight, seq)) {
		ret = map(mirror, &(struct hmmu_pages){
			.start = batch->start,
			.end = batch->end,
			.entries = batch->entries,
		});
		if (!ret)
			hmmu_mirror_count(mirror, HMMU_MIRROR_EXCLUSIVE, batch->n);
	}
	spin_unlock(&mirror->lock);
	return ret;
}

static int exclusive_try(struct hmmu_flight *flight,
			 struct exclusive_batch *batch, hmmu_map_fn *map)
{
	struct mm_struct *mm = flight->mirror->mm;
	unsigned long seq;
	int ret = -EBUSY;

	hmmu_flight_window(flight, batch->start, batch->end);
	seq = hmmu_flight_begin(&flight->notifier);
	if (READ_ONCE(flight->cancelled))
		return -ECANCELED;
	if (fatal_signal_pending(current))
		return -EINTR;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	/* Only tried, as the mmap lock is held: the holder may evict, or fault slowly. */
	if (!down_read_trylock(&hmmu_evicting))
		goto out_unlock;
	batch->n = hmmu_make_exclusive(mm, batch->start, batch->end,
				       batch->pages, flight);
	up_read(&hmmu_evicting);
	if (batch->n > 0 && exclusive_make_entries(batch))
		ret = exclusive_map(flight, batch, seq, map);
	exclusive_release(batch);
out_unlock:
	mmap_read_unlock(mm);
	return ret;
}

/* Faults first, without the mmap lock: the kernel's own call would fault under it. */
static int exclusive_run(struct hmmu_flight *flight,
			 struct exclusive_batch *batch, hmmu_map_fn *map)
{
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned int tries = 0;
	int ret;

	batch->request = (struct hmmu_request){
		.start = batch->start,
		.end = batch->end,
		.access = HMMU_ACCESS_WRITE,
	};
	flight->request = &batch->request;
	do {
		ret = hmmu_flight_collect(flight, batch->entries, batch->start,
					  batch->end);
		if (!ret && mirror->state->ops->prepare)
			ret = mirror->state->ops->prepare(mirror, batch->start,
							  batch->end);
		if (ret)
			return ret;
		ret = exclusive_try(flight, batch, map);
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
	for (batch->start = start; !ret && batch->start < end;
	     batch->start = batch->end) {
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
 * hmmu_mirror_populate(). When a CPU accesses a page, the driver's unmap() is called, and
 * then the CPU has the page back.
 *
 * Context: Process context, any task. No locks held. Sleeps; killable.
 * Return:
 * * %0		  - done; a CPU may have taken pages back since
 * * %-EBUSY	  - a page could not be made exclusive: others use it (call again), or it is
 *		    not anonymous
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
