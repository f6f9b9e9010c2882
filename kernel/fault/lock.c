// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mmap lock of a call: taking it, losing it, standing aside for others.
 *
 * Each time the lock was taken three questions decide whether the pass may go on: is
 * the task being killed, has the OOM reaper marked the mm, has the sequence moved?
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>

#include "call.h"
#include "trace.h"

#define YIELD_LOOKS	8
#define YIELD_MIN_US	10
#define YIELD_MAX_US	50

/* 20 us, 40 us, ... 5 ms, then 5 ms each time: 40 to 80 ms in all. */
#define BACK_OFF_US		10
#define BACK_OFF_SHIFT_MAX	9U

/**
 * hmmu_call_sequence_moved() - note that the sequence has moved
 * @call: the call
 * @cause: the HMM_UNLOCKED_MOVED_* for where that was found
 *
 * Return: %-EBUSY
 */
int hmmu_call_sequence_moved(struct hmmu_call *call,
			     enum hmm_unlocked_counter cause)
{
	call->cause = cause;
	if (cause == HMM_UNLOCKED_MOVED_DROPPED)
		hmmu_guess_sequence_moved(&call->guess);
	hmmu_call_count(call, cause, 1);
	return -EBUSY;
}

/**
 * hmmu_call_check() - may this pass go on?
 * @call: the call
 * @cause: what to count if the sequence has moved
 *
 * The reaper's mark is tested first: the reaper invalidates as well, and -EBUSY would
 * only lead to another pass over memory that is empty.
 *
 * Context: mmap lock held for read.
 * Return:
 * * %0	      - it may
 * * %-EFAULT - the OOM reaper has marked the mm: its contents are gone
 * * %-EBUSY  - the sequence has moved
 */
int hmmu_call_check(struct hmmu_call *call, enum hmm_unlocked_counter cause)
{
	struct hmm_range *range = call->range;

	mmap_assert_locked(call->mm);

	if (check_stable_address_space(call->mm))
		return -EFAULT;
	if (mmu_interval_check_retry(range->notifier, range->notifier_seq))
		return hmmu_call_sequence_moved(call, cause);
	return 0;
}

/**
 * hmmu_call_lock() - take the mmap lock for read, and test whether the pass may go on
 * @call: the call, not locked
 * @begun: when the wait for the lock began, in ktime_get_ns()
 * @cause: what to count if the sequence has moved
 *
 * The wait does not count towards the limit, unless the sequence has moved meanwhile:
 * then the time was lost to an invalidation, which is what the limit bounds.
 *
 * The signal is tested here too: a task that is being killed is granted an uncontended
 * lock, and would read once more for nothing.
 *
 * Context: mmap lock not held. Sleeps, killable.
 * Return: as hmmu_call_check(), or %-EINTR with the lock not held.
 */
int hmmu_call_lock(struct hmmu_call *call, u64 begun,
		   enum hmm_unlocked_counter cause)
{
	int ret;

	if (hmmu_call_interrupted(call) || mmap_read_lock_killable(call->mm))
		return -EINTR;
	call->locked = true;
	ret = hmmu_call_check(call, cause);
	if (!ret)
		hmmu_limit_take_off(&call->limit, ktime_get_ns() - begun);
	return ret;
}

/**
 * hmmu_call_lock_lost() - note that the mmap lock is not held any more
 * @call: the call, whose lock a fault has released
 */
void hmmu_call_lock_lost(struct hmmu_call *call)
{
	call->locked = false;
	call->known = 0;
}

/**
 * hmmu_call_unlock() - release the mmap lock
 * @call: the call, locked
 */
void hmmu_call_unlock(struct hmmu_call *call)
{
	mmap_read_unlock(call->mm);
	hmmu_call_lock_lost(call);
}

/**
 * hmmu_call_resume() - take the lock again after a fault that dropped it
 * @call: the call, not locked
 *
 * Context: mmap lock not held. Sleeps, killable.
 * Return: as hmmu_call_lock().
 */
int hmmu_call_resume(struct hmmu_call *call)
{
	int ret = hmmu_call_lock(call, ktime_get_ns(), HMM_UNLOCKED_MOVED_DROPPED);

	if (!ret)
		hmmu_call_count(call, HMM_UNLOCKED_RESUMES, 1);
	trace_hmm_unlocked_resume(call, ret);
	return ret;
}

/*
 * Stay away from the lock until the waiting writer has it.
 *
 * Taking it again at once does not help: a reader may take the lock before a writer
 * that was woken and does not run yet, until the writer has waited for 4 ms
 * (RWSEM_WAIT_TIMEOUT). A writer stays on the wait list until it really has the lock.
 * Nothing can be slept on until it leaves the list, so look again a few times. A
 * stream of writers does not keep us away longer than that.
 */
static void let_writers_pass(struct hmmu_call *call)
{
	unsigned int looks = YIELD_LOOKS;

	while (mmap_lock_is_contended(call->mm) && looks-- &&
	       !hmmu_call_interrupted(call))
		usleep_range_state(YIELD_MIN_US, YIELD_MAX_US, TASK_KILLABLE);
}

/**
 * hmmu_call_yield() - let waiting writers pass, between two chunks
 * @call: the call
 *
 * Context: mmap lock held for read on entry. On return see call->locked.
 * Return: as hmmu_call_lock().
 */
int hmmu_call_yield(struct hmmu_call *call)
{
	u64 begun;

	if (hmmu_call_interrupted(call))
		return -EINTR;
	cond_resched();
	if (!mmap_lock_is_contended(call->mm)) {
		call->yield_streak = 0;
		return 0;
	}

	hmmu_call_count(call, HMM_UNLOCKED_YIELDS, 1);
	hmmu_call_count_max(call, HMM_UNLOCKED_YIELD_STREAK, ++call->yield_streak);
	begun = ktime_get_ns();
	hmmu_call_unlock(call);
	let_writers_pass(call);
	return hmmu_call_lock(call, begun, HMM_UNLOCKED_MOVED_YIELDED);
}

/**
 * hmmu_call_back_off() - release the lock for a while: a fault succeeded without effect
 * @call: the call
 * @attempt: how many such faults of this page in a row, from 1
 *
 * What stands in the way may need the lock that we hold: on 6.1 a userfaultfd that is
 * being closed answers faults with VM_FAULT_NOPAGE until it gets the lock for write.
 * Or it needs time, like a page that two devices want at once.
 *
 * Context: mmap lock held for read on entry. On return see call->locked.
 * Return: as hmmu_call_lock(), or HMMU_STUCK once @attempt is HMMU_ATTEMPTS_MAX.
 */
int hmmu_call_back_off(struct hmmu_call *call, unsigned int attempt)
{
	unsigned long us = BACK_OFF_US << min(attempt, BACK_OFF_SHIFT_MAX);
	u64 begun = ktime_get_ns();

	hmmu_call_count(call, HMM_UNLOCKED_BACK_OFFS, 1);
	if (attempt >= HMMU_ATTEMPTS_MAX)
		return HMMU_STUCK;
	hmmu_call_unlock(call);
	usleep_range_state(us, 2 * us, TASK_KILLABLE);
	return hmmu_call_lock(call, begun, HMM_UNLOCKED_MOVED_YIELDED);
}
