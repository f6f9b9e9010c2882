// SPDX-License-Identifier: GPL-2.0-only
/*
 * A second thread that puts pages in place.
 *
 * It brings one slot while the session brings another: has it fetched, looks what it is,
 * puts it in place. Meanwhile neither changes anything but its own slot's buffer; what has
 * come of it the session writes down afterwards. It waits for the helper before it does
 * anything else: no copy is under way while messages are read, so none is late for an
 * event.
 *
 * There is none before it is wanted, and none on one processor.
 */
#include <sched.h>
#include <signal.h>

#include "session.h"

static void *help(void *arg)
{
	struct helper *helper = arg;

	for (;;) {
		while (sem_wait(&helper->work))
			;
		if (!helper->runs)
			return NULL;
		runs_do(helper->runs);
		sem_post(&helper->done);
	}
}

static bool have_processors(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) > 1;
}

/* Signals are for the program's own threads. */
static bool start(struct helper *helper)
{
	sigset_t all, before;

	if (!have_processors())
		return false;
	sem_init(&helper->work, 0, 0);
	sem_init(&helper->done, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	helper->there = !pthread_create(&helper->thread, NULL, help, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return helper->there;
}

unsigned int helper_slots(const struct helper *helper)
{
	return tried_second(&helper->tried) ? 2 : 1;
}

bool helper_begin(struct helper *helper, struct runs *runs)
{
	if (!helper->there && !start(helper)) {
		tried_no_second(&helper->tried);
		return false;
	}
	helper->runs = runs;
	sem_post(&helper->work);
	return true;
}

void helper_wait(struct helper *helper)
{
	while (sem_wait(&helper->done))
		;
}

void helper_end(struct helper *helper)
{
	if (!helper->there)
		return;
	helper->runs = NULL;
	sem_post(&helper->work);
	pthread_join(helper->thread, NULL);
	sem_destroy(&helper->work);
	sem_destroy(&helper->done);
}
