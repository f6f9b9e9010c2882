// SPDX-License-Identifier: GPL-2.0-only
/*
 * Populates that nobody waits for.
 *
 * One thread a mirror runs them one after the other; it is there from the first
 * prefetch on. It is a kernel thread that takes SIGKILL, for that ends each killable
 * wait in a fault: hmmu_flights_cancel() sends it. A signal that came too late for its
 * flight is thrown away before the next.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "mirror.h"

/**
 * hmmu_prefetches_init() - nothing to do yet
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

	spin_lock(&mirror->state->lock);
	next = list_first_entry_or_null(&mirror->state->prefetches,
					struct hmmu_prefetch, list);
	if (next) {
		list_del(&next->list);
		mirror->state->prefetching = next;
	}
	spin_unlock(&mirror->state->lock);
	return next;
}

/*
 * The struct may be gone once done() is called: from then on it may still be waited
 * for, but nobody writes to it.
 */
static void prefetch_end(struct hmmu_mirror *mirror, struct hmmu_prefetch *prefetch,
		int ret)
{
	spin_lock(&mirror->state->lock);
	mirror->state->prefetch_ending = true;
	spin_unlock(&mirror->state->lock);
	flush_signals(current);

	prefetch->done(prefetch, ret);

	spin_lock(&mirror->state->lock);
	mirror->state->prefetching = NULL;
	mirror->state->prefetch_ending = false;
	mirror->state->prefetches_ended++;
	spin_unlock(&mirror->state->lock);
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

	spin_lock(&mirror->state->lock);
	ours = !mirror->state->prefetcher && !mirror->state->closing;
	if (ours) {
		WRITE_ONCE(mirror->state->prefetcher, thread);
		wake_up_process(thread);
	}
	spin_unlock(&mirror->state->lock);

	if (!ours)
		kthread_stop(thread);
	return 0;
}

/**
 * hmmu_mirror_prefetch() - have memory mapped in the device some time
 * @mirror: the mirror
 * @prefetch: what, and whom to tell; not touched by the driver until
 *	      @prefetch->done is called
 *
 * Prefetches of a mirror are run one after the other, in the order given.
 *
 * Context: Process context, no locks held. Sleeps for memory only.
 * Return:
 * * %0		 - @prefetch->done will be called
 * * %-EINVAL	 - as hmmu_mirror_populate()
 * * %-ECANCELED - the mirror is being unregistered
 * * %-ENOMEM	 - no memory for a thread
 * * %-EINTR	 - fatal signal while it was made
 */
int hmmu_mirror_prefetch(struct hmmu_mirror *mirror,
			 struct hmmu_prefetch *prefetch)
{
	int ret;

	if (!hmmu_request_is_sane(mirror, &prefetch->request))
		return -EINVAL;
	ret = prefetch_need_thread(mirror);
	if (ret)
		return ret;

	prefetch->cancelled = false;
	spin_lock(&mirror->state->lock);
	if (mirror->state->closing) {
		ret = -ECANCELED;
	} else {
		list_add_tail(&prefetch->list, &mirror->state->prefetches);
		hmmu_mirror_count(mirror, HMMU_MIRROR_PREFETCHES, 1);
	}
	spin_unlock(&mirror->state->lock);
	wake_up(&mirror->state->prefetch_wait);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmu_mirror_prefetch);

/* Those that wait for their turn are told at once, by whoever cancels them. */
static void prefetches_cancel_waiting(struct hmmu_mirror *mirror,
			   const struct hmmu_prefetch *one)
{
	struct hmmu_prefetch *prefetch, *next;
	LIST_HEAD(cancelled);

	spin_lock(&mirror->state->lock);
	list_for_each_entry_safe(prefetch, next, &mirror->state->prefetches, list)
		if (!one || prefetch == one)
			list_move_tail(&prefetch->list, &cancelled);
	WRITE_ONCE(mirror->state->cancelling, mirror->state->cancelling + 1);
	spin_unlock(&mirror->state->lock);

	list_for_each_entry_safe(prefetch, next, &cancelled, list)
		prefetch->done(prefetch, -ECANCELED);

	spin_lock(&mirror->state->lock);
	WRITE_ONCE(mirror->state->cancelling, mirror->state->cancelling - 1);
	wake_up_all(&mirror->state->changed);
	spin_unlock(&mirror->state->lock);
}

static bool prefetches_ended_since(struct hmmu_mirror *mirror, u64 ended)
{
	bool yes;

	spin_lock(&mirror->state->lock);
	yes = mirror->state->prefetches_ended != ended;
	spin_unlock(&mirror->state->lock);
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

/* It may be under way without a flight: just before it, or just after. */
static const struct hmmu_prefetch *
prefetches_cancel_running(struct hmmu_mirror *mirror, const struct hmmu_prefetch *one,
	       u64 *ended)
{
	struct hmmu_prefetch *running;

	spin_lock(&mirror->state->lock);
	running = mirror->state->prefetching;
	if (one && running != one)
		running = NULL;
	if (running && !mirror->state->prefetch_ending)
		running->cancelled = true;
	*ended = mirror->state->prefetches_ended;
	spin_unlock(&mirror->state->lock);
	return running;
}

/**
 * hmmu_prefetches_cancel() - end prefetches, and wait until they have
 * @mirror: the mirror
 * @one: this one, if it is still there; it need not be, and is only compared. NULL:
 *	 all
 * @killable: stop waiting at a fatal signal
 *
 * Context: Process context, no locks held. Sleeps. Not from a done().
 * Return: %0, or %-EINTR: they end all the same.
 */
int hmmu_prefetches_cancel(struct hmmu_mirror *mirror,
			   const struct hmmu_prefetch *one, bool killable)
{
	const struct hmmu_prefetch *running;
	u64 ended;
	int ret;

	prefetches_cancel_waiting(mirror, one);
	/* Another call of this may have taken what is to be cancelled here. */
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
 * @prefetch: which; it may have ended already. Its memory may be free by then, but not
 *	      be that of another prefetch, which would be taken for it
 *
 * Context: Process context, no locks held. Sleeps until its done() has been called;
 * killable. Not to be called from a done().
 * Return: %0, or %-EINTR: killed before; it ends all the same.
 */
int hmmu_mirror_cancel_prefetch(struct hmmu_mirror *mirror,
				struct hmmu_prefetch *prefetch)
{
	return hmmu_prefetches_cancel(mirror, prefetch, true);
}
EXPORT_SYMBOL_GPL(hmmu_mirror_cancel_prefetch);

/**
 * hmmu_prefetches_exit() - no thread any more
 * @mirror: one that is closing, and whose prefetches are cancelled
 */
void hmmu_prefetches_exit(struct hmmu_mirror *mirror)
{
	if (mirror->state->prefetcher)
		kthread_stop(mirror->state->prefetcher);
}
