// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access for the device alone: for atomic operations that a CPU must not come between.
 *
 * The kernel replaces the CPU's entries, and brings them back at the CPU's next access,
 * having told the mirror before. It tells the mirror of the replacement too, and that must
 * not make stale what it is for: so the flight is the owner of these invalidations, and
 * of no others (MMU_NOTIFY_EXCLUSIVE; hmmu_flights_start()).
 *
 * What is missing is faulted first, by the same flight: so cancelling it ends whatever
 * it waits for, in a fault or between two tries.
 *
 * The pages stay locked until they are mapped in the device, which keeps the CPU from
 * having them back; what else may take them away meanwhile makes the flight stale.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "../compat/memory.h"
#include "../fault/call.h"
#include "device_memory.h"
#include "mirror.h"

#define PIECE_PAGES	64U

/* Pages are locked by others, or taken away: how often to try. */
#define TRIES		16

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
 * struct piece - pages to be had at a time
 * @start: first address
 * @end: first address after
 * @pages: locked, with a reference; NULL where it could not be had
 * @entries: for map()
 * @n: how many could be tried
 * @request: what is asked of them before
 */
struct piece {
	unsigned long start;
	unsigned long end;
	struct page *pages[PIECE_PAGES];
	unsigned long entries[PIECE_PAGES];
	int n;
	struct hmmu_request request;
};

/* Returns whether all could be had. */
static bool make_entries(struct piece *piece)
{
	unsigned long i, n = (piece->end - piece->start) >> PAGE_SHIFT;

	for (i = 0; i < n; i++) {
		if (i >= piece->n || !piece->pages[i])
			return false;
		piece->entries[i] = page_to_pfn(piece->pages[i]) |
				    HMM_PFN_VALID | HMM_PFN_WRITE;
	}
	return true;
}

static void let_go(struct piece *piece)
{
	int i;

	for (i = 0; i < piece->n; i++) {
		if (!piece->pages[i])
			continue;
		unlock_page(piece->pages[i]);
		put_page(piece->pages[i]);
	}
}

static int map_piece(struct hmmu_flight *flight, struct piece *piece,
		     unsigned long seq, hmmu_map_fn *map)
{
	struct hmmu_mirror *mirror = flight->mirror;
	int ret = -EBUSY;

	spin_lock(&mirror->state->lock);
	if (hmmu_flight_is_valid(flight, seq)) {
		ret = map(mirror, &(struct hmmu_pages){
			.start = piece->start,
			.end = piece->end,
			.entries = piece->entries,
		});
		if (!ret)
			hmmu_mirror_count(mirror, HMMU_MIRROR_EXCLUSIVE, piece->n);
	}
	spin_unlock(&mirror->state->lock);
	return ret;
}

static int try_piece(struct hmmu_flight *flight, struct piece *piece,
		     hmmu_map_fn *map)
{
	struct mm_struct *mm = flight->mirror->mm;
	unsigned long seq;
	int ret = -EBUSY;

	hmmu_flight_window(flight, piece->start, piece->end);
	seq = hmmu_flight_begin(&flight->notifier);
	if (READ_ONCE(flight->cancelled))
		return -ECANCELED;
	if (fatal_signal_pending(current))
		return -EINTR;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	/* Its holders do not wait for this lock, and faults may be slow. */
	if (!down_read_trylock(&hmmu_evicting))
		goto out_unlock;
	piece->n = hmmu_make_exclusive(mm, piece->start, piece->end,
				       piece->pages, flight);
	up_read(&hmmu_evicting);
	if (piece->n > 0 && make_entries(piece))
		ret = map_piece(flight, piece, seq, map);
	let_go(piece);
out_unlock:
	mmap_read_unlock(mm);
	return ret;
}

/* Faults first, which may wait, as the kernel's call may not. */
static int have_piece(struct hmmu_flight *flight, struct piece *piece,
		      hmmu_map_fn *map)
{
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned int tries = 0;
	int ret;

	piece->request = (struct hmmu_request){
		.start = piece->start,
		.end = piece->end,
		.access = HMMU_ACCESS_WRITE,
	};
	flight->request = &piece->request;
	do {
		ret = hmmu_flight_collect(flight, piece->entries, piece->start,
					  piece->end);
		if (!ret && mirror->state->ops->prepare)
			ret = mirror->state->ops->prepare(mirror, piece->start,
						   piece->end);
		if (ret)
			return ret;
		ret = try_piece(flight, piece, map);
		if (ret == -EBUSY)
			schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	} while ((ret == -EBUSY || ret == -ENOMEM) && ++tries < TRIES);
	return ret;
}

static int flight_exclusive(struct hmmu_flight *flight, unsigned long start,
			    unsigned long end)
{
	struct exclusive *exclusive = container_of(flight, struct exclusive, flight);
	struct piece *piece = kmalloc(sizeof(*piece), GFP_KERNEL);
	int ret = 0;

	if (!piece)
		return -ENOMEM;
	for (piece->start = start; !ret && piece->start < end;
	     piece->start = piece->end) {
		piece->end = piece->start +
			     min(end - piece->start, PIECE_PAGES * PAGE_SIZE);
		ret = have_piece(flight, piece, exclusive->map);
	}
	kfree(piece);
	return ret;
}

/**
 * hmmu_mirror_exclusive() - let the device alone have access to pages
 * @mirror: the mirror
 * @start: first address
 * @end: first address after
 * @map: maps the pages in the device: as the op of that name, with its guarantees
 *
 * Only anonymous memory. What is missing is faulted, for writing, as by
 * hmmu_mirror_populate(). A CPU that wants a page takes it away: @mirror->ops->unmap() is
 * called, and then it has it.
 *
 * Context: Process context, any task. No locks held. Sleeps; killable.
 * Return:
 * * %0		  - done
 * * %-EBUSY	  - a page could not be had: others use it, or it is not anonymous
 * * %-EOPNOTSUPP - the kernel is without CONFIG_DEVICE_PRIVATE
 * * others	  - as hmmu_mirror_populate()
 *
 * After an error pages before the one that it is about may be exclusive.
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
