// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the mirror kit stands on: its spinlock, its wait queue, signals, and the
 * users of the mm. See kernel_mirror.h.
 */
#include <setjmp.h>

#include "contract.h"
#include "scenario.h"
#include "schedule.h"
#include "../mirror/mirror.h"

void model_assert_held(const spinlock_t *lock)
{
	if (!lock->held)
		violated("a function that needs the mirror lock was called without it");
}

void spin_lock(spinlock_t *lock)
{
	if (lock->held)
		violated("the mirror lock is taken twice");
	if (!tally.acting)
		point();
	lock->held = true;
}

void spin_unlock(spinlock_t *lock)
{
	model_assert_held(lock);
	lock->held = false;
}

void model_wait_begins(const wait_queue_head_t *queue)
{
	model_assert_unlocked();
	contract_flight_asks();
	world.sleeps_on = queue;
}

static bool woken(void)
{
	return !world.sleeps_on;
}

/* Returns false if the wait is over though the condition does not hold. */
bool model_sleeps(const wait_queue_head_t *queue)
{
	if (world.killed)
		return false;
	if (world.sleeps_on) {
		contract_flight_waits();
		wait_until(woken, true, "for an invalidation of its window");
		contract_flight_slept();
	}
	world.sleeps_on = queue;
	return true;
}

void model_wait_ends(int ret)
{
	world.sleeps_on = NULL;
	if (!ret)
		contract_flight_passes();
}

void wake_up_all(const wait_queue_head_t *queue)
{
	contract_wakes();
	if (world.sleeps_on == queue)
		world.sleeps_on = NULL;
}

/* Ends whatever waits in a way that looks once: a userfault, a wait queue. */
void wake_up_process(struct task_struct *task)
{
	world.sleeps_on = NULL;
	if (world.userfault.waits)
		world.userfault.woken = true;
}

void send_sig(int signal, struct task_struct *task, int privileged)
{
	if (signal != SIGKILL || !(task->flags & PF_KTHREAD))
		violated("a task of a user's is sent a signal");
	world.killed = true;
}

bool kick_would_wake(void)
{
	if (world.task.flags & PF_KTHREAD)
		return !world.killed;
	return world.sleeps_on || (world.userfault.waits && !world.userfault.woken);
}

/*
 * hmmu_flights_cancel() by an actor. Where it would sleep, it is left, to be called
 * again once a kick would change anything: those that do not are not worth a step.
 */
static jmp_buf actor_waits;

void model_actor_waits(void)
{
	longjmp(actor_waits, 1);
}

bool cancel_flights(bool all)
{
	contract_cancels(all);
	if (setjmp(actor_waits))
		return false;
	hmmu_flights_cancel(&world.mirror, all ? NULL : &world.prefetch, false);
	contract_has_cancelled();
	return true;
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
