// SPDX-License-Identifier: GPL-2.0-only
/*
 * The notifier sequence, as mm/mmu_notifier.c keeps it.
 *
 * One number for the address space, odd while an invalidation runs that has hit
 * the interval; one for the interval, set by its callback to what the first was
 * when the invalidation began. A reader collides if the interval's number changes
 * after it was read; if both are alike when it is read, the callback has been
 * and the end has not, and the reader waits for that.
 */
#include "contract.h"
#include "schedule.h"
#include "subjects.h"
#include "world.h"

static bool hits_interval(unsigned int first, unsigned int last)
{
	return last >= page_of(world.notifier.interval_tree.start) &&
	       first <= page_of(world.notifier.interval_tree.last);
}

void invalidate_start(unsigned int first, unsigned int last)
{
	world.invalidations.running++;
	if (hits_interval(first, last))
		world.invalidations.seq |= 1;
}

/* The driver's invalidate(), under the driver's lock. */
void invalidate_callback(unsigned int first, unsigned int last)
{
	if (!hits_interval(first, last))
		return;
	world.notifier.invalidate_seq = world.invalidations.seq;
	subject_invalidate(first, last);
	for (unsigned int page = first; page <= last; page++)
		world.device[page] = (struct device_entry){};
}

void invalidate_end(void)
{
	if (--world.invalidations.running || !(world.invalidations.seq & 1))
		return;
	world.invalidations.seq++;
}

static unsigned long waited_for;

static bool invalidation_over(void)
{
	return world.invalidations.seq != waited_for;
}

unsigned long mmu_interval_read_begin(struct mmu_interval_notifier *notifier)
{
	unsigned long seq;

	model_assert_unlocked();
	contract_pass_begins();
	point();
	seq = notifier->invalidate_seq;
	if (seq == world.invalidations.seq) {
		waited_for = seq;
		contract_collides(true);
		wait_until(invalidation_over, false,
			   "in mmu_interval_read_begin() for an invalidation");
		contract_collides(false);
	}
	tell("subject", "has the sequence %lu from mmu_interval_read_begin()", seq);
	return seq;
}

bool mmu_interval_read_retry(struct mmu_interval_notifier *notifier,
			     unsigned long seq)
{
	return notifier->invalidate_seq != seq;
}

bool mmu_interval_check_retry(struct mmu_interval_notifier *notifier,
			      unsigned long seq)
{
	point();
	contract_looked();
	return mmu_interval_read_retry(notifier, seq);
}

/* Since the subject last asked for it. */
bool sequence_moved(void)
{
	return mmu_interval_read_retry(&world.notifier, world.range.notifier_seq);
}
