// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prefetches: populates that no task waits for.
 *
 * Each mirror has one thread, which runs prefetches one after the other. The first
 * prefetch creates it. It is a kernel thread that takes SIGKILL, because that signal ends
 * each killable wait in a fault. hmmu_flights_cancel() sends it. A signal that came too
 * late for its flight is discarded before the next one.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "mirror.h"

/**
 * hmmu_prefetches_init() - no prefetch, and no thread
 * @mirror: the mirror
 */
void hmmu_prefetches_init(struct hmmu_mirror *mirror)
{
	INIT_LIST_HEAD(&mirror->state->prefetches);
	init_waitqueue_head(&mirror->state->prefetch_wait);
}

static struct hmmu_prefetch *prefetch_begin_next(struct hmmu_mirror *mirror)
{
	struct hmmu_prefetch *next;

	spin_lock(&mirror->lock);
	next = list_first_entry_or_null(&mirror->state->prefetches,
					struct hmmu_prefetch, list);
	if (next) {
		list_del(&next->list);
		mirror->state->prefetching = next;
	}
	spin_unlock(&mirror->lock);
	return next;
}

/*
 * The driver may free the struct in done(). So nothing writes to it once
 * prefetch_ending is set; tasks may still wait for the end of the prefetch.
 */
static void prefetch_end(struct hmmu_mirror *mirror,
			 struct hmmu_prefetch *prefetch, int ret)
{
	spin_lock(&mirror->lock);
	mirror->state->prefetch_ending = true;
	spin_unlock(&mirror->lock);
	flush_signals(current);

	prefetch->done(prefetch, ret);

	spin_lock(&mirror->lock);
	mirror->state->prefetching = NULL;
	mirror->state->prefetch_ending = false;
	mirror->state->prefetches_ended++;
	spin_unlock(&mirror->lock);
	wake_up_all(&mirror->state->changed);
}

static int prefetch_thread(void *data)
{
	struct hmmu_mirror *mirror = data;
	struct hmmu_prefetch *next;

	allow_kernel_signal(SIGKILL);
	while (!kthread_should_stop()) {
		wait_event_idle(mirror->state->prefetch_wait, kthread_should_stop() ||
				!list_empty_careful(&mirror->state->prefetches));
		next = prefetch_begin_next(mirror);
		if (!next)
			continue;
		prefetch_end(mirror, next, hmmu_request_run(mirror, &next->request, next));
	}
	return 0;
}

static int prefetch_need_thread(struct hmmu_mirror *mirror)
{
	struct task_struct *thread;
	bool ours;

	if (READ_ONCE(mirror->state->prefetcher))
		return 0;
	thread = kthread_create(prefetch_thread, mirror, "hmmu-prefetch");
	if (IS_ERR(thread))
		return PTR_ERR(thread);

	spin_lock(&mirror->lock);
	ours = !mirror->state->prefetcher && !mirror->closing;
	if (ours) {
		WRITE_ONCE(mirror->state->prefetcher, thread);
		wake_up_process(thread);
	}
	spin_unlock(&mirror->lock);

	if (!ours)
		kthread_stop(thread);
	return 0;
}

/**
 * hmmu_mirror_prefetch() - map memory in the device later, without waiting for it
 * @mirror: the mirror
 * @prefetch: the request, and done(); the driver must not touch it until done() is called
 *
 * Prefetches of a mirror run one after the other, in the order of the calls.
 *
 * Context: Process context, no locks held. Sleeps for memory only.
 * Return:
 * * %0		 - @prefetch->done will be called, once
 * * %-EINVAL	 - as hmmu_mirror_populate(); done() is not called, nor for those below
 * * %-ECANCELED - the mirror is being unregistered, or has been
 * * %-ENOMEM	 - no memory for the thread; the memory can still be populated
 * * %-EINTR	 - fatal signal while the thread was created
 */
int hmmu_mirror_prefetch(struct hmmu_mirror *mirror,
			 struct hmmu_prefetch *prefetch)
{
	int ret;

	if (!hmmu_request_is_sane(mirror, &prefetch->request))
		return -EINVAL;
	if (READ_ONCE(mirror->closing) || !hmmu_mirror_enter(mirror))
		return -ECANCELED;
	ret = prefetch_need_thread(mirror);
	if (ret)
		goto out_leave;

	prefetch->cancelled = false;
	spin_lock(&mirror->lock);
	if (mirror->closing) {
		ret = -ECANCELED;
	} else {
		list_add_tail(&prefetch->list, &mirror->state->prefetches);
		hmmu_mirror_count(mirror, HMMU_MIRROR_PREFETCHES, 1);
	}
	spin_unlock(&mirror->lock);
	wake_up(&mirror->state->prefetch_wait);
out_leave:
	hmmu_mirror_leave(mirror);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_prefetch);

/* Prefetches that have not begun: the task that cancels them calls done(). */
static void prefetches_cancel_waiting(struct hmmu_mirror *mirror,
				      const struct hmmu_prefetch *one)
{
	struct hmmu_prefetch *prefetch, *next;
	LIST_HEAD(cancelled);

	spin_lock(&mirror->lock);
	list_for_each_entry_safe(prefetch, next, &mirror->state->prefetches, list)
		if (!one || prefetch == one)
			list_move_tail(&prefetch->list, &cancelled);
	WRITE_ONCE(mirror->state->cancelling, mirror->state->cancelling + 1);
	spin_unlock(&mirror->lock);

	list_for_each_entry_safe(prefetch, next, &cancelled, list)
		prefetch->done(prefetch, -ECANCELED);

	spin_lock(&mirror->lock);
	WRITE_ONCE(mirror->state->cancelling, mirror->state->cancelling - 1);
	wake_up_all(&mirror->state->changed);
	spin_unlock(&mirror->lock);
}

static bool prefetches_ended_since(struct hmmu_mirror *mirror, u64 ended)
{
	bool yes;

	spin_lock(&mirror->lock);
	yes = mirror->state->prefetches_ended != ended;
	spin_unlock(&mirror->lock);
	return yes;
}

#define wait_maybe_killable(queue, condition, killable) ({		\
	int ret_ = 0;							\
									\
	if (killable)							\
		ret_ = wait_event_killable(queue, condition);		\
	else								\
		wait_event(queue, condition);				\
	ret_ ? -EINTR : 0; })

/* The prefetch may have begun without being a flight: just before it, or just after. */
static const struct hmmu_prefetch *
prefetches_cancel_running(struct hmmu_mirror *mirror, const struct hmmu_prefetch *one,
			  u64 *ended)
{
	struct hmmu_prefetch *running;

	spin_lock(&mirror->lock);
	running = mirror->state->prefetching;
	if (one && running != one)
		running = NULL;
	if (running && !mirror->state->prefetch_ending)
		running->cancelled = true;
	*ended = mirror->state->prefetches_ended;
	spin_unlock(&mirror->lock);
	return running;
}

/**
 * hmmu_prefetches_cancel() - end prefetches, and wait until they have ended
 * @mirror: the mirror
 * @one: end this one; its address is only compared, so it may have ended. NULL: end all
 * @killable: stop waiting at a fatal signal
 *
 * Context: Process context, no locks held. Sleeps. Not from a done().
 * Return: %0, or %-EINTR: a fatal signal came first; they still end.
 */
int hmmu_prefetches_cancel(struct hmmu_mirror *mirror,
			   const struct hmmu_prefetch *one, bool killable)
{
	const struct hmmu_prefetch *running;
	u64 ended;
	int ret;

	prefetches_cancel_waiting(mirror, one);
	/* Another task may be cancelling the same prefetch, off the list already. */
	ret = wait_maybe_killable(mirror->state->changed,
				  !READ_ONCE(mirror->state->cancelling), killable);
	if (ret)
		return ret;

	running = prefetches_cancel_running(mirror, one, &ended);
	if (!running)
		return 0;
	ret = hmmu_flights_cancel(mirror, running, killable);
	if (ret)
		return ret;
	return wait_maybe_killable(mirror->state->changed, prefetches_ended_since(mirror, ended),
				   killable);
}

/**
 * hmmu_mirror_cancel_prefetch() - end one prefetch
 * @mirror: the mirror
 * @prefetch: the prefetch; it may have ended, and its memory may be free. But no other
 *	      prefetch may be at that address: it would be cancelled instead
 *
 * Context: Process context, no locks held. Sleeps until done() has returned; killable. Not
 * to be called from a done().
 * Return: %0, or %-EINTR: a fatal signal came first; the prefetch still ends.
 */
int hmmu_mirror_cancel_prefetch(struct hmmu_mirror *mirror,
				struct hmmu_prefetch *prefetch)
{
	int ret;

	if (!hmmu_mirror_enter(mirror))
		return 0;
	ret = hmmu_prefetches_cancel(mirror, prefetch, true);
	hmmu_mirror_leave(mirror);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_cancel_prefetch);

/**
 * hmmu_prefetches_exit() - stop the thread
 * @mirror: it is closing, and all its prefetches have ended
 */
void hmmu_prefetches_exit(struct hmmu_mirror *mirror)
{
	if (mirror->state->prefetcher)
		kthread_stop(mirror->state->prefetcher);
}
