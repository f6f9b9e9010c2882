// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mirror from register to unregister, and the kernel's notifications meanwhile.
 */
#include <linux/export.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "mirror.h"
#include "trace.h"

static struct hmmu_mirror *notifier_mirror(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct hmmu_mirror_state, notifier)->mirror;
}

static int mirror_invalidate_start(struct mmu_notifier *notifier,
				   const struct mmu_notifier_range *range)
{
	struct hmmu_mirror *mirror = notifier_mirror(notifier);

	if (!hmmu_flights_start(mirror, range))
		return 0;
	trace_hmmu_mirror_invalidate(mirror, range);
	mirror->state->ops->unmap(mirror, max(range->start, mirror->start),
				  min(range->end, mirror->end),
				  mmu_notifier_range_blockable(range));
	return 0;
}

static void mirror_invalidate_end(struct mmu_notifier *notifier,
				  const struct mmu_notifier_range *range)
{
	hmmu_flights_end(notifier_mirror(notifier), range);
}

/*
 * The last user of the mm is gone, or the mirror is unregistered. No flight collects any
 * more. The last user may have been a flight: then this runs in its task, from mmput().
 */
static void mirror_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct hmmu_mirror *mirror = notifier_mirror(notifier);

	mirror->state->ops->unmap(mirror, mirror->start, mirror->end, true);
}

static const struct mmu_notifier_ops mirror_notifier_ops = {
	.invalidate_range_start = mirror_invalidate_start,
	.invalidate_range_end = mirror_invalidate_end,
	.release = mirror_release,
};

/* Reclaim invalidates: teach lockdep that before it happens. */
static void mirror_prime_lockdep(struct hmmu_mirror *mirror)
{
	if (!IS_ENABLED(CONFIG_LOCKDEP))
		return;
	fs_reclaim_acquire(GFP_KERNEL);
	spin_lock(&mirror->lock);
	spin_unlock(&mirror->lock);
	fs_reclaim_release(GFP_KERNEL);
}

static bool mirror_config_is_sane(const struct hmmu_mirror_config *config)
{
	return config->start < config->end &&
	       PAGE_ALIGNED(config->start | config->end) &&
	       config->ops->map && config->ops->unmap;
}

/**
 * hmmu_mirror_register() - begin to mirror memory of the current process
 * @mirror: to be filled in; stays where it is while calls may be made for it, also late
 *	    ones: see hmmu_mirror_unregister()
 * @config: name, range, callbacks. The struct is not needed afterwards; what its @ops and
 *	    @memory point to has to stay until hmmu_mirror_unregister() returns
 *
 * The mirror does not keep the memory alive: the process may end, and then
 * @config->ops->unmap is called for the whole mirror.
 *
 * Each mirror of a process is notified of all invalidations in the process. A driver with
 * many ranges of one process should have one mirror over all of them.
 *
 * Context: Process context of the process to be mirrored, mmap lock not held. Sleeps. It
 * takes every lock of the address space: the more mappings, the longer it takes.
 *
 * Return:
 * * %0	      - registered; hmmu_mirror_unregister() is due
 * * %-EINVAL - the range is unaligned or empty, an op is missing, or the task has no memory
 *		(a kernel thread)
 * * %-ENOMEM - no memory; nothing is registered
 * * %-EINTR  - a signal is pending; nothing is registered. Fail the open() with it
 */
int hmmu_mirror_register(struct hmmu_mirror *mirror,
			 const struct hmmu_mirror_config *config)
{
	struct hmmu_mirror_state *state;
	int ret;

	if (!mirror_config_is_sane(config) || !current->mm)
		return -EINVAL;
	state = kzalloc(sizeof(*state), GFP_KERNEL_ACCOUNT);
	if (!state)
		return -ENOMEM;
	state->mirror = mirror;
	state->ops = config->ops;
	state->notifier.ops = &mirror_notifier_ops;
	*mirror = (struct hmmu_mirror) {
		.mm = current->mm,
		.start = config->start,
		.end = config->end,
		.memory = config->memory,
		.faults_in_flight = config->faults_in_flight,
		.state = state,
	};
	hmmu_flights_init(mirror);
	hmmu_prefetches_init(mirror);
	mirror_prime_lockdep(mirror);

	ret = hmmu_mirror_stats_add(mirror, config->name);
	if (ret)
		goto out_free;
	ret = mmu_notifier_register(&state->notifier, mirror->mm);
	if (!ret)
		return 0;
	hmmu_mirror_stats_remove(mirror);
out_free:
	mirror->closing = true;
	mirror->state = NULL;
	kfree(state);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_register);

/**
 * hmmu_mirror_enter() - begin a call that is no flight
 * @mirror: the mirror; it may have been unregistered
 *
 * Return: true: the state stays until hmmu_mirror_leave(). False: the mirror has been
 * unregistered, nothing of it is left.
 */
bool hmmu_mirror_enter(struct hmmu_mirror *mirror)
{
	bool entered;

	spin_lock(&mirror->lock);
	entered = mirror->state;
	mirror->users += entered;
	spin_unlock(&mirror->lock);
	return entered;
}

/**
 * hmmu_mirror_leave() - end a call that is no flight
 * @mirror: one that hmmu_mirror_enter() returned true for
 *
 * The state may be freed once the lock is released: hence the wake-up under it.
 */
void hmmu_mirror_leave(struct hmmu_mirror *mirror)
{
	spin_lock(&mirror->lock);
	if (!--mirror->users)
		wake_up_all(&mirror->state->changed);
	spin_unlock(&mirror->lock);
}

/* Takes the state from the mirror, unless a call uses it. */
static bool mirror_take_state(struct hmmu_mirror *mirror)
{
	bool taken;

	spin_lock(&mirror->lock);
	taken = !mirror->users;
	if (taken)
		mirror->state = NULL;
	spin_unlock(&mirror->lock);
	return taken;
}

/**
 * hmmu_mirror_unregister() - end a mirror
 * @mirror: one that was registered
 *
 * Calls that are under way end with %-ECANCELED; later calls fail with it at once
 * (hmmu_mirror_cancel() and hmmu_mirror_cancel_prefetch() return 0). Then
 * the driver's unmap() is called for the whole mirror, unless it was when the process
 * ended (if both happen at the same time, it is called twice). When this returns, no op
 * is called any more. @mirror itself has to stay as long as calls may still begin.
 *
 * Which waits it ends: those for a userfaultfd, in any task. In a prefetch, and in a
 * populate of which several faults wait, also each wait that SIGKILL ends. Any other
 * populate that waits for something else goes on until that wait is over or its task is
 * killed; this waits for it. Nothing but the server ends a wait for a FUSE server that has
 * taken a request and does not answer.
 *
 * Context: Process context, any process. No locks held, not in an op or a done().
 * Sleeps.
 */
void hmmu_mirror_unregister(struct hmmu_mirror *mirror)
{
	struct hmmu_mirror_state *state = mirror->state;

	spin_lock(&mirror->lock);
	WRITE_ONCE(mirror->closing, true);
	spin_unlock(&mirror->lock);

	hmmu_prefetches_cancel(mirror, NULL, false);
	hmmu_flights_cancel(mirror, NULL, false);
	hmmu_prefetches_exit(mirror);
	mmu_notifier_unregister(&state->notifier, mirror->mm);
	hmmu_mirror_stats_remove(mirror);
	wait_event(state->changed, mirror_take_state(mirror));
	kfree(state);
}
EXPORT_SYMBOL_GPL(hmmu_mirror_unregister);

/**
 * hmmu_mirror_cancel() - end all calls that are under way
 * @mirror: the mirror
 *
 * All calls of the kit that have begun end with %-ECANCELED, prefetches included. Calls
 * that begin meanwhile go on.
 *
 * Context: Process context, any process. No locks held, not in an op or a done().
 * Sleeps until all have ended; killable.
 * Return: %0, or %-EINTR: a fatal signal came first; the calls still end.
 */
int hmmu_mirror_cancel(struct hmmu_mirror *mirror)
{
	int ret;

	if (!hmmu_mirror_enter(mirror))
		return 0;
	ret = hmmu_prefetches_cancel(mirror, NULL, true);
	if (!ret)
		ret = hmmu_flights_cancel(mirror, NULL, true);
	hmmu_mirror_leave(mirror);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_cancel);

/**
 * hmmu_mirror_check_current() - check whether this task may use the mirror
 * @mirror: the mirror
 *
 * For the ioctls of a device. A file is inherited by children and passed on to other
 * processes. They must not reach the memory of the process that opened it.
 *
 * Return: %0 in a task of the mirrored process, else %-EACCES: fail the ioctl with it.
 */
int hmmu_mirror_check_current(const struct hmmu_mirror *mirror)
{
	return current->mm == mirror->mm ? 0 : -EACCES;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_check_current);
