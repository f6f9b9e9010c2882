// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work, progress, and time.
 *
 * A call must not work on without end and without progress. With a limit, time that is
 * lost to invalidations counts against it; waiting for others does not. Both bounds are
 * kept here from what happens in the model, not from what the engine measures.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"

/* Two ticks are lost in rounding, one is passed before it is looked at. */
#define LATE_TICKS	3

/* Points without progress and without anybody else acting. */
#define WORK_MAX	(64 * (range_pages() + IDLE_FAULTS_MAX))
#define WORK_AFTER_KILL_MAX	64

/*
 * Work is what the subject does by itself. Progress and other people's actions
 * set it back: how often the latter come is not the subject's fault. Nor is it if
 * an actor is kept from going on with its action; no machine does that for long.
 */
static void work_pays(void)
{
	tally.work = 0;
	tally.passed_over_before = tally.passed_over;
}

unsigned int range_pages(void)
{
	return page_of(world.range.end) - page_of(world.range.start);
}

/* Where there are threads this would make for many states, all alike. */
static u8 *work_after_kill(void)
{
	return stacks_made() > 1 ? &tally.work_after_kill[running] :
				   &me()->watch.work_after_kill;
}

void contract_works(void)
{
	if (world.spinlocks)
		violated("sleeps, or takes its time, under a spinlock");
	if (++tally.work > WORK_MAX) {
		if (tally.passed_over != tally.passed_over_before)
			cut();
		violated("%u steps without progress, and nobody else could do anything",
			 tally.work);
	}
	if (contract_has_to_end() && ++*work_after_kill() > WORK_AFTER_KILL_MAX)
		violated("killed or cancelled %u steps ago, and still there",
			 *work_after_kill());
}

void contract_actor_acted(void)
{
	work_pays();
	tally.acted = true;
	contract_world_changed();
	contract_device();
}

/* Time: what is lost to invalidations counts against a limit, waiting does not. */
void contract_time_passes(u64 ns)
{
	struct watch *w = &subject_stack()->watch;

	switch (w->where) {
	case DROPPED:
		w->excused += ns;
		break;
	case RELOCKING:
		w->undecided += ns;
		break;
	case WALKING:
		w->lost += ns;
		break;
	}
}

void contract_progress(void)
{
	struct watch *w = &me()->watch;

	work_pays();
	w->since = world.now;
	w->excused = w->undecided = w->lost = 0;
}

static unsigned long ns_to_ticks(u64 ns)
{
	return ns / TICK_NSEC;
}

void contract_pass_begins(void)
{
	struct watch *w = &me()->watch;

	if (!w->walked && w->passes < PASSES_MIN)
		w->passes++;
	tally.passes++;
	/* Between two passes it is open what a tick counts as. */
	w->where = ELSEWHERE;
	w->undecided = 0;
	w->idle_awake = 0;
	if (scenario.timeout && w->walked &&
	    ns_to_ticks(w->lost) >= scenario.timeout + LATE_TICKS)
		violated("%lu ticks were lost to invalidations, the limit is %lu, and another pass begins",
			 ns_to_ticks(w->lost), scenario.timeout);
}

/* It waits for an invalidation: if anything is a loss, this is. */
void contract_collides(bool now)
{
	me()->watch.where = now ? WALKING : ELSEWHERE;
}

/* A page that has to be there does not come, though its faults succeed. */
bool contract_is_stuck(void)
{
	const struct watch *w = &me()->watch;

	return w->idle_faults >= IDLE_FAULTS_MAX &&
	       !scenario_is_optional(w->idle_page);
}

void contract_timed_out(void)
{
	const struct watch *w = &me()->watch;

	if (contract_is_stuck())
		return;
	if (w->killed)
		violated("-EBUSY though it was killed in time to see it");
	if (!w->walked && w->passes < PASSES_MIN)
		violated("-EBUSY after %u passes that did not get to walk",
			 w->passes);
	if (!scenario.timeout)
		violated("-EBUSY though there is no limit");
	if (world.now - w->since - w->excused <= scenario.timeout * TICK_NSEC)
		violated("-EBUSY though only %llu us of the limit's %llu are gone",
			 (world.now - w->since - w->excused) / 1000,
			 scenario.timeout * TICK_NSEC / 1000);
}

void contract_invalidated(void)
{
	if (!sequence_moved() && !contract_is_stuck())
		violated("-EBUSY though the sequence has not moved");
}
