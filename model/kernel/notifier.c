// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalidations: what is notified of them, and the notifier sequence as mm/mmu_notifier.c
 * keeps it. A subject has an interval notifier, or else a plain one.
 *
 * One number for the address space, odd while an invalidation runs that has hit
 * the interval; one for the interval, set by its callback to what the first was
 * when the invalidation began. A reader collides if the interval's number changes
 * after it was read; if both are alike when it is read, the callback has been
 * and the end has not, and the reader waits for that.
 */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "kernel/world.h"
#include "subjects/subjects.h"

static bool hits_interval(unsigned int first, unsigned int last)
{
	return last >= page_of(world.notifier.interval_tree.start) &&
	       first <= page_of(world.notifier.interval_tree.last);
}

static void interval_start(unsigned int first, unsigned int last)
{
	world.invalidations.running++;
	if (hits_interval(first, last))
		world.invalidations.seq |= 1;
}

/* The driver's invalidate(), under the driver's lock. */
static void interval_callback(unsigned int first, unsigned int last)
{
	if (!hits_interval(first, last))
		return;
	world.notifier.invalidate_seq = world.invalidations.seq;
	subject_invalidate(first, last);
	device_unmap(first, last);
}

static void interval_end(void)
{
	if (--world.invalidations.running || !(world.invalidations.seq & 1))
		return;
	world.invalidations.seq++;
}

/* What is true and what the notifier believes change in one step, in any task. */
static bool one_step_begins(void)
{
	bool by_subject = !tally.acting;

	if (by_subject)
		point();
	tally.acting = true;
	return by_subject;
}

static void one_step_ends(bool by_subject)
{
	tally.acting = !by_subject;
}

static void plain_start(struct invalidation *inv)
{
	bool by_subject = one_step_begins();

	contract_invalidation_starts(inv);
	if (scenario.subject->plain->start(&inv->range) != inv->told)
		violated("an invalidation of pages %u-%u is taken for one that does%s concern the mirror",
			 page_of(inv->range.start), page_of(inv->range.end) - 1,
			 inv->told ? " not" : "");
	one_step_ends(by_subject);
}

static void plain_end(struct invalidation *inv)
{
	bool by_subject = one_step_begins();

	contract_invalidation_ends(inv);
	scenario.subject->plain->end(&inv->range);
	one_step_ends(by_subject);
}

void invalidate_start(struct invalidation *inv, unsigned int first,
		      unsigned int last, enum mmu_notifier_event event,
		      const void *owner)
{
	inv->range = (struct mmu_notifier_range){
		.start = first * PAGE_SIZE,
		.end = (last + 1) * PAGE_SIZE,
		.event = event,
		.owner = owner,
	};
	if (scenario.subject->plain)
		plain_start(inv);
	else
		interval_start(first, last);
}

/* All are through before anything is taken away. */
void invalidate_callback(struct invalidation *inv)
{
	if (!scenario.subject->plain)
		interval_callback(page_of(inv->range.start),
				  page_of(inv->range.end) - 1);
	else if (inv->told)
		scenario.subject->plain->unmap(&inv->range);
}

void invalidate_end(struct invalidation *inv)
{
	if (scenario.subject->plain)
		plain_end(inv);
	else
		interval_end();
	*inv = (struct invalidation){};
}

static bool invalidation_over(const struct stack *stack)
{
	return world.invalidations.seq != stack->waited_for;
}

unsigned long mmu_interval_read_begin(struct mmu_interval_notifier *notifier)
{
	unsigned long seq;

	model_assert_unlocked();
	contract_pass_begins();
	point();
	seq = notifier->invalidate_seq;
	if (seq == world.invalidations.seq) {
		me()->waited_for = seq;
		contract_collides(true);
		wait_until(invalidation_over, false,
			   "in mmu_interval_read_begin() for an invalidation");
		me()->waited_for = 0;
		contract_collides(false);
	}
	tell(stack_name(running), "has the sequence %lu from mmu_interval_read_begin()", seq);
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
	bool moved;

	point_unless_quiet(INVALIDATES);
	moved = mmu_interval_read_retry(notifier, seq);
	contract_looked(moved);
	return moved;
}

void mmu_interval_set_seq(struct mmu_interval_notifier *notifier,
			  unsigned long seq)
{
	notifier->invalidate_seq = seq;
}

/* Since the subject last asked for it. */
bool sequence_moved(void)
{
	return mmu_interval_read_retry(&world.notifier, world.range.notifier_seq);
}
