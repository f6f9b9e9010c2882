// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking the mmap lock again, and what has to be asked then.
 */
#include <linux/delay.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>

#include "call.h"
#include "trace.h"

#define YIELD_LOOKS	8
#define YIELD_MIN_US	10
#define YIELD_MAX_US	50

/**
 * hmmu_moved() - note that the sequence has moved
 * @call: the call
 * @cause: the HMM_UNLOCKED_MOVED_* that tells where it was found
 *
 * Return: %-EBUSY
 */
int hmmu_moved(struct hmmu_call *call, enum hmm_unlocked_counter cause)
{
	call->cause = cause;
	hmmu_count(call, cause, 1);
	return -EBUSY;
}

/**
 * hmmu_check() - may this pass go on?
 * @call: the call
 * @cause: what to count if the sequence has moved
 *
 * The mark comes first: the reaper empties memory, and a moved sequence would
 * only lead to reading it again.
 *
 * Context: mmap lock held for read.
 * Return:
 * * %0	      - all that was collected is true
 * * %-EFAULT - the OOM reaper has marked the mm: its contents are gone
 * * %-EBUSY  - the sequence has moved
 */
int hmmu_check(struct hmmu_call *call, enum hmm_unlocked_counter cause)
{
	struct hmm_range *range = call->range;

	mmap_assert_locked(call->mm);

	if (check_stable_address_space(call->mm))
		return -EFAULT;
	if (mmu_interval_check_retry(range->notifier, range->notifier_seq))
		return hmmu_moved(call, cause);
	return 0;
}

/**
 * hmmu_resume() - go on after a fault that dropped the lock
 * @call: the call, not locked
 *
 * The signal is tested before the lock is taken, not left to the lock: an
 * uncontended lock is granted to a task that is being killed, which would then
 * fault again without waiting, and again.
 *
 * Context: mmap lock not held. Sleeps, killable.
 * Return: as hmmu_check(), or %-EINTR with the lock not held.
 */
int hmmu_resume(struct hmmu_call *call)
{
	int ret = -EINTR;

	if (!fatal_signal_pending(current) && !mmap_read_lock_killable(call->mm)) {
		call->locked = true;
		ret = hmmu_check(call, HMM_UNLOCKED_MOVED_DROPPED);
	}
	if (!ret)
		hmmu_count(call, HMM_UNLOCKED_RESUMES, 1);
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
static void let_pass(struct hmmu_call *call)
{
	unsigned int looks = YIELD_LOOKS;

	while (mmap_lock_is_contended(call->mm) && looks-- &&
	       !fatal_signal_pending(current))
		usleep_range_state(YIELD_MIN_US, YIELD_MAX_US, TASK_KILLABLE);
}

/**
 * hmmu_yield() - between two chunks, let others have their turn
 * @call: the call
 *
 * Context: mmap lock held for read on entry. On return call->locked tells.
 * Return: as hmmu_check(), or %-EINTR.
 */
int hmmu_yield(struct hmmu_call *call)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	if (!mmap_lock_is_contended(call->mm))
		return 0;

	hmmu_count(call, HMM_UNLOCKED_YIELDS, 1);
	mmap_read_unlock(call->mm);
	call->locked = false;
	let_pass(call);
	if (mmap_read_lock_killable(call->mm))
		return -EINTR;
	call->locked = true;
	return hmmu_check(call, HMM_UNLOCKED_MOVED_YIELDED);
}
