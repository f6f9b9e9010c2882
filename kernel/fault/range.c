// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that drivers make. Their contracts are in <linux/hmm_unlocked.h>.
 *
 * Both run the same walk. hmm_range_fault_unlocked_timeout() takes the lock and the
 * sequence itself, so it begins another pass when the sequence has moved. The caller
 * of hmm_range_fault_unlockable() takes both, so that call returns -EBUSY.
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
 * hmmu_call_init() - prepare a call that has done nothing yet
 * @call: to be filled in
 * @range: what to collect
 * @hooks: what the caller does itself
 */
void hmmu_call_init(struct hmmu_call *call, struct hmm_range *range,
		    const struct hmmu_hooks *hooks)
{
	*call = (struct hmmu_call) {
		.range = range,
		.mm = range->notifier->mm,
		.hooks = hooks,
		.from = range->start,
		.furthest = range->start,
		.tried = ULONG_MAX,
	};
	hmmu_guess_init(&call->guess);
	hmmu_limit_restart(&call->limit);
}

static int call_begin(struct hmmu_call *call, struct hmm_range *range,
		      unsigned long timeout, const struct hmmu_hooks *hooks)
{
	struct hmmu_guess *guess = &call->guess;

	hmmu_call_init(call, range, hooks);
	guess->pace = hooks->pace ? hooks->pace(range) : &guess->own_pace;
	call->limit.allowed = timeout;
	hmmu_call_count(call, HMM_UNLOCKED_CALLS, 1);
	trace_hmm_unlocked_begin(call);

	/* exit_mmap() may be running: no page may be faulted any more. */
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
 * hmmu_range_fault_unlockable() - hmm_range_fault_unlockable() with counters
 * @range: as there
 * @locked: as there
 * @counters: where to put what the call did, or NULL; not written if @range is
 *	      malformed
 *
 * Context: as there.
 * Return: as there.
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

/* What the caller finds to be untrue by now is collected again in another pass. */
static int call_hand_over(struct hmmu_call *call)
{
	int ret = 0;

	if (call->hooks->hand_over)
		ret = call->hooks->hand_over(call->range);
	if (ret == -EBUSY)
		return hmmu_call_sequence_moved(call, HMM_UNLOCKED_MOVED_HELD);
	return ret;
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
 * The signal is tested before the limit and the lock: in a storm of invalidations,
 * without a limit and with an uncontended lock, nothing else would end the call of a
 * task that is killed.
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
 * hmmu_range_fault() - hmmu_range_fault_unlocked() with hooks, for the mirror kit
 * @range: as there; the notifier may be one that only @hooks know
 * @timeout: as there
 * @hooks: what the kit does itself
 * @counters: as there
 *
 * Context: as there.
 * Return: as there, or what @hooks->hand_over() returned; %-EINTR also if
 * @hooks->cancelled() returned true.
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
 * hmmu_range_fault_unlocked() - hmm_range_fault_unlocked_timeout() with counters
 * @range: as there
 * @timeout: as there
 * @counters: where to put what the call did, or NULL; not written if @range is
 *	      malformed
 *
 * Context: as there.
 * Return: as there.
 */
int hmmu_range_fault_unlocked(struct hmm_range *range, unsigned long timeout,
			      struct hmm_unlocked_counters *counters)
{
	return hmmu_range_fault(range, timeout, &plain_hooks, counters);
}
EXPORT_SYMBOL_GPL(hmmu_range_fault_unlocked);
