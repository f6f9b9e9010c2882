// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that drivers make.
 *
 * Both run the same walk. They differ in who takes the lock and the sequence,
 * and so in what a moved sequence means: hmm_range_fault_unlocked_timeout() has
 * both in hand and begins another pass, hmm_range_fault_unlockable() has to tell
 * its caller.
 *
 * The two contracts are those of mainline's hmm_range_fault_unlocked_timeout()
 * and of the form with an int *locked that was posted before it.
 */
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "call.h"
#include "trace.h"

static bool range_is_malformed(const struct hmm_range *range)
{
	return !range->notifier || !range->hmm_pfns ||
	       !PAGE_ALIGNED(range->start | range->end) ||
	       range->start >= range->end ||
	       range->start < range->notifier->interval_tree.start ||
	       range->end - 1 > range->notifier->interval_tree.last;
}

static const struct hmmu_hooks plain_hooks = {
	.begin = mmu_interval_read_begin,
};

/**
 * hmmu_call_init() - a call that has done nothing yet
 * @call: to be filled in
 * @range: what to collect
 * @hooks: whose call it is
 */
void hmmu_call_init(struct hmmu_call *call, struct hmm_range *range,
		    const struct hmmu_hooks *hooks)
{
	*call = (struct hmmu_call) {
		.range = range,
		.mm = range->notifier->mm,
		.hooks = hooks,
		.from = range->start,
		.chunk_size = HMMU_CHUNK_SIZE_HUGE,
		.batch = 1,
		.fill = 1,
		.furthest = range->start,
		.tried = ULONG_MAX,
	};
	hmmu_limit_restart(&call->limit);
}

static int call_begin(struct hmmu_call *call, struct hmm_range *range,
		      unsigned long timeout, const struct hmmu_hooks *hooks)
{
	hmmu_call_init(call, range, hooks);
	call->pace = hooks->pace ? hooks->pace(range) : &call->own_pace;
	call->limit.allowed = timeout;
	hmmu_call_count(call, HMM_UNLOCKED_CALLS, 1);
	trace_hmm_unlocked_begin(call);

	/* exit_mmap() may be running: there is nothing left to be faulted. */
	if (!atomic_read(&call->mm->mm_users))
		return -EFAULT;
	return hmmu_call_requests_save(call);
}

static int call_end(struct hmmu_call *call, int ret,
		    struct hmm_unlocked_counters *counters)
{
	if (ret)
		hmmu_call_requests_restore(call);
	hmmu_call_requests_free(call);

	if (ret == HMMU_STUCK) {
		hmmu_call_count(call, HMM_UNLOCKED_STUCK, 1);
		ret = -EBUSY;
	} else if (ret == HMMU_COMPLETED) {
		ret = 0;
	}
	if (ret)
		hmmu_call_count(call, HMM_UNLOCKED_FAILURES, 1);

	trace_hmm_unlocked_end(call, ret);
	hmmu_stats_add(call);
	if (counters)
		*counters = call->counters;
	return ret;
}

/**
 * hmmu_range_fault_unlockable() - fault a range, the mmap lock may be dropped
 * @range: what to collect; @range->notifier_seq comes from
 *	   mmu_interval_read_begin(), called before the lock was taken
 * @locked: 1 on entry; on return 1 if the mmap lock is held, 0 if it is not.
 *	    NULL makes this hmm_range_fault()
 * @counters: where to put what the call did, or NULL; left alone if @range is
 *	      malformed
 *
 * Drivers call this as hmm_range_fault_unlockable(@range, @locked).
 *
 * The lock may be released and taken again inside: a VMA that the caller looked
 * up before must not be used afterwards, also if @locked is still 1.
 *
 * Requests in the entries (@range->pfn_flags_mask) are kept through all that
 * happens inside, and stand in the entries again if the call fails or returns
 * without the lock. After success the entries are results: before the range is
 * asked for again the requests have to be written again, or "readable" would be
 * read as "fault", "writable" as "fault for write".
 *
 * The first write to a page of a shared mapping ends in VM_FAULT_COMPLETED, and
 * so returns to the caller: one page a call where all are missing.
 * hmm_range_fault_unlocked_timeout() goes on by itself.
 *
 * Context: mmap lock of @range->notifier->mm held for read, mm pinned by
 * mmget(). No lock held that the invalidate callback takes or that user space
 * needs to resolve a fault. Sleeps; waits for faults are killable, if the task is
 * one that gets SIGKILL: a kernel thread has to allow that. Where faults wait, kernel
 * threads make some of them, with the credentials of the caller.
 *
 * Return: with the lock held
 * * %0	      - all collected; take the driver's lock and test
 *		mmu_interval_read_retry() before using it
 * * %-EBUSY  - the range was invalidated, or faults keep succeeding without
 *		effect; take a fresh sequence and call again
 * * %-EFAULT - asked for a page that has no VMA, no read permission, an I/O or
 *		PFN mapping, or whose fault ended in SIGBUS, SIGSEGV or poison;
 *		or the mm is being torn down. Calling again will not help
 * * %-EPERM  - write asked of a VMA without VM_WRITE
 * * %-ENOMEM - no memory, for the fault or to keep the requests
 * * %-EINTR  - fatal signal
 * * %-EINVAL - @range malformed (unaligned, empty, not inside its notifier's
 *		interval), or a fault handler broke its rules
 *
 * and with the lock dropped
 * * %0	      - a fault has completed and taken the lock along; nothing collected
 *		counts. Take a fresh sequence and the lock, call again
 * * %-EINTR  - fatal signal
 */
int hmmu_range_fault_unlockable(struct hmm_range *range, int *locked,
				struct hmm_unlocked_counters *counters)
{
	struct hmmu_call call;
	int ret;

	if (!locked)
		return hmm_range_fault(range);
	if (range_is_malformed(range) || WARN_ON_ONCE(!*locked))
		return -EINVAL;
	lockdep_assert_held_read(&range->notifier->mm->mmap_lock);

	ret = call_begin(&call, range, 0, &plain_hooks);
	call.locked = true;
	call.stop_completed = true;
	if (!ret)
		ret = hmmu_call_check(&call, HMM_UNLOCKED_MOVED_WAITING);
	if (!ret)
		ret = hmmu_call_walk(&call);
	*locked = call.locked;
	return call_end(&call, ret, counters);
}
EXPORT_SYMBOL_GPL(hmmu_range_fault_unlockable);

static int call_hand_over(struct hmmu_call *call)
{
	int ret = 0;

	if (call->hooks->hand_over)
		ret = call->hooks->hand_over(call->range);
	return ret == -EBUSY ? hmmu_call_sequence_moved(call, HMM_UNLOCKED_MOVED_HELD) : ret;
}

static int call_run_pass(struct hmmu_call *call)
{
	struct hmm_range *range = call->range;
	int ret;

	range->notifier_seq = call->hooks->begin(range->notifier);
	ret = hmmu_call_lock(call, ktime_get_ns(), HMM_UNLOCKED_MOVED_WAITING);
	if (!ret)
		ret = hmmu_call_walk(call);
	if (!ret)
		ret = call_hand_over(call);

	if (call->locked)
		hmmu_call_unlock(call);
	return ret;
}

/*
 * The signal is tested before the limit and the lock: a storm of invalidations
 * with neither a limit nor a contended lock must not outlive a kill.
 */
static int call_run_passes(struct hmmu_call *call)
{
	unsigned int tried = 0;
	int ret;

	for (;;) {
		ret = call_run_pass(call);
		if (ret != -EBUSY)
			return ret;
		if (hmmu_call_interrupted(call))
			return -EINTR;
		if (hmmu_limit_exceeded(&call->limit) &&
		    (call->walked || ++tried >= HMMU_PASSES_MIN))
			return -EBUSY;
		hmmu_call_count(call, HMM_UNLOCKED_RESTARTS, 1);
		trace_hmm_unlocked_restart(call);
		cond_resched();
	}
}

/**
 * hmmu_range_fault() - hmmu_range_fault_unlocked() for the mirror kit
 * @range: as there; the notifier may be one that only @hooks know
 * @timeout: as there
 * @hooks: what the kit does itself
 * @counters: as there
 *
 * Context: as there.
 * Return: as there, and what @hooks->hand_over returned; %-EINTR also if the call
 * was cancelled.
 */
int hmmu_range_fault(struct hmm_range *range, unsigned long timeout,
		     const struct hmmu_hooks *hooks,
		     struct hmm_unlocked_counters *counters)
{
	struct hmmu_call call;
	int ret;

	if (range_is_malformed(range))
		return -EINVAL;
	might_lock_read(&range->notifier->mm->mmap_lock);

	ret = call_begin(&call, range, timeout, hooks);
	if (!ret)
		ret = call_run_passes(&call);
	return call_end(&call, ret, counters);
}

/**
 * hmmu_range_fault_unlocked() - fault a range without holding the mmap lock
 * @range: what to collect; @range->notifier_seq is set by the call
 * @timeout: jiffies that invalidations may cost, 0 for no limit
 * @counters: where to put what the call did, or NULL; left alone if @range is
 *	      malformed
 *
 * Drivers call this as hmm_range_fault_unlocked_timeout(@range, @timeout).
 *
 * @timeout bounds collisions with invalidations and nothing else: waits for
 * faults do not count, however long, nor do waits for the mmap lock during which
 * nothing was invalidated, and the watch goes back to 0 whenever the walk gets
 * further than it ever was. A call that was kept from walking at all is given a
 * few more tries.
 *
 * Requests in the entries (@range->pfn_flags_mask) are kept through all that
 * happens inside, and stand in the entries again if the call fails. After
 * success the entries are results: before the range is asked for again the
 * requests have to be written again, or "readable" would be read as "fault",
 * "writable" as "fault for write".
 *
 * Context: Process context, mmap lock not held by the caller, mm pinned by
 * mmget(). No lock held that the invalidate callback takes or that user space
 * needs to resolve a fault. Sleeps; killable, if the task is one that gets SIGKILL
 * (a kernel thread has to allow that), but for mmu_interval_read_begin(), which
 * waits for invalidations that are already running.
 *
 * Return:
 * * %0	      - all collected; take the driver's lock and test
 *		mmu_interval_read_retry(@range->notifier, @range->notifier_seq)
 *		before using it, and call again if that is true
 * * %-EBUSY  - @timeout ran out, or faults keep succeeding without effect.
 *		Call again, or report the device fault as failed
 * * %-EFAULT - asked for a page that has no VMA, no read permission, an I/O or
 *		PFN mapping, or whose fault ended in SIGBUS, SIGSEGV or poison;
 *		or the mm is being torn down. Calling again will not help
 * * %-EPERM  - write asked of a VMA without VM_WRITE
 * * %-ENOMEM - no memory, for the fault or to keep the requests
 * * %-EINTR  - fatal signal
 * * %-EINVAL - @range malformed (unaligned, empty, not inside its notifier's
 *		interval), or a fault handler broke its rules
 */
int hmmu_range_fault_unlocked(struct hmm_range *range, unsigned long timeout,
			      struct hmm_unlocked_counters *counters)
{
	return hmmu_range_fault(range, timeout, &plain_hooks, counters);
}
EXPORT_SYMBOL_GPL(hmmu_range_fault_unlocked);
