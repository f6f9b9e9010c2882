// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking the mmap lock, for the first time or again, and what to ask then.
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
 * hmmu_call_interrupted() - has the call to end for a reason from outside?
 * @call: the call
 */
bool hmmu_call_interrupted(const struct hmmu_call *call)
{
	const struct hmmu_hooks *hooks = call->hooks;

	return fatal_signal_pending(current) ||
	       (hooks->cancelled && hooks->cancelled(call->range));
}

/**
 * hmmu_call_sequence_moved() - note that the sequence has moved
 * @call: the call
 * @cause: the HMM_UNLOCKED_MOVED_* that tells where it was found
 *
 * Return: %-EBUSY
 */
int hmmu_call_sequence_moved(struct hmmu_call *call, enum hmm_unlocked_counter cause)
{
	call->cause = cause;
	if (cause == HMM_UNLOCKED_MOVED_DROPPED)
		call->chunk_size = HMMU_CHUNK_SIZE_MIN;
	hmmu_call_count(call, cause, 1);
	return -EBUSY;
}

/**
 * hmmu_call_check() - may this pass go on?
 * @call: the call
 * @cause: what to count if the sequence has moved
 *
 * The mark comes first: the reaper empties memory, and a moved sequence would
 * only lead to reading it again.
 *
 * Context: mmap lock held for read.
 * Return:
 * * %0	      - no reason seen why not
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
 * hmmu_call_lock() - take the mmap lock for read, and see whether it was worth it
 * @call: the call, not locked
 * @begun: since when we have been waiting for it, in ktime_get_ns()
 * @cause: what to count if the sequence has moved
 *
 * The wait is taken off the limit unless the sequence has moved meanwhile: then it
 * was lost to an invalidation, and that is what the limit is about.
 *
 * The signal is tested here, not left to the lock: an uncontended lock is granted
 * to a task that is being killed, which would then read once more for nothing.
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
 * hmmu_call_lock_lost() - note that the mmap lock is gone
 * @call: the call, whose lock was let go of by a fault
 */
void hmmu_call_lock_lost(struct hmmu_call *call)
{
	call->locked = false;
	call->known = 0;
}

/**
 * hmmu_call_unlock() - let go of the mmap lock
 * @call: the call, locked
 */
void hmmu_call_unlock(struct hmmu_call *call)
{
	mmap_read_unlock(call->mm);
	hmmu_call_lock_lost(call);
}

/**
 * hmmu_call_resume() - go on after a fault that dropped the lock
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
 * Stay away from the lock until whoever waited has it.
 *
 * Taking it again at once would not do: a reader may take the lock from under a
 * writer that was woken but does not run yet, until that has waited 4 ms
 * (RWSEM_WAIT_TIMEOUT). A writer is on the wait list until it really has the lock.
 * There is nothing to sleep on that tells when it is off, so look again a few
 * times; for a stream of writers we do not stand aside longer than that.
 */
static void let_writers_pass(struct hmmu_call *call)
{
	unsigned int looks = YIELD_LOOKS;

	while (mmap_lock_is_contended(call->mm) && looks-- &&
	       !hmmu_call_interrupted(call))
		usleep_range_state(YIELD_MIN_US, YIELD_MAX_US, TASK_KILLABLE);
}

/**
 * hmmu_call_yield() - between two chunks, let others have their turn
 * @call: the call
 *
 * Context: mmap lock held for read on entry. On return call->locked tells.
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
 * hmmu_call_back_off() - a fault has succeeded without effect: give it time
 * @call: the call
 * @attempt: how often that was so for this page, from 1
 *
 * Whoever is in the way may need the lock that we hold: on 6.1 a userfaultfd that
 * is being closed answers faults with VM_FAULT_NOPAGE until it gets the lock for
 * write. Others need to be left alone, like a page that two devices want.
 *
 * Context: mmap lock held for read on entry. On return call->locked tells.
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
