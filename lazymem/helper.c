// SPDX-License-Identifier: GPL-2.0-only
/*
 * A second thread that puts in place what nobody waits for.
 *
 * The session leaves slots to it, a job each, and brings others meanwhile. Of two jobs one
 * is under way while the next lies ready, so that it need not wait for the session; that
 * one can be taken back. A job changes nothing but the buffer that it is in and itself; what
 * has come of it the session writes down when it collects it, in the order of giving.
 *
 * Nothing that a job reads may change meanwhile. So whoever reads messages, or changes
 * anything but what other slots have done, has the session wait first (slots_quiesce()).
 *
 * There is no thread before there is a job, and none on one processor.
 */
#include <sched.h>
#include <signal.h>

#include "session.h"

static void *helper_main(void *arg)
{
	struct helper *helper = arg;
	struct runs *runs;

	for (;;) {
		while (sem_wait(&helper->work))
			;
		if (helper->ending)
			return NULL;
		runs = atomic_exchange(&helper->next, NULL);
		if (!runs)
			continue;
		runs_do(runs, &helper->bounce);
		sem_post(&helper->done);
	}
}

static bool helper_has_processor(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) > 1;
}

/* Signals are for the program's own threads. */
static bool helper_start_thread(struct helper *helper)
{
	sigset_t all, before;

	sem_init(&helper->work, 0, 0);
	sem_init(&helper->done, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	helper->there = !pthread_create(&helper->thread, NULL, helper_main, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return helper->there;
}

static bool helper_start(struct helper *helper, const struct lazymem *session)
{
	if (helper->there || helper->never)
		return helper->there;
	helper->never = !helper_has_processor() ||
			(session->bounce.at &&
			 bounce_make(&helper->bounce, session->bounce.size)) ||
			!helper_start_thread(helper);
	return helper->there;
}

bool helper_give(struct helper *helper, struct slot *slot)
{
	unsigned int free = (helper->first + helper->given) % HELPER_JOBS;
	struct runs *job = &helper->jobs[free];

	if (helper->given == HELPER_JOBS || atomic_load(&helper->next) ||
	    !helper_start(helper, slot->session))
		return false;
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
	helper->given--;
	return job->slot;
}

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

struct runs *helper_wait(struct helper *helper)
{
	if (!helper->given)
		return NULL;
	while (sem_wait(&helper->done))
		;
	return helper_collect(helper);
}

void helper_end(struct helper *helper)
{
	if (helper->there) {
		helper->ending = true;
		sem_post(&helper->work);
		pthread_join(helper->thread, NULL);
		sem_destroy(&helper->work);
		sem_destroy(&helper->done);
	}
	bounce_free(&helper->bounce);
}
