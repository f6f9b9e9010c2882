// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mirror from register to unregister, and what the kernel tells it meanwhile.
 */
#include <linux/export.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

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
 * The last user of the mm is gone, or the mirror. No flight collects any more; the last
 * user may have been one, and this be called at its end.
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

/* Reclaim invalidates: teach lockdep so before it happens. */
static void mirror_prime_lockdep(struct hmmu_mirror *mirror)
{
	if (!IS_ENABLED(CONFIG_LOCKDEP))
		return;
	fs_reclaim_acquire(GFP_KERNEL);
	spin_lock(&mirror->state->lock);
	spin_unlock(&mirror->state->lock);
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
 * @mirror: to be filled in; stays where it is until hmmu_mirror_unregister() returns
 * @config: what it is to be; not needed afterwards
 *
 * No reference on the memory is held meanwhile: the process may end, and then
 * @config->ops->unmap is called for the whole mirror.
 *
 * Each mirror of a process is told of all its invalidations: a driver with many
 * ranges of one process is better off with one mirror over them all.
 *
 * Context: Process context of the process to be mirrored, mmap lock not held. Sleeps;
 * takes every lock of the address space, so it takes the longer the more mappings
 * there are.
 *
 * Return:
 * * %0	      - registered
 * * %-EINVAL - the range is unaligned or empty, or an op is missing
 * * %-ENOMEM - no memory
 * * %-EINTR  - a signal is pending
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
	kfree(state);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_register);

/**
 * hmmu_mirror_unregister() - end a mirror
 * @mirror: one that was registered
 *
 * Whatever is under way ends with %-ECANCELED, whatever it waits for, and what is
 * asked from now on ends so at once. Then @ops->unmap is called for the whole mirror,
 * if it was not when the process ended; where the two meet, by both. Afterwards no op
 * is called any more.
 *
 * What waits for a userfaultfd is ended. A prefetch is ended in any wait that SIGKILL
 * ends, a populate of another task in none but that, unless several of its faults wait: it
 * waits there until the wait is over, or the task killed, and this waits for it. Nothing
 * ends a wait for a FUSE server that has taken a request and does not answer, other than
 * the server.
 *
 * Context: Process context, any process. No locks held, not in an op or a done().
 * Sleeps.
 */
void hmmu_mirror_unregister(struct hmmu_mirror *mirror)
{
	spin_lock(&mirror->state->lock);
	mirror->state->closing = true;
	spin_unlock(&mirror->state->lock);

	hmmu_prefetches_cancel(mirror, NULL, false);
	hmmu_flights_cancel(mirror, NULL, false);
	hmmu_prefetches_exit(mirror);
	mmu_notifier_unregister(&mirror->state->notifier, mirror->mm);
	hmmu_mirror_stats_remove(mirror);
	kfree(mirror->state);
}
EXPORT_SYMBOL_GPL(hmmu_mirror_unregister);

/**
 * hmmu_mirror_cancel() - end all that is under way
 * @mirror: the mirror
 *
 * Populates, snapshots and prefetches that have begun end with %-ECANCELED; those
 * that begin meanwhile go on.
 *
 * Context: Process context, any process. No locks held, not in an op or a done().
 * Sleeps until all have ended; killable.
 * Return: %0, or %-EINTR: killed before; they end all the same.
 */
int hmmu_mirror_cancel(struct hmmu_mirror *mirror)
{
	int ret = hmmu_prefetches_cancel(mirror, NULL, true);

	return ret ?: hmmu_flights_cancel(mirror, NULL, true);
}
EXPORT_SYMBOL_GPL(hmmu_mirror_cancel);

/**
 * hmmu_mirror_check_current() - may this task use the mirror?
 * @mirror: the mirror
 *
 * For the ioctls of a device: a file is inherited by children and passed on to
 * others, who must not reach into the memory of the process that opened it.
 *
 * Return: %0 in a task of the mirrored process, else %-EACCES.
 */
int hmmu_mirror_check_current(const struct hmmu_mirror *mirror)
{
	return current->mm == mirror->mm ? 0 : -EACCES;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_check_current);
