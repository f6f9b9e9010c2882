// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration: a mirror's memory moves to its device's memory and home again.
 *
 * Principle of a populate with migration: fault first, which may drop the mmap lock. When
 * all pages of a window are there, move those that are not in the device's memory, under
 * the same hold of the lock. Then discard what was collected and collect the window again,
 * under a sequence taken after the migration's own invalidations. Map what is there then,
 * wherever it is.
 *
 *	collect (fault, the lock may drop) -> all there, lock held
 *		nothing to move:  map, say where each page is; done
 *		else:		  move; collect again
 *
 * Why it ends. In one populate a page is moved at most once, and no part of the range is
 * invalidated in which no page is to be moved. A fault that brings a page home from another
 * device's memory needs another call that has moved it there. So the number of times that
 * populates of one range invalidate each other is finite, for one device or two.
 *
 * Why our own invalidations count. They have the device's memory as owner
 * (MMU_NOTIFY_MIGRATE), and its mirrors could ignore them. But a page has to be unmapped
 * from the device before it is copied, or what the device writes meanwhile is lost. That
 * holds for each of two mirrors of one process and each of two tasks, whichever of them
 * asked. So unmap() is called as for any other invalidation, and all populates that overlap
 * begin again. The owner is only for the statistics. The populate that moves takes its
 * sequence afterwards and does not notice.
 *
 * Hazards:
 * - migrate_vma_setup() inserts zeros where no page is, and skips pages that a userfaultfd
 *   has to bring. So it is not called before the fault.
 * - migrate_vma_setup() takes pages out of the page table, and the kernel puts them back
 *   through the reverse map. KSM pages are not always found by it: those of a child whose
 *   parent has merged them and has exited, until ksmd scans again. A page that is not put
 *   back leaves a migration entry for ever, and the kernel dies of it (swapops.h, 6.1 and
 *   6.12). So memory that may be merged (VM_MERGEABLE) is not moved to a device.
 * - Pages are looked at here to decide whether a move is worth trying. MADV_DONTNEED may
 *   free them meanwhile: nothing but that decision depends on what was seen.
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

/* So often a window may be collected again because pages of it were moved. */
#define MOVES_MAX	4

/* Take pages of device memory for the pages that are ready to be moved. */
static void move_take_pages(struct hmmu_memory *memory, struct hmmu_move *move,
			    unsigned int pages)
{
	struct page *to;
	unsigned int i;

	if (hmmu_move_is_huge(move)) {
		hmmu_move_huge(move, hmmu_memory_take_huge(memory));
		return;
	}
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

	if (hmmu_move_is_huge(move))
		return pages;
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

static int move_prepared(struct hmmu_memory *memory, struct hmmu_move *move,
			 struct migrate_vma *args, bool to_memory)
{
	unsigned int pages = (args->end - args->start) >> PAGE_SHIFT;
	int ret;

	move->n = 0;
	move->refused = false;
	ret = migrate_vma_setup(args);
	if (ret)
		return ret;
	if (to_memory)
		move_take_pages(memory, move, pages);
	else
		hmmu_move_home(move, pages, args->vma, args->start);
	ret = hmmu_move_copy(memory, move, pages);
	migrate_vma_pages(args);
	if (!ret)
		ret = move_count(move, pages);
	migrate_vma_finalize(args);
	return ret;
}

/* Nobody gets a huge page who has asked for none, be it by a hole that is filled. */
static bool move_may_be_huge(const struct hmmu_memory *memory,
			     const struct vm_area_struct *vma)
{
	return hmmu_memory_has_huge(memory) && !(vma->vm_flags & VM_NOHUGEPAGE);
}

/* A range of one VMA and one page table. Returns the number of pages moved, or an errno. */
static int move_range(struct hmmu_memory *memory, struct hmmu_move *move,
		      struct vm_area_struct *vma, unsigned long start,
		      unsigned long end, bool to_memory)
{
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

	if (move_may_be_huge(memory, vma)) {
		args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
		ret = move_prepared(memory, move, &args, to_memory);
		if (!move->refused)
			return ret;
		args.flags &= ~MIGRATE_VMA_SELECT_COMPOUND;
		args.end = end;
	}
	/* Huge pages are split. */
	return move_prepared(memory, move, &args, to_memory);
}

static bool addr_is_anonymous(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	return vma && vma_is_anonymous(vma);
}

/* Pages of anonymous memory, and the zero page, which may be a huge one. */
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

/* Returns the end of the run of pages from @i on that are to be moved. */
static unsigned long window_run_end(const struct hmmu_flight *flight,
				    const struct hmm_range *range, unsigned long i,
				    unsigned long end)
{
	while (i < end && window_wants_move(flight, range, i))
		i++;
	return i;
}

/* Memory that may be merged stays: see the hazards above. */
static bool vma_can_move(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_MERGEABLE | VM_HUGETLB));
}

/* No page is tried a second time. Returns whether any move was tried. */
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
		/* munmap() removes the VMA first, and invalidates later. */
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

	spin_lock(&mirror->lock);
	hmmu_mirror_count(mirror, HMMU_MIRROR_PAGES_MOVED, moved);
	hmmu_mirror_count(mirror, HMMU_MIRROR_PAGES_STAYED, to - from - moved);
	spin_unlock(&mirror->lock);
	return tried;
}

/**
 * hmmu_migrate_window() - move pages of a window that should be in device memory
 * @flight: a populate
 * @range: the window, which is collected
 *
 * Context: mmap lock held for read, in the hold under which the last page was collected.
 * Sleeps.
 * Return: whether any move was tried: then the window has to be collected again.
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
 * hmmu_mirror_migrate() - move present pages to the device's memory, or home
 * @mirror: the mirror; it has device memory
 * @start: first address, a multiple of PAGE_SIZE
 * @end: first address after, likewise
 * @to_memory: move to the device's memory; else pages in its memory go home
 * @moved: (out) number of pages that were moved, also if the call fails
 *
 * It faults nothing. On the way to the device, anonymous memory that no task has touched
 * is moved too, as zeros, unless a userfaultfd has to bring it. A page that cannot be moved
 * stays, which is no error.
 *
 * A huge page that is wholly in the range moves as one, to private memory and home, if the
 * kernel has large folios there (from 6.19) and the driver has @split. It is split if only
 * a part of it is to move, or if there is no free block for it.
 *
 * The device has none of these pages mapped afterwards: populate to map them.
 *
 * Context: Process context, any task. No locks held. Sleeps; killable.
 * Return:
 * * %0	      - done
 * * %-EINVAL - the range is unaligned, empty or not inside the mirror; the mirror has no
 *		device memory; or a part of the range is not mapped, cannot be read, or is
 *		of a kind that the kernel does not move
 * * %-ENOMEM - no memory to begin with
 * * %-EINTR  - fatal signal
 * * %-ECANCELED - as hmmu_mirror_populate()
 * * %-ESRCH  - the process has no memory any more
 * * other    - what copy() returned
 *
 * After an error, pages before the one that failed may have been moved.
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
