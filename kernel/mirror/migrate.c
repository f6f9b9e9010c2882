// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving a mirror's memory to its device's memory and back.
 *
 * Principle of populating with migration: fault first, with a lock that may be dropped;
 * then, with the lock held under which the last of it was found to be there, move what is
 * not in the device's memory yet; then forget what was collected and collect it again,
 * under a sequence taken after the migration's own invalidations. What is then there is
 * mapped, wherever it is.
 *
 *	collect (fault, the lock may drop) -> all there, lock held
 *		nothing to move:  map, say where each page is; done
 *		else:		  move; collect again
 *
 * Why it ends. In one populate a page is moved at most once, and no piece of the range is
 * invalidated in which nothing is to be moved. A fault that brings a page home from another
 * device's memory needs somebody who has moved it there. So populates of one range with
 * each other, of one device or of two, invalidate each other so many times and no more.
 *
 * Why our own invalidations are obeyed. They have the device's memory as owner
 * (MMU_NOTIFY_MIGRATE), and its mirrors could ignore them. But what is moved has to be
 * unmapped from the device before it is copied, or what the device writes meanwhile is
 * lost; and which of two mirrors of one process, or of two tasks, has asked for it makes
 * no difference to that. So unmap() is called as for any other, all populates that overlap
 * begin again, and the owner is for the statistics. The one that moves takes its sequence
 * afterwards and does not notice.
 *
 * Hazards:
 * - migrate_vma_setup() inserts zeros where nothing is, and backs off from a userfaultfd
 *   that waits for missing pages: so not before the fault.
 * - migrate_vma_setup() takes pages out of the page table that it walks, and has them
 *   put back through the reverse map. KSM's pages are not always in that: those of a
 *   child whose parent has merged them and is gone, until ksmd comes round again. What is
 *   not put back is a migration entry for ever, and the kernel dies of it (swapops.h,
 *   6.1 and 6.12). So memory that may be merged (VM_MERGEABLE) is not moved to a device.
 * - Pages that are only looked at here, to know whether it is worth trying, may be freed
 *   meanwhile by MADV_DONTNEED: nothing follows from what is seen but that.
 */
#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "../fault/call.h"
#include "device_memory.h"
#include "mirror.h"
#include "move.h"

/* How often a window may be collected again because pages of it were moved. */
#define MOVES_MAX	4

/* Pages of device memory that take the place of those that are made ready. */
static void move_take_pages(struct hmmu_memory *memory, struct hmmu_move *move,
			   unsigned int pages)
{
	struct page *to;
	unsigned int i;

	for (i = 0; i < pages; i++) {
		if (!(move->src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		to = hmmu_memory_take(memory);
		if (!to)
			return;
		hmmu_move_page(move, i, to);
	}
}

static unsigned int move_count(const struct hmmu_move *move, unsigned int pages)
{
	unsigned int i, n = 0;

	for (i = 0; i < pages; i++)
		n += !!(move->src[i] & MIGRATE_PFN_MIGRATE);
	return n;
}

static enum migrate_vma_direction move_direction(const struct hmmu_memory *memory,
					 bool to_memory)
{
	if (to_memory)
		return MIGRATE_VMA_SELECT_SYSTEM;
	return memory->pagemap.type == MEMORY_DEVICE_PRIVATE ?
	       MIGRATE_VMA_SELECT_DEVICE_PRIVATE :
	       MIGRATE_VMA_SELECT_DEVICE_COHERENT;
}

/* One piece of one VMA. Returns how many pages were moved, or an errno. */
static int move_range(struct hmmu_memory *memory, struct hmmu_move *move,
		      struct vm_area_struct *vma, unsigned long start,
		      unsigned long end, bool to_memory)
{
	unsigned int pages = (end - start) >> PAGE_SHIFT;
	struct migrate_vma args = {
		.vma = vma,
		.src = move->src,
		.dst = move->dst,
		.start = start,
		.end = end,
		.pgmap_owner = memory,
		.flags = move_direction(memory, to_memory),
	};
	int ret;

	mmap_assert_locked(vma->vm_mm);

	move->n = 0;
	ret = migrate_vma_setup(&args);
	if (ret)
		return ret;
	if (to_memory)
		move_take_pages(memory, move, pages);
	else
		hmmu_move_home(move, pages, vma, start);
	ret = hmmu_move_copy(memory, move, pages);
	migrate_vma_pages(&args);
	if (!ret)
		ret = move_count(move, pages);
	migrate_vma_finalize(&args);
	return ret;
}

static bool addr_is_anonymous(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	return vma && vma_is_anonymous(vma);
}

/* Pages of anonymous memory, and zeros, of which there are huge ones too. */
static bool entry_can_move(const struct hmmu_flight *flight, unsigned long addr,
			 unsigned long entry)
{
	struct page *page;

	if (!(entry & HMM_PFN_VALID))
		return false;
	if (is_zero_pfn(entry & ~HMM_PFN_FLAGS))
		return true;
	page = hmm_pfn_to_page(entry);
	if (is_zone_device_page(page))
		return false;
	return PageAnon(page) ||
	       (hmmu_entry_is_huge(entry) && addr_is_anonymous(flight->mirror->mm, addr));
}

static bool window_wants_move(const struct hmmu_flight *flight,
			const struct hmm_range *range, unsigned long i)
{
	unsigned long addr = range->start + (i << PAGE_SHIFT);

	return hmmu_request_access(flight->request, addr) &&
	       !test_bit(i, flight->moved) &&
	       entry_can_move(flight, addr, range->hmm_pfns[i]);
}

/* Pages from @i on that are to be moved, up to where one is not. */
static unsigned long window_run_end(const struct hmmu_flight *flight,
				const struct hmm_range *range, unsigned long i,
				unsigned long end)
{
	while (i < end && window_wants_move(flight, range, i))
		i++;
	return i;
}

/* See above of memory that may be merged. */
static bool vma_can_move(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_MERGEABLE | VM_HUGETLB));
}

/* Whatever comes of it, not again. Returns whether anything was tried. */
static bool window_move_run(struct hmmu_flight *flight, const struct hmm_range *range,
		     unsigned long from, unsigned long to)
{
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned long addr = range->start + (from << PAGE_SHIFT);
	unsigned long stop, end = range->start + (to << PAGE_SHIFT);
	struct vm_area_struct *vma;
	bool tried = false;
	int n, moved = 0;

	bitmap_set(flight->moved, from, to - from);
	for (; addr < end; addr = stop) {
		vma = vma_lookup(mirror->mm, addr);
		/* munmap() takes the mapping away first, and tells us later. */
		if (!vma)
			break;
		stop = min(end, vma->vm_end);
		if (!vma_can_move(vma))
			continue;
		tried = true;
		n = move_range(mirror->memory, flight->move, vma, addr, stop,
			       true);
		moved += max(n, 0);
	}

	spin_lock(&mirror->state->lock);
	hmmu_mirror_count(mirror, HMMU_MIRROR_PAGES_MOVED, moved);
	hmmu_mirror_count(mirror, HMMU_MIRROR_PAGES_STAYED, to - from - moved);
	spin_unlock(&mirror->state->lock);
	return tried;
}

/**
 * hmmu_migrate_window() - move what is to be in device memory and is not
 * @flight: a populate
 * @range: the window, all of it collected
 *
 * Context: mmap lock held for read, the same hold under which the last of it was
 * collected. Sleeps.
 * Return: whether anything was tried: then what was collected is not true any more.
 */
bool hmmu_migrate_window(struct hmmu_flight *flight,
			 const struct hmm_range *range)
{
	unsigned long i, stop, pages = (range->end - range->start) >> PAGE_SHIFT;
	bool tried = false;

	mmap_assert_locked(flight->mirror->mm);

	if (!flight->move || flight->moves == MOVES_MAX ||
	    hmmu_memory_is_full(flight->mirror->memory))
		return false;
	for (i = 0; i < pages; i = stop + 1) {
		stop = window_run_end(flight, range, i, pages);
		if (stop == i)
			continue;
		tried |= window_move_run(flight, range, i, stop);
	}
	flight->moves += tried;
	return tried;
}

static int migration_next(struct hmmu_mirror *mirror, struct hmmu_move *move,
		       unsigned long start, unsigned long *end, bool to_memory)
{
	struct vm_area_struct *vma = vma_lookup(mirror->mm, start);

	if (!vma || !(vma->vm_flags & VM_READ))
		return -EINVAL;
	*end = min3(*end, vma->vm_end, hmmu_table_end(start));
	if (to_memory && vma->vm_flags & VM_MERGEABLE)
		return 0;
	return move_range(mirror->memory, move, vma, start, *end, to_memory);
}

/**
 * struct migration - a call of hmmu_mirror_migrate()
 * @flight: under way
 * @to_memory: to the device's memory; else home
 * @moved: pages that were
 */
struct migration {
	struct hmmu_flight flight;
	bool to_memory;
	unsigned long moved;
};

static int migration_run(struct migration *migration, unsigned long start,
			 unsigned long end)
{
	struct hmmu_flight *flight = &migration->flight;
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned long stop;
	int n;

	for (; start < end; start = stop) {
		if (READ_ONCE(flight->cancelled))
			return -ECANCELED;
		stop = end;
		if (mmap_read_lock_killable(mirror->mm))
			return -EINTR;
		n = migration_next(mirror, flight->move, start, &stop,
				migration->to_memory);
		mmap_read_unlock(mirror->mm);
		if (n < 0)
			return n;
		migration->moved += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int flight_migrate(struct hmmu_flight *flight, unsigned long start,
			  unsigned long end)
{
	int ret;

	flight->move = hmmu_move_new(HMMU_MOVE_PAGES);
	if (!flight->move)
		return -ENOMEM;
	ret = migration_run(container_of(flight, struct migration, flight), start,
			    end);
	hmmu_move_free(flight->move);
	return ret;
}

/**
 * hmmu_mirror_migrate() - move what is there to the device's memory, or back
 * @mirror: the mirror; it has device memory
 * @start: first address
 * @end: first address after
 * @to_memory: to the device; else what is in its memory goes home
 * @moved: (out) how many pages were, also if it fails
 *
 * Faults nothing. To the device also goes what is not there yet of anonymous memory, as
 * zeros, but where a userfaultfd waits for that. Huge pages are split: these kernels have
 * no huge pages in device memory. A page that can't be moved stays, and is no error.
 *
 * The device has none of these pages mapped afterwards.
 *
 * Context: Process context, any task. No locks held. Sleeps; killable.
 * Return:
 * * %0	      - done
 * * %-EINVAL - unaligned, empty, not inside the mirror; no device memory; or not all of it
 *		is mapped, can be read, and is memory that could be moved
 * * %-ENOMEM - no memory to begin with
 * * %-EINTR  - fatal signal
 * * %-ECANCELED - as hmmu_mirror_populate()
 * * %-ESRCH  - the process has no memory any more
 * * other    - what copy() returned
 *
 * After an error pages before the one that it is about may have been moved.
 */
int hmmu_mirror_migrate(struct hmmu_mirror *mirror, unsigned long start,
			unsigned long end, bool to_memory, unsigned long *moved)
{
	struct migration migration = {
		.flight.mirror = mirror,
		.flight.name = "migrate",
		.flight.counter = HMMU_MIRROR_NR_COUNTERS,
		.to_memory = to_memory,
	};
	int ret;

	*moved = 0;
	if (!mirror->memory || !hmmu_mirror_spans(mirror, start, end))
		return -EINVAL;
	ret = hmmu_flight_run(&migration.flight, start, end, flight_migrate);
	*moved = migration.moved;
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_migrate);
