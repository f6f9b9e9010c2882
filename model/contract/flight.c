// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror kit: invalidations, passes and the end of a flight, range-exact on both sides.
 *
 * Which invalidations run and what they overlap is known from the actors; what is to
 * be collected follows from the request and from what was handed on. Neither is
 * asked of the kit. Each thing that the kit counts is counted here as well.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"

void mirror_count(enum hmmu_mirror_counter which, u64 n)
{
	tally.mirror[which] += n;
}

unsigned int window_first(void)
{
	return world.flight.trying ? world.flight.alone : world.flight.window;
}

/* A window ends with the page table that it is in; that of a try with the range. */
unsigned int window_end(void)
{
	unsigned int table = world.flight.window / TABLE_PAGES + 1;

	if (world.flight.trying)
		return page_of(world.range.end);
	return min(page_of(world.range.end), (unsigned int)(table * TABLE_PAGES));
}

static bool overlaps_window(const struct mmu_notifier_range *range)
{
	return page_of(range->start) < window_end() &&
	       page_of(range->end) > window_first();
}

static bool concerns_mirror(const struct mmu_notifier_range *range)
{
	return range->start < world.mirror.end && range->end > world.mirror.start;
}

static unsigned int invalidations_told_apart(void)
{
	unsigned int n = 0;

	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		n += world.invalidation[i].told && !world.invalidation[i].crowded;
	return n;
}

bool window_is_invalidated(void)
{
	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		if (world.invalidation[i].told &&
		    overlaps_window(&world.invalidation[i].range))
			return true;
	return false;
}

bool invalidations_are_crowded(void)
{
	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		if (world.invalidation[i].crowded)
			return true;
	return false;
}

void contract_invalidation_starts(struct invalidation *inv)
{
	struct flight_watch *w = &world.flight;

	if (!concerns_mirror(&inv->range))
		return;
	mirror_count(HMMU_MIRROR_INVALIDATIONS, 1);
	inv->crowded = invalidations_told_apart() == HMMU_MIRROR_RUNNING_MAX;
	mirror_count(HMMU_MIRROR_CROWDED, inv->crowded);
	inv->told = true;
	if (inv->is_subjects)
		return;

	if (!overlaps_window(&inv->range)) {
		w->spared = true;
	} else if (!w->reason) {
		w->reason = true;
		w->cause = inv->range.event;
		w->own = scenario.has_memory && inv->range.owner == &world.memory;
	}
}

void contract_invalidation_ends(struct invalidation *inv)
{
	inv->told = inv->crowded = false;
}

void contract_flight_begins(void)
{
	if (world.mirror.closing)
		violated("begins, and the mirror is being unregistered");
	if (world.prefetch.cancelled)
		violated("a prefetch begins that was cancelled");
	world.flight.flying = world.flight.may_call = true;
}

/* The engine is called: once for each window, unless map() was short of memory. */
void contract_flight_calls(void)
{
	struct flight_watch *w = &world.flight;

	if (w->trying)
		exclusive_try_is_repeated();
	if (w->short_of_memory)
		violated("map() was short of memory, and is called again without prepare()");
	if (!w->may_call)
		violated("collects pages %u-%u again, and nothing has happened to them",
			 w->window, window_end() - 1);
	w->may_call = w->passes = false;
	tally.calls++;
	contract_next_call(w->window);
}

static enum hmmu_mirror_counter retry_counter(const struct flight_watch *w)
{
	static const enum hmmu_mirror_counter counters[] = {
		[MMU_NOTIFY_UNMAP] = HMMU_MIRROR_RETRY_UNMAP,
		[MMU_NOTIFY_CLEAR] = HMMU_MIRROR_RETRY_CLEAR,
		[MMU_NOTIFY_PROTECTION_VMA] = HMMU_MIRROR_RETRY_PROTECTION,
		[MMU_NOTIFY_PROTECTION_PAGE] = HMMU_MIRROR_RETRY_PROTECTION,
		[MMU_NOTIFY_SOFT_DIRTY] = HMMU_MIRROR_RETRY_SOFT_DIRTY,
		[MMU_NOTIFY_RELEASE] = HMMU_MIRROR_RETRY_OTHER,
		[MMU_NOTIFY_MIGRATE] = HMMU_MIRROR_RETRY_MIGRATE,
		[MMU_NOTIFY_EXCLUSIVE] = HMMU_MIRROR_RETRY_OTHER,
	};

	if (w->cause == MMU_NOTIFY_MIGRATE && w->own)
		return HMMU_MIRROR_RETRY_OWN;
	return counters[w->cause];
}

/* It wants to begin a pass. */
void contract_flight_asks(void)
{
	struct flight_watch *w = &world.flight;

	if (exclusive_try_is_due())
		exclusive_try_begins();
	if (w->passes) {
		if (w->moves && w->may_call)
			violated("begins again by itself after it has moved pages, instead of a new call");
		if (!w->reason)
			violated("begins again, and no invalidation of pages %u-%u has started since",
				 w->window, window_end() - 1);
		mirror_count(retry_counter(w), 1);
		tally.restarts++;
	}
	mirror_count(HMMU_MIRROR_WAITS, window_is_invalidated() || invalidations_are_crowded());
	contract_pass_begins();
}

void contract_flight_waits(void)
{
	if (!window_is_invalidated() && !invalidations_are_crowded())
		violated("waits, and no invalidation of pages %u-%u is running",
			 world.flight.window, window_end() - 1);
	contract_collides(true);
}

/* It was woken, or killed. */
void contract_flight_slept(void)
{
	if (me()->killed && me()->sleeps_on && !window_is_invalidated() && !invalidations_are_crowded())
		violated("sleeps until it is killed, and what it has waited for is over");
	contract_collides(false);
}

static bool is_told_of(const struct mmu_notifier_range *range)
{
	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		if (world.invalidation[i].told &&
		    &world.invalidation[i].range == range)
			return true;
	return false;
}

/* Who is woken looks at once, and may sleep again before anything else happens. */
void contract_wakes(void)
{
	const struct hmmu_mirror_state *mirror = &world.mirror_state;

	for (unsigned int i = 0; i < mirror->running_nr; i++)
		if (!is_told_of(mirror->running[i]))
			violated("wakes those who wait, before the invalidation that has ended is taken off");
}

void contract_flight_passes(void)
{
	struct flight_watch *w = &world.flight;

	if (window_is_invalidated() && !w->cancelled)
		violated("collects pages %u-%u while an invalidation of them is running",
			 w->window, window_end() - 1);
	w->passes = true;
	w->reason = w->spared = false;
	w->there = w->movable = 0;
}

/* All that is under way, or just prefetches, is about to be told to end. */
void contract_cancels(bool all)
{
	if (!flight_is_listed())
		return;
	if (!all && !(subject_stack()->task.flags & PF_KTHREAD))
		return;
	world.flight.cancelled = true;
	contract_may_fail(-ECANCELED);
}

void contract_has_cancelled(void)
{
	if (flight_is_listed() && world.flight.cancelled)
		violated("all that was cancelled is said to have ended, and it has not");
}

static void mirror_check_engine(const struct hmm_unlocked_counters *engine)
{
	if (engine->n[HMM_UNLOCKED_CALLS] != tally.calls ||
	    engine->n[HMM_UNLOCKED_RESTARTS] != tally.restarts ||
	    engine->n[HMM_UNLOCKED_ENTRIES_READ] != tally.entries_read ||
	    engine->n[HMM_UNLOCKED_FAULTS] != tally.faults ||
	    engine->n[HMM_UNLOCKED_THREAD_FAULTS] != tally.thread_faults ||
	    engine->n[HMM_UNLOCKED_LOCK_DROPS] != tally.drops)
		violated("counts %llu calls, %llu restarts, %llu entries, %llu faults, %llu drops; there were %u, %u, %llu, %llu, %llu",
			 engine->n[HMM_UNLOCKED_CALLS],
			 engine->n[HMM_UNLOCKED_RESTARTS],
			 engine->n[HMM_UNLOCKED_ENTRIES_READ],
			 engine->n[HMM_UNLOCKED_FAULTS],
			 engine->n[HMM_UNLOCKED_LOCK_DROPS],
			 tally.calls, tally.restarts, tally.entries_read,
			 tally.faults, tally.drops);
}

void mirror_check_counters(void)
{
#define COUNTER_NAME(id, name, help)	#name,
	static const char *const names[] = {
		HMMU_MIRROR_COUNTERS(COUNTER_NAME)
	};

	for (int i = 0; i < HMMU_MIRROR_NR_COUNTERS; i++)
		if (world.mirror_state.counters[i] != tally.mirror[i])
			violated("counts %llu %s, there were %llu",
				 world.mirror_state.counters[i], names[i], tally.mirror[i]);
	mirror_check_engine(&world.mirror_state.engine);
}

void flight_check_end(void)
{
	model_assert_unlocked();
	if (memory_in_use())
		violated("%u pieces of memory are not freed", memory_in_use());
	if (world.mm.mm_users.counter != scenario.start.mm.mm_users.counter)
		violated("the address space has %d users afterwards, it had %d",
			 world.mm.mm_users.counter,
			 scenario.start.mm.mm_users.counter);
	if (!list_empty(&world.mirror_state.flights))
		violated("it has returned, and is listed as under way");
	if (world.mirror.lock.held)
		violated("it has returned, and the mirror lock is held");
}

/* What map() answers is what the caller gets, unless it was interrupted by then. */
static void check_errno(int ret)
{
	struct flight_watch *w = &world.flight;

	if (w->error && ret != w->error &&
	    !(w->error == -EINTR && ret == -ECANCELED && w->cancelled) &&
	    !(scenario.subject->alone && ret == -EINTR && contract_has_reason(ret)))
		violated("map() has failed with %s, and it returns %s",
			 error_name(w->error), error_name(ret));
	if (w->error || !ret)
		return;
	if (ret == -EBUSY && !contract_has_reason(ret))
		contract_timed_out();
	else if (!contract_has_reason(ret))
		violated("there was no reason to fail with %s", error_name(ret));
}

void contract_flight_returned(int ret, enum hmmu_mirror_counter which)
{
	struct flight_watch *w = &world.flight;
	bool flew = w->flying;

	contract_works_alone();
	w->flying = false;
	flight_check_end();
	check_errno(ret);
	if (!ret && w->window != page_of(world.range.end))
		violated("success, and pages from %u on were not handed on", w->window);
	if (!ret && world.call.broke_rules)
		violated("success, and a fault handler has broken its rules");
	if (flew) {
		mirror_count(which, 1);
		mirror_count(HMMU_MIRROR_FAILED, !!ret);
		mirror_count(HMMU_MIRROR_CANCELLED, ret == -ECANCELED);
	}
	mirror_check_counters();
}
