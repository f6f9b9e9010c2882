// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the mirror kit and the fault threads stand on: spinlocks, wait queues, and the
 * users of the mm. See kernel_mirror.h.
 */
#include <setjmp.h>

#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "mirror/mirror.h"

void model_assert_held(const spinlock_t *lock)
{
	if (!lock->held)
		violated("a function that needs a spinlock was called without it");
}

/* Neither a thread nor the call that it works for is in the middle of a page there. */
static bool is_the_crews(const spinlock_t *lock)
{
	return lock != &world.mirror.lock;
}

void spin_lock(spinlock_t *lock)
{
	if (lock->held)
		violated("a spinlock is taken twice");
	if (!tally.acting)
		point();
	if (is_the_crews(lock))
		contract_between_pages();
	lock->held = true;
	world.spinlocks++;
}

void spin_unlock(spinlock_t *lock)
{
	model_assert_held(lock);
	lock->held = false;
	world.spinlocks--;
	me()->had_spinlock = running != SUBJECT && !tally.acting;
}

static bool is_the_mirrors(const wait_queue_head_t *queue)
{
	return queue == &world.mirror_state.changed;
}

bool waits_for_threads(void)
{
	const void *queue = subject_stack()->sleeps_on;

	return queue && !is_the_mirrors(queue);
}

static void check_queue(const wait_queue_head_t *queue)
{
	if (queue->magic != MODEL_QUEUE_MAGIC)
		violated("a wait queue is used that is none, or none any more");
}

void model_wait_begins(const wait_queue_head_t *queue)
{
	check_queue(queue);
	model_assert_unlocked();
	contract_may_wait();
	if (is_the_mirrors(queue))
		contract_flight_asks();
	else
		point_of_threads();
	me()->sleeps_on = queue;
}

static bool queue_has_woken(const struct stack *stack)
{
	return !stack->sleeps_on;
}

static void sleep_for_mirror(void)
{
	contract_flight_waits();
	wait_until(queue_has_woken, true, "for an invalidation of its window");
	contract_flight_slept();
}

static void sleep_for_others(enum model_wait how)
{
	contract_waits_for_threads(true);
	wait_until(queue_has_woken, how == MODEL_KILLABLE, how == MODEL_IDLE ?
		   "for work" : "for its threads");
	contract_waits_for_threads(false);
}

/* Returns false if the wait is over though the condition does not hold. */
bool model_sleeps(const wait_queue_head_t *queue, enum model_wait how)
{
	if (how == MODEL_KILLABLE && me()->killed)
		return false;
	if (me()->sleeps_on && is_the_mirrors(queue))
		sleep_for_mirror();
	else if (me()->sleeps_on)
		sleep_for_others(how);
	check_queue(queue);
	me()->sleeps_on = queue;
	return true;
}

void model_wait_ends(const wait_queue_head_t *queue, int ret)
{
	me()->sleeps_on = NULL;
	if (!ret && is_the_mirrors(queue))
		contract_flight_passes();
}

void wake_up_all(const wait_queue_head_t *queue)
{
	point_of_threads();
	check_queue(queue);
	if (is_the_mirrors(queue))
		contract_wakes();
	for (unsigned int i = 0; i < stacks_made(); i++)
		if (world.stack[i].sleeps_on == queue)
			world.stack[i].sleeps_on = NULL;
}

bool kick_would_wake(void)
{
	const struct stack *s = subject_stack();

	if (s->task.flags & PF_KTHREAD)
		return !s->killed;
	return s->sleeps_on || (s->userfault.waits && !s->userfault.woken);
}

/*
 * hmmu_flights_cancel() by an actor. Where it would sleep, it is left, to be called
 * again once a kick would change anything: those that do not are not worth a step.
 * Called again it must not find flights that have begun since it was called first: they
 * are off the list meanwhile.
 */
static jmp_buf actor_waits;

void model_actor_waits(void)
{
	longjmp(actor_waits, 1);
}

static void flights_move(struct list_head *from, struct list_head *to, bool cancelled)
{
	struct hmmu_flight *flight, *next;

	list_for_each_entry_safe(flight, next, from, list)
		if (flight->cancelled == cancelled)
			list_move(&flight->list, to);
}

bool cancel_flights(bool all)
{
	static struct list_head later;
	struct list_head *const flights = &world.mirror_state.flights;
	bool again = world.flight.cancelled;
	volatile bool left = false;

	INIT_LIST_HEAD(&later);
	contract_cancels(all);
	if (again)
		flights_move(flights, &later, false);
	if (!setjmp(actor_waits)) {
		hmmu_flights_cancel(&world.mirror, all ? NULL : &world.prefetch, false);
		contract_has_cancelled();
		left = true;
	}
	flights_move(&later, flights, false);
	return left;
}

bool mmget_not_zero(struct mm_struct *mm)
{
	if (!mm->mm_users.counter)
		return false;
	mm->mm_users.counter++;
	return true;
}

void mmput(struct mm_struct *mm)
{
	model_assert_unlocked();
	mm->mm_users.counter--;
}
