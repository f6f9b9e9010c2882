// SPDX-License-Identifier: GPL-2.0-only
/*
 * Populate and snapshot: memory is collected for the device, window by window.
 *
 * Each window is one call of the fault engine, which does not know mirrors. The flight's
 * hooks give the engine the sequence to collect under, and take what it has collected
 * while the mmap lock is still held.
 */
#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../fault/call.h"
#include "mirror.h"
#include "move.h"

/* So often map() may be short of memory in one window although prepare() succeeded. */
#define REFILLS_MAX	8

static struct hmmu_flight *range_flight(const struct hmm_range *range)
{
	return hmmu_flight_of(range->notifier);
}

/**
 * hmmu_request_access() - the access that a request asks for to a page
 * @request: the request
 * @addr: address of the page
 */
enum hmmu_access hmmu_request_access(const struct hmmu_request *request,
				     unsigned long addr)
{
	if (!request->accesses)
		return request->access;
	return request->accesses[(addr - request->start) >> PAGE_SHIFT];
}

static unsigned long access_bits(enum hmmu_access access)
{
	switch (access) {
	case HMMU_ACCESS_READ:
		return HMM_PFN_REQ_FAULT;
	case HMMU_ACCESS_WRITE:
		return HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE;
	default:
		return 0;
	}
}

/*
 * The engine gives some errnos a meaning of its own. So it gets -EIO for any of the
 * driver's, and flight->error keeps what the driver returned.
 */
static int window_hand_over(struct hmm_range *range)
{
	struct hmmu_flight *flight = range_flight(range);
	struct hmmu_mirror *mirror = flight->mirror;
	int ret = -EBUSY;

	flight->again = hmmu_migrate_window(flight, range);
	if (flight->again)
		return -EIO;

	spin_lock(&mirror->lock);
	if (hmmu_flight_is_valid(flight, range->notifier_seq)) {
		flight->error = flight->use(flight, range);
		ret = flight->error ? -EIO : 0;
	}
	if (!ret) {
		hmmu_mirror_count(mirror, HMMU_MIRROR_WINDOWS, 1);
		hmmu_mirror_count(mirror, HMMU_MIRROR_RETRIES_AVOIDED,
				  flight->spared);
	}
	spin_unlock(&mirror->lock);
	return ret;
}

static bool flight_is_cancelled(const struct hmm_range *range)
{
	return READ_ONCE(range_flight(range)->cancelled);
}

static bool flight_needs_page(const struct hmm_range *range, unsigned long addr)
{
	const struct hmmu_request *request = range_flight(range)->request;

	return !request->best_effort || (addr >= request->needed_start &&
					 addr < request->needed_end);
}

static void flight_note_fault(const struct hmm_range *range, bool begins)
{
	atomic_add(begins ? 1 : -1, &range_flight(range)->faulting);
}

static struct hmmu_pace *flight_pace(const struct hmm_range *range)
{
	return &range_flight(range)->pace;
}

static const struct hmmu_hooks flight_hooks = {
	.begin = hmmu_flight_begin,
	.hand_over = window_hand_over,
	.cancelled = flight_is_cancelled,
	.needed = flight_needs_page,
	.faulting = flight_note_fault,
	.pace = flight_pace,
};

static void flight_add_counters(struct hmmu_mirror *mirror,
				const struct hmm_unlocked_counters *counters)
{
	spin_lock(&mirror->lock);
	hmmu_counters_add(&mirror->state->engine, counters);
	spin_unlock(&mirror->lock);
}

static int window_collect(struct hmmu_flight *flight, struct hmm_range *range,
			  unsigned long timeout)
{
	struct hmm_unlocked_counters counters = {};
	int ret;

	flight->error = 0;
	flight->again = false;
	hmmu_flight_window(flight, range->start, range->end);
	ret = hmmu_range_fault(range, timeout, &flight_hooks, &counters);
	flight_add_counters(flight->mirror, &counters);
	return flight->error ?: ret;
}

/*
 * Requests stand in the entries where pages differ in access, or may get less.
 *
 * All else is zero: the kernel carries some bits of an entry (HMMU_PFN_STICKY) from input
 * to output, and a driver takes them for what it has set itself.
 */
static void window_ask(const struct hmmu_request *request, struct hmm_range *range)
{
	unsigned long n = (range->end - range->start) >> PAGE_SHIFT;
	unsigned long addr, *entry = range->hmm_pfns;

	memset(entry, 0, n * sizeof(*entry));
	range->default_flags = 0;
	range->pfn_flags_mask = 0;
	if (!request || request->present_only)
		return;
	if (!request->accesses && !request->best_effort) {
		range->default_flags = access_bits(request->access);
		return;
	}
	range->pfn_flags_mask = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE;
	for (addr = range->start; addr < range->end; addr += PAGE_SIZE)
		*entry++ = access_bits(hmmu_request_access(request, addr));
}

/*
 * map() cannot wait for memory: if it was short of it, prepare() waits, and the window is
 * collected again. A call of the engine that fails leaves the requests in the entries.
 */
static int window_populate(struct hmmu_flight *flight, struct hmm_range *range)
{
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned long timeout = flight->request ? flight->request->timeout : 0;
	unsigned int refills = 0;
	int ret;

	bitmap_zero(flight->moved, PTRS_PER_PTE);
	flight->moves = 0;
	window_ask(flight->request, range);
	do {
		do
			ret = window_collect(flight, range, timeout);
		while (flight->again);
		if (flight->error != -ENOMEM || !mirror->state->ops->prepare ||
		    refills++ == REFILLS_MAX)
			return ret;
		ret = mirror->state->ops->prepare(mirror, range->start, range->end);
	} while (!ret);
	return ret;
}

/**
 * hmmu_flight_collect() - collect a range and hand it on, window by window
 * @flight: with @use set, and @request unless it is a snapshot
 * @entries: an array for the entries of the largest window
 * @start: first address
 * @end: first address after
 *
 * Context: In hmmu_flight_run(). No locks held. Sleeps.
 * Return: %0, or an errno as hmmu_mirror_populate(); %-EINTR also if the flight was
 * cancelled.
 */
int hmmu_flight_collect(struct hmmu_flight *flight, unsigned long *entries,
			unsigned long start, unsigned long end)
{
	struct hmm_range range = {
		.notifier = &flight->notifier,
		.hmm_pfns = entries,
		.dev_private_owner = flight->mirror->memory,
	};
	int ret = 0;

	for (range.start = start; !ret && range.start < end;
	     range.start = range.end) {
		range.end = min(end, hmmu_table_end(range.start));
		ret = window_populate(flight, &range);
	}
	return ret;
}

/* The work of a populate or a snapshot. */
static int flight_populate(struct hmmu_flight *flight, unsigned long start,
			   unsigned long end)
{
	unsigned long pages = min(HMMU_CHUNK_SIZE, end - start) >> PAGE_SHIFT;
	unsigned long *entries;
	int ret = -ENOMEM;

	entries = kmalloc_array(pages, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	if (flight->request && flight->request->to_memory) {
		flight->move = hmmu_move_new(pages);
		if (!flight->move)
			goto out_free;
	}
	ret = hmmu_flight_collect(flight, entries, start, end);
	hmmu_move_free(flight->move);
out_free:
	kfree(entries);
	return ret;
}

/* Pages that were not asked for, or are not there, are not for the device. */
static unsigned long window_keep_asked(const struct hmmu_request *request,
				       struct hmm_range *range)
{
	unsigned long addr, *entry = range->hmm_pfns;
	unsigned long kept = 0;

	for (addr = range->start; addr < range->end; addr += PAGE_SIZE, entry++) {
		if (!(*entry & HMM_PFN_VALID) || !hmmu_request_access(request, addr))
			*entry = 0;
		else
			kept++;
	}
	return kept;
}

static enum hmmu_place entry_place(const struct hmmu_mirror *mirror,
				   unsigned long entry)
{
	const struct page *page;

	if (!(entry & HMM_PFN_VALID))
		return HMMU_PLACE_NONE;
	page = hmm_pfn_to_page(entry);
	if (hmmu_memory_has(mirror->memory, page))
		return HMMU_PLACE_MEMORY;
	return is_device_coherent_page(page) ? HMMU_PLACE_OTHER :
					       HMMU_PLACE_SYSTEM;
}

static void window_tell_places(const struct hmmu_flight *flight,
			       const struct hmm_range *range)
{
	const unsigned long *entry = range->hmm_pfns;
	unsigned long addr;
	u8 *place = flight->request->places;

	if (!place)
		return;
	place += (range->start - flight->request->start) >> PAGE_SHIFT;
	for (addr = range->start; addr < range->end; addr += PAGE_SIZE)
		*place++ = entry_place(flight->mirror, *entry++);
}

/**
 * hmmu_window_map() - hand a window to the driver's map()
 * @flight: the flight, with @request set
 * @range: the window, which is collected
 *
 * Context: Mirror lock held.
 * Return: what map() returned.
 */
int hmmu_window_map(struct hmmu_flight *flight, struct hmm_range *range)
{
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned long kept = window_keep_asked(flight->request, range);
	int ret;

	ret = mirror->state->ops->map(mirror, &(struct hmmu_pages){
		.start = range->start,
		.end = range->end,
		.entries = range->hmm_pfns,
	});
	if (!ret) {
		hmmu_mirror_count(mirror, HMMU_MIRROR_PAGES_MAPPED, kept);
		window_tell_places(flight, range);
	}
	if (ret == -ENOMEM)
		hmmu_mirror_count(mirror, HMMU_MIRROR_REFILLS, 1);
	return ret;
}

static int window_show(struct hmmu_flight *flight, struct hmm_range *range)
{
	flight->see(flight->mirror, &(struct hmmu_pages){
		.start = range->start,
		.end = range->end,
		.entries = range->hmm_pfns,
	}, flight->data);
	return 0;
}

/**
 * hmmu_mirror_spans() - check that a range is aligned, not empty and inside the mirror
 * @mirror: the mirror
 * @start: first address
 * @end: first address after
 */
bool hmmu_mirror_spans(const struct hmmu_mirror *mirror, unsigned long start,
		       unsigned long end)
{
	return PAGE_ALIGNED(start | end) && start < end &&
	       start >= mirror->start && end <= mirror->end;
}

/**
 * hmmu_request_is_sane() - check a request of a driver
 * @mirror: the mirror
 * @request: the request
 */
bool hmmu_request_is_sane(const struct hmmu_mirror *mirror,
			  const struct hmmu_request *request)
{
	unsigned long addr;

	if (!hmmu_mirror_spans(mirror, request->start, request->end))
		return false;
	if ((request->to_memory && !mirror->memory) ||
	    (request->places && !request->to_memory))
		return false;
	if (request->best_effort &&
	    (!PAGE_ALIGNED(request->needed_start | request->needed_end) ||
	     request->needed_start > request->needed_end ||
	     request->needed_start < request->start ||
	     request->needed_end > request->end))
		return false;
	if (!request->accesses)
		return request->access <= HMMU_ACCESS_WRITE;
	for (addr = request->start; addr < request->end; addr += PAGE_SIZE)
		if (hmmu_request_access(request, addr) > HMMU_ACCESS_WRITE)
			return false;
	return true;
}

/**
 * hmmu_request_run() - run a request that was checked
 * @mirror: the mirror
 * @request: the request, sane as hmmu_request_is_sane() says
 * @prefetch: the prefetch that it is part of, or NULL: a populate
 *
 * Context: As hmmu_mirror_populate().
 * Return: As hmmu_mirror_populate().
 */
int hmmu_request_run(struct hmmu_mirror *mirror, const struct hmmu_request *request,
		     const struct hmmu_prefetch *prefetch)
{
	struct hmmu_flight flight = {
		.mirror = mirror,
		.name = prefetch ? "prefetch" : "populate",
		.counter = HMMU_MIRROR_POPULATES,
		.request = request,
		.prefetch = prefetch,
		.use = hmmu_window_map,
	};

	return hmmu_flight_run(&flight, request->start, request->end,
			       flight_populate);
}

/**
 * hmmu_mirror_populate() - fault memory and map it in the device
 * @mirror: the mirror
 * @request: range, access, and more
 *
 * It faults the pages that are missing, in any VMAs, and waits for page servers and for
 * swap without the mmap lock. It hands the pages to the driver's map(), a window of up to
 * 2 MiB at a time. A window begins again if it was invalidated before it was mapped, and
 * for no other invalidation.
 *
 * After %0 each page was mapped when its window was handed on. It may have been unmapped
 * since: the device then faults again.
 *
 * With @request->to_memory pages are moved to the mirror's device memory before they are
 * mapped. A page that cannot be moved is mapped where it is, which is no error:
 * @request->places says where each page is. migrate.c says why this ends.
 *
 * Context: Process context, any task: it need not be one of the mirrored process.
 * No locks held. Sleeps; killable in a task that gets SIGKILL.
 *
 * Return:
 * * %0		 - done
 * * %-EBUSY	 - invalidations took longer than @request->timeout, or a needed page
 *		   stays missing although its fault succeeds; call again, or report the
 *		   device's fault as failed
 * * %-EFAULT	 - a needed page has no mapping, or none that can be read, or its fault
 *		   failed; or the OOM reaper has emptied the process. Report the device's
 *		   fault as failed
 * * %-EPERM	 - write access asked to a needed page of a read-only mapping. Report the
 *		   device's fault as failed
 * * %-ENOMEM	 - no memory, for faults or for map()
 * * %-EINTR	 - fatal signal
 * * %-ECANCELED - by hmmu_mirror_cancel() or hmmu_mirror_unregister()
 * * %-ESRCH	 - the process has no memory any more; stop the device's work for it
 * * %-EINVAL	 - @request is unaligned, empty, not inside the mirror, has an access that
 *		   does not exist, asks for device memory and the mirror has none, or asks
 *		   for places without device memory; or a fault handler broke its rules
 * * other	 - what map() or prepare() returned
 *
 * After an error the windows before the one that failed are mapped.
 */
int hmmu_mirror_populate(struct hmmu_mirror *mirror,
			 const struct hmmu_request *request)
{
	if (!hmmu_request_is_sane(mirror, request))
		return -EINVAL;
	return hmmu_request_run(mirror, request, NULL);
}
EXPORT_SYMBOL_GPL(hmmu_mirror_populate);

/**
 * hmmu_mirror_snapshot() - look at what the CPU has mapped
 * @mirror: the mirror
 * @start: first address, a multiple of PAGE_SIZE
 * @end: first address after, likewise
 * @see: called with the pages, up to 2 MiB at a time, in order of addresses. What it sees
 *	 is true until it returns
 * @data: for @see
 *
 * It never faults and changes nothing. Entries may have HMM_PFN_ERROR as well, where no
 * page can ever be.
 *
 * Context: Process context, no locks held. Sleeps; killable.
 * Return: %0, or as hmmu_mirror_populate(): %-EFAULT (OOM reaper), %-EINTR, %-ECANCELED,
 * %-ENOMEM, %-ESRCH, %-EINVAL.
 */
int hmmu_mirror_snapshot(struct hmmu_mirror *mirror, unsigned long start,
			 unsigned long end, hmmu_see_fn *see, void *data)
{
	struct hmmu_flight flight = {
		.mirror = mirror,
		.name = "snapshot",
		.counter = HMMU_MIRROR_SNAPSHOTS,
		.use = window_show,
		.see = see,
		.data = data,
	};

	if (!hmmu_mirror_spans(mirror, start, end))
		return -EINVAL;
	return hmmu_flight_run(&flight, start, end, flight_populate);
}
EXPORT_SYMBOL_GPL(hmmu_mirror_snapshot);
