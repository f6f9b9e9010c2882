// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eviction: all pages of a device memory go home, whichever process they belong to.
 *
 * The kit has no list of the pages in use: the kernel is asked for each page of the
 * memory. A page that somebody holds just then is tried again in the next round.
 */
#include <linux/export.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "../compat/exclusive.h"
#include "device_memory.h"
#include "move.h"

/* How often to go over all of the memory for pages that somebody holds. */
#define EVICT_ROUNDS	16

DECLARE_RWSEM(hmmu_evicting);

/* Pages that are mapped nowhere are skipped: see hmmu_evicting. */
static void evict_make_mapped_ready(struct hmmu_move *move, unsigned long pfn,
				    unsigned int pages)
{
	unsigned int i, stop;

	for (i = 0; i < pages; i = stop) {
		for (stop = i; stop < pages; stop++)
			if (!folio_mapped(page_folio(pfn_to_page(pfn + stop))))
				break;
		if (stop > i)
			migrate_device_range(move->src + i, pfn + i, stop - i);
		else
			move->src[stop++] = 0;
	}
}

static void evict_make_ready(struct hmmu_move *move, unsigned long pfn,
			     unsigned int pages)
{
	if (hmmu_exclusive_unmaps())
		evict_make_mapped_ready(move, pfn, pages);
	else
		migrate_device_range(move->src, pfn, pages);
}

/* Returns the number of pages that are still in use. */
static unsigned long evict_pages(struct hmmu_memory *memory,
				 struct hmmu_move *move, unsigned long pfn,
				 unsigned int pages)
{
	unsigned long left = 0;
	unsigned int i;

	memset(move->dst, 0, pages * sizeof(*move->dst));
	move->n = 0;
	evict_make_ready(move, pfn, pages);
	hmmu_move_home(move, pages, NULL, 0);
	hmmu_move_copy(memory, move, pages);
	migrate_device_pages(move->src, move->dst, pages);
	migrate_device_finalize(move->src, move->dst, pages);
	for (i = 0; i < pages; i++)
		left += page_count(pfn_to_page(pfn + i)) != 0;
	return left;
}

static unsigned long evict_round(struct hmmu_memory *memory,
				 struct hmmu_move *move)
{
	unsigned long pfn = PHYS_PFN(memory->pagemap.range.start);
	unsigned long end = pfn + memory->pages, left = 0;
	unsigned int pages;

	for (; pfn < end && !fatal_signal_pending(current); pfn += pages) {
		pages = min_t(unsigned long, HMMU_MOVE_PAGES, end - pfn);
		if (hmmu_exclusive_unmaps() && down_write_killable(&hmmu_evicting))
			break;
		left += evict_pages(memory, move, pfn, pages);
		if (hmmu_exclusive_unmaps())
			up_write(&hmmu_evicting);
		cond_resched();
	}
	return left;
}

/**
 * hmmu_memory_evict() - move all pages home
 * @memory: device memory
 *
 * The pages may belong to any process. Pages that are taken into use meanwhile may stay.
 *
 * Context: Process context, no locks held. Sleeps; killable.
 * Return:
 * * %0	      - no page is in use any more, but for those taken meanwhile
 * * %-EBUSY  - some pages could not be moved: somebody holds them, or the driver could not
 *		copy them; before Linux 6.15, also if a device has exclusive access to them.
 *		They stay in use; call again
 * * %-ENOMEM - no memory to begin with; nothing was moved
 * * %-EINTR  - fatal signal
 */
int hmmu_memory_evict(struct hmmu_memory *memory)
{
	struct hmmu_move *move;
	unsigned int round;

	if (!READ_ONCE(memory->in_use))
		return 0;
	move = hmmu_move_new(HMMU_MOVE_PAGES);
	if (!move)
		return -ENOMEM;
	for (round = 0; round < EVICT_ROUNDS; round++) {
		if (!evict_round(memory, move) || fatal_signal_pending(current))
			break;
		schedule_timeout_killable(1);
	}
	hmmu_move_free(move);
	if (fatal_signal_pending(current))
		return -EINTR;
	return round < EVICT_ROUNDS ? 0 : -EBUSY;
}
EXPORT_SYMBOL_GPL(hmmu_memory_evict);
