// SPDX-License-Identifier: GPL-2.0-only
/* The second thread of a session, and the ring of its jobs; see helper.h. */
#include <signal.h>

#include "session.h"

/* sem_wait() fails only when a signal interrupts it. */
static void *helper_main(void *arg)
{
	struct helper *helper = arg;
	struct runs *runs;

	for (;;) {
		while (sem_wait(&helper->work))
			;
		if (helper->ending)
			return NULL;
		/* The session may have taken it back after posting. */
		runs = atomic_exchange(&helper->next, NULL);
		if (!runs)
			continue;
		runs_do(runs, &helper->bounce);
		sem_post(&helper->done);
	}
}

/* All signals are blocked in it: they are for the program's own threads. */
static bool helper_start_thread(struct helper *helper)
{
	sigset_t all, before;

	sem_init(&helper->work, 0, 0);
	sem_init(&helper->done, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	helper->running = !pthread_create(&helper->thread, NULL, helper_main, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return helper->running;
}

/*
 * Tried once; on one processor two threads only switch to and fro. The helper needs a bounce
 * buffer if the session has one.
 */
static bool helper_start(struct helper *helper, const struct lazymem *session)
{
	if (helper->running || helper->never)
		return helper->running;
	helper->never = session->processors < 2 ||
			(session->slots.bounce.at &&
			 bounce_make(&helper->bounce, session->slots.bounce.size)) ||
			!helper_start_thread(helper);
	return helper->running;
}

bool helper_give(struct helper *helper, struct slot *slot)
{
	unsigned int free = (helper->first + helper->given) % HELPER_JOBS;
	struct runs *job = &helper->jobs[free];

	if (helper->given == HELPER_JOBS || atomic_load(&helper->next) ||
	    !helper_start(helper, slot->session))
		return false;
	/* The job is complete before the helper can see it. */
	*job = (struct runs) { .slot = slot };
	helper->given++;
	atomic_store(&helper->next, job);
	sem_post(&helper->work);
	return true;
}

struct slot *helper_take_back(struct helper *helper)
{
	struct runs *job = atomic_exchange(&helper->next, NULL);

	if (!job)
		return NULL;
	/* It was the last that was given. */
	helper->given--;
	return job->slot;
}

/* In the order of giving: the helper does them in that order. */
static struct runs *helper_collect(struct helper *helper)
{
	struct runs *job = &helper->jobs[helper->first];

	helper->first = (helper->first + 1) % HELPER_JOBS;
	helper->given--;
	return job;
}

struct runs *helper_done(struct helper *helper)
{
	return helper->given && !sem_trywait(&helper->done) ? helper_collect(helper) : NULL;
}

/* sem_wait() is tried again after a signal. */
struct runs *helper_wait(struct helper *helper)
{
	if (!helper->given)
		return NULL;
	while (sem_wait(&helper->done))
		;
	return helper_collect(helper);
}

/* The thread ends at the next post, since ->ending is set before. */
void helper_end(struct helper *helper)
{
	if (helper->running) {
		helper->ending = true;
		sem_post(&helper->work);
		pthread_join(helper->thread, NULL);
		sem_destroy(&helper->work);
		sem_destroy(&helper->done);
	}
	bounce_free(&helper->bounce);
}
