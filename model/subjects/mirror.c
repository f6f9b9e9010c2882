// SPDX-License-Identifier: GPL-2.0-only
/*
 * The argument that range-exact retry rests on.
 *
 * The interval's sequence changes with any invalidation that touches the interval.
 * A mirror with a wide interval wants to start again for those only that touch what
 * it is collecting. So it keeps a list of what is in flight:
 *
 *	populate			    invalidate callback
 *
 *	lock				    lock
 *	 list the op, not stale		     mmu_interval_set_seq()
 *	unlock				     mark ops stale that overlap
 *	mmu_interval_read_begin()	     unmap from the device
 *	read the CPU page tables	    unlock
 *	lock				    ... pages are taken away ...
 *	 stale: start again
 *	 else: map
 *	unlock
 *
 * An invalidation whose callback ran before the op was listed does not mark it.
 * But it has set the interval's sequence to what is now the address space's, so
 * mmu_interval_read_begin() waits for its end: what is read afterwards is what it
 * left. One whose callback runs later finds the op. There is no third kind.
 *
 * The critical sections below are single steps: no point in them.
 */
#include "contract.h"
#include "scenario.h"
#include "schedule.h"

struct op {
	unsigned int first, last;
	bool listed, stale;
};

/**
 * struct mirror - on the stack of run_mirror(), for a state is told by that
 * @in_flight: ours, and one elsewhere that must not matter
 * @overlaps: invalidations that gave ours a reason to start again
 */
static struct mirror {
	struct op in_flight[2];
	unsigned int overlaps;
} *mirror;

static void invalidate(unsigned int first, unsigned int last)
{
	if (!mirror)
		return;
	for (int i = 0; i < 2; i++) {
		struct op *op = &mirror->in_flight[i];

		if (!op->listed || op->first > last || op->last < first)
			continue;
		op->stale = true;
		mirror->overlaps += i == 0;
	}
}

static void list(struct op *op)
{
	point();
	*op = (struct op){
		.first = page_of(world.range.start),
		.last = page_of(world.range.end) - 1,
		.listed = true,
	};
	tell("subject", "lists pages %u-%u as in flight", op->first, op->last);
}

static bool map_unless_stale(struct op *op)
{
	point();
	op->listed = false;
	tell("subject", op->stale ? "is stale: starts again" :
				    "maps what it has read");
	if (!op->stale)
		device_map();
	return !op->stale;
}

/* Chunks that an invalidation elsewhere kept from being read are read again. */
static int read_all(void)
{
	struct hmm_range part = world.range;
	int ret;

	part.default_flags = part.pfn_flags_mask = 0;
	do {
		part.notifier_seq = mmu_interval_read_begin(&world.notifier);
		if (mmap_read_lock_killable(&world.mm))
			return -EINTR;
		ret = hmm_range_fault(&part);
		mmap_read_unlock(&world.mm);
	} while (ret == -EBUSY && !fatal_signal_pending(current));
	return ret;
}

static void populate(void)
{
	struct op *op = &mirror->in_flight[0];
	unsigned int attempts = 0;

	do {
		contract_call_begins();
		list(op);
		if (read_all()) {
			op->listed = false;
			return;
		}
		if (attempts++ > mirror->overlaps)
			violated("starts again for the %uth time, after %u overlapping invalidations",
				 attempts - 1, mirror->overlaps);
	} while (!map_unless_stale(op));
}

static void run_mirror(void)
{
	struct mirror here = {
		.in_flight[1] = { .first = 40, .last = 47, .listed = true },
	};

	mirror = &here;
	populate();
	mirror = NULL;
}

const struct subject subject_mirror = {
	.name = "mirror",
	.run = run_mirror,
	.invalidate = invalidate,
	.help = "range-exact retry: read what is there and map it, unless it went stale",
};
