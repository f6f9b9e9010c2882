// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flights that are under way, and invalidations that are running. The proof is in
 * mirror.h.
 */
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "mirror.h"
#include "trace.h"

/* No mm's own sequence gets this far, so the two are never mistaken for each other. */
#define FIRST_SEQUENCE	(1UL << (BITS_PER_LONG - 1))

/**
 * hmmu_flights_init() - nothing is under way and nothing is running
 * @mirror: the mirror
 */
void hmmu_flights_init(struct hmmu_mirror *mirror)
{
	spin_lock_init(&mirror->lock);
	INIT_LIST_HEAD(&mirror->state->flights);
	init_waitqueue_head(&mirror->state->changed);
}

/* The window is set later, before anything is collected. */
static int flight_enter(struct hmmu_flight *flight)
{
	struct hmmu_mirror *mirror = flight->mirror;
	int ret = 0;

	flight->task = current;
	flight->notifier.mm = mirror->mm;
	flight->notifier.invalidate_seq = FIRST_SEQUENCE;

	spin_lock(&mirror->lock);
	if (mirror->closing || (flight->prefetch && flight->prefetch->cancelled))
		ret = -ECANCELED;
	else
		list_add(&flight->list, &mirror->state->flights);
	spin_unlock(&mirror->lock);
	return ret;
}

/*
 * How many faults to have in flight: the one that has learned from more rounds, the flight
 * or the mirror, passes that on to the other.
 */
static void flight_share_pace(struct hmmu_flight *flight)
{
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned int limit = READ_ONCE(mirror->faults_in_flight);

	lockdep_assert_held(&mirror->lock);

	if (mirror->state->pace.limit != limit)
		mirror->state->pace = (struct hmmu_pace){ .limit = limit };
	else if (flight->pace.noted > mirror->state->pace.noted &&
		 flight->pace.limit == limit)
		mirror->state->pace = flight->pace;
	flight->pace = mirror->state->pace;
}

/* The wake-up is under the lock because the mirror may be gone once it is released. */
static void flight_leave(struct hmmu_flight *flight)
{
	struct hmmu_mirror *mirror = flight->mirror;

	spin_lock(&mirror->lock);
	flight_share_pace(flight);
	list_del(&flight->list);
	wake_up_all(&mirror->state->changed);
	spin_unlock(&mirror->lock);
}

static void flight_count(struct hmmu_flight *flight, int ret)
{
	struct hmmu_mirror *mirror = flight->mirror;

	if (flight->counter == HMMU_MIRROR_NR_COUNTERS)
		return;
	spin_lock(&mirror->lock);
	hmmu_mirror_count(mirror, flight->counter, 1);
	hmmu_mirror_count(mirror, HMMU_MIRROR_FAILED, ret != 0);
	hmmu_mirror_count(mirror, HMMU_MIRROR_CANCELLED, ret == -ECANCELED);
	spin_unlock(&mirror->lock);
}

/**
 * hmmu_flight_run() - run a flight from its beginning to its end
 * @flight: with @mirror, @name, @counter and all that @fn needs set; the rest is zero
 * @start: first address of the whole range
 * @end: first address after
 * @fn: does the work
 *
 * Context: Process context, no locks held. Sleeps.
 * Return:
 * * %-ECANCELED - the mirror is being unregistered, or the flight was cancelled and @fn
 *		   returned %-EINTR
 * * %-ESRCH	 - the process has no memory any more
 * * other	 - what @fn returned
 */
int hmmu_flight_run(struct hmmu_flight *flight, unsigned long start,
		    unsigned long end, hmmu_flight_fn *fn)
{
	struct mm_struct *mm = flight->mirror->mm;
	int ret;

	ret = flight_enter(flight);
	if (ret)
		return ret;
	trace_hmmu_mirror_begin(flight, start, end);
	ret = -ESRCH;
	if (mmget_not_zero(mm)) {
		ret = fn(flight, start, end);
		mmput(mm);
	}
	if (ret == -EINTR && READ_ONCE(flight->cancelled))
		ret = -ECANCELED;
	trace_hmmu_mirror_end(flight, start, end, ret);
	flight_count(flight, ret);
	flight_leave(flight);
	return ret;
}

/**
 * hmmu_flight_window() - go to the next window, or begin the same one again
 * @flight: the flight
 * @start: first address
 * @end: first address after
 */
void hmmu_flight_window(struct hmmu_flight *flight, unsigned long start,
			unsigned long end)
{
	spin_lock(&flight->mirror->lock);
	flight->notifier.interval_tree.start = start;
	flight->notifier.interval_tree.last = end - 1;
	flight->pass = 0;
	flight_share_pace(flight);
	spin_unlock(&flight->mirror->lock);
}

static bool flight_overlaps(const struct hmmu_flight *flight,
			    const struct mmu_notifier_range *range)
{
	return range->start <= flight->notifier.interval_tree.last &&
	       range->end > flight->notifier.interval_tree.start;
}

/* Invalidations for which there was no place may overlap any window. */
static bool flight_collides(const struct hmmu_flight *flight)
{
	const struct hmmu_mirror *mirror = flight->mirror;
	unsigned int i;

	lockdep_assert_held(&mirror->lock);

	for (i = 0; i < mirror->state->running_nr; i++)
		if (flight_overlaps(flight, mirror->state->running[i]))
			return true;
	return mirror->state->running_more;
}

static enum hmmu_mirror_counter flight_retry_counter(const struct hmmu_flight *flight)
{
	switch (flight->cause) {
	case MMU_NOTIFY_UNMAP:
		return HMMU_MIRROR_RETRY_UNMAP;
	case MMU_NOTIFY_CLEAR:
		return HMMU_MIRROR_RETRY_CLEAR;
	case MMU_NOTIFY_PROTECTION_VMA:
	case MMU_NOTIFY_PROTECTION_PAGE:
		return HMMU_MIRROR_RETRY_PROTECTION;
	case MMU_NOTIFY_SOFT_DIRTY:
		return HMMU_MIRROR_RETRY_SOFT_DIRTY;
	case MMU_NOTIFY_MIGRATE:
		return flight->cause_is_own ? HMMU_MIRROR_RETRY_OWN :
					      HMMU_MIRROR_RETRY_MIGRATE;
	default:
		return HMMU_MIRROR_RETRY_OTHER;
	}
}

static void flight_note_retry(struct hmmu_flight *flight)
{
	hmmu_mirror_count(flight->mirror, flight_retry_counter(flight), 1);
	trace_hmmu_mirror_retry(flight);
}

/*
 * If the pass may begin, it has begun: an invalidation that starts from now on makes it
 * stale. The sequence is read under the same hold of the lock as running[]. Otherwise an
 * invalidation that starts in between would be neither waited for nor noticed.
 */
static bool flight_pass_begins(struct hmmu_flight *flight, unsigned long *seq)
{
	struct hmmu_mirror *mirror = flight->mirror;
	bool begins;

	spin_lock(&mirror->lock);
	begins = flight->cancelled || !flight_collides(flight);
	if (begins) {
		flight->stale = false;
		flight->spared = false;
	}
	*seq = flight->notifier.invalidate_seq;
	spin_unlock(&mirror->lock);
	return begins;
}

/**
 * hmmu_flight_begin() - begin a pass over the window
 * @notifier: the flight's
 *
 * It takes the place of mmu_interval_read_begin(). It waits for running invalidations that
 * overlap the window and for no others. A fatal signal ends the wait: the engine looks for
 * one next.
 *
 * Context: Process context, no locks held. Sleeps; killable.
 * Return: the sequence under which to collect.
 */
unsigned long hmmu_flight_begin(struct mmu_interval_notifier *notifier)
{
	struct hmmu_flight *flight = hmmu_flight_of(notifier);
	struct hmmu_mirror *mirror = flight->mirror;
	unsigned long seq;

	spin_lock(&mirror->lock);
	if (flight->pass++)
		flight_note_retry(flight);
	if (flight_collides(flight))
		hmmu_mirror_count(mirror, HMMU_MIRROR_WAITS, 1);
	spin_unlock(&mirror->lock);

	/* A task that was killed does not use the sequence. */
	(void)wait_event_killable(mirror->state->changed, flight_pass_begins(flight, &seq));
	return seq;
}

/**
 * hmmu_flight_is_valid() - check whether what was collected under @seq is still true
 * @flight: the flight
 * @seq: what hmmu_flight_begin() returned
 *
 * Context: Mirror lock held. No invalidation of the window starts before it is released.
 */
bool hmmu_flight_is_valid(const struct hmmu_flight *flight, unsigned long seq)
{
	lockdep_assert_held(&flight->mirror->lock);
	return !mmu_interval_read_retry((struct mmu_interval_notifier *)
					&flight->notifier, seq);
}

static void flight_make_stale(struct hmmu_flight *flight,
			      const struct mmu_notifier_range *range)
{
	if (!flight->stale) {
		flight->cause = range->event;
		flight->cause_is_own = range->owner &&
				       range->owner == flight->mirror->memory;
	}
	flight->stale = true;
	mmu_interval_set_seq(&flight->notifier,
			     flight->notifier.invalidate_seq + 1);
}

/* The flight caused this invalidation itself: see exclusive.c. */
static bool flight_is_owner(const struct hmmu_flight *flight,
			    const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_EXCLUSIVE && range->owner == flight;
}

static bool mirror_is_hit(const struct hmmu_mirror *mirror,
			  const struct mmu_notifier_range *range)
{
	return range->start < mirror->end && range->end > mirror->start;
}

/**
 * hmmu_flights_start() - an invalidation starts
 * @mirror: the mirror
 * @range: the invalidation; the struct stays until its end
 *
 * Context: That of an invalidation: the caller may hold any lock. Does not sleep.
 * Return: whether it overlaps the mirror.
 */
bool hmmu_flights_start(struct hmmu_mirror *mirror,
			const struct mmu_notifier_range *range)
{
	struct hmmu_flight *flight;

	if (!mirror_is_hit(mirror, range))
		return false;

	spin_lock(&mirror->lock);
	hmmu_mirror_count(mirror, HMMU_MIRROR_INVALIDATIONS, 1);
	if (mirror->state->running_nr < HMMU_MIRROR_RUNNING_MAX) {
		mirror->state->running[mirror->state->running_nr++] = range;
	} else {
		mirror->state->running_more++;
		hmmu_mirror_count(mirror, HMMU_MIRROR_CROWDED, 1);
	}
	list_for_each_entry(flight, &mirror->state->flights, list) {
		if (flight_is_owner(flight, range))
			continue;
		if (flight_overlaps(flight, range))
			flight_make_stale(flight, range);
		else
			flight->spared = true;
	}
	spin_unlock(&mirror->lock);
	return true;
}

static void running_remove(struct hmmu_mirror *mirror,
			   const struct mmu_notifier_range *range)
{
	unsigned int i;

	for (i = 0; i < mirror->state->running_nr; i++) {
		if (mirror->state->running[i] != range)
			continue;
		mirror->state->running[i] = mirror->state->running[--mirror->state->running_nr];
		return;
	}
	if (!WARN_ON_ONCE(!mirror->state->running_more))
		mirror->state->running_more--;
}

/**
 * hmmu_flights_end() - an invalidation has ended
 * @mirror: the mirror
 * @range: the one that hmmu_flights_start() was given
 *
 * Context: As hmmu_flights_start().
 */
void hmmu_flights_end(struct hmmu_mirror *mirror,
		      const struct mmu_notifier_range *range)
{
	if (!mirror_is_hit(mirror, range))
		return;

	spin_lock(&mirror->lock);
	running_remove(mirror, range);
	spin_unlock(&mirror->lock);
	wake_up_all(&mirror->state->changed);
}

/*
 * Wake the task from the wait that it is in. The kit's own thread gets SIGKILL, which ends
 * any killable wait. Another task must not be killed, or takes no signals: it is woken.
 * For a userfaultfd that is enough: a fault that is woken there returns to be retried.
 */
static void flight_kick(struct hmmu_flight *flight)
{
	if (flight->prefetch)
		send_sig(SIGKILL, flight->task, 1);
	else
		wake_up_process(flight->task);
}

/* Returns whether all flights that were cancelled have ended. */
static bool flights_cancelled_ended(struct hmmu_mirror *mirror, bool kick)
{
	struct hmmu_flight *flight;
	bool left = true;

	spin_lock(&mirror->lock);
	list_for_each_entry(flight, &mirror->state->flights, list) {
		if (!flight->cancelled)
			continue;
		left = false;
		if (kick)
			flight_kick(flight);
	}
	spin_unlock(&mirror->lock);
	return left;
}

/**
 * hmmu_flights_cancel() - end flights, and wait until they have ended
 * @mirror: the mirror
 * @prefetch: end the flight of this prefetch; NULL: all that are under way now
 * @killable: stop waiting at a fatal signal
 *
 * A task may be woken just before it goes to sleep. So the tasks are woken again in each
 * tick until their flights have ended.
 *
 * Context: Process context, not in a flight. No locks held. Sleeps.
 * Return: %0, or %-EINTR: a fatal signal came first; the flights still end.
 */
int hmmu_flights_cancel(struct hmmu_mirror *mirror,
			const struct hmmu_prefetch *prefetch, bool killable)
{
	struct hmmu_flight *flight;

	spin_lock(&mirror->lock);
	list_for_each_entry(flight, &mirror->state->flights, list)
		if (!prefetch || flight->prefetch == prefetch)
			WRITE_ONCE(flight->cancelled, true);
	spin_unlock(&mirror->lock);

	while (!flights_cancelled_ended(mirror, true)) {
		if (killable && fatal_signal_pending(current))
			return -EINTR;
		wait_event_timeout(mirror->state->changed,
				   flights_cancelled_ended(mirror, false), 1);
	}
	return 0;
}
