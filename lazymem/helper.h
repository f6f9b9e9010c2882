/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second thread that puts in place what no fault waits for.
 *
 * The session's thread gives it slots, a job each, and brings others meanwhile. It has at
 * most two jobs: one under way, and one ready, so that it does not wait for the session
 * between jobs. The ready one can be taken back.
 *
 * A job does runs_do(): it writes to nothing but the job itself and the buffers that the
 * slot's content is in. The session's thread collects jobs in the order of giving, and
 * writes down what came of them (runs_end()). What a job reads must not change meanwhile:
 * slots_quiesce() comes before messages are read and before anything is changed but what
 * other slots have done.
 *
 * The thread is started with the first job, and never on a single processor.
 */
#ifndef LAZYMEM_HELPER_H
#define LAZYMEM_HELPER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bounce.h"
#include "runs.h"

#define HELPER_JOBS	2

/**
 * struct helper - a session's helper
 * @thread: valid if @running
 * @work: posted for each job that is given, and once for the end
 * @done: posted for each job that is done
 * @next: the job that is not begun, or NULL. Both threads take it by exchanging it for
 *	  NULL: whichever gets the pointer has the job
 * @ending: set before the last @work
 * @bounce: the helper's own; made by the session's thread before the helper starts
 * @jobs: a ring
 * @first: the oldest job that is not collected; session's thread only
 * @given: how many jobs the helper has; session's thread only
 * @running: the thread was started
 * @never: it cannot or should not be started
 */
struct helper {
	pthread_t thread;
	sem_t work, done;
	_Atomic(struct runs *) next;
	_Atomic bool ending;
	struct bounce bounce;
	struct runs jobs[HELPER_JOBS];
	unsigned int first, given;
	bool running, never;
};

/* Returns false if it has enough to do, or if there is no helper. */
bool helper_give(struct helper *helper, struct slot *slot);
/* Take back the slot that is not begun. NULL: each job is begun. */
struct slot *helper_take_back(struct helper *helper);
/* The oldest job, for runs_end(). helper_done() returns NULL if it is not done yet. */
struct runs *helper_done(struct helper *helper);
/* helper_wait() waits for it, and returns NULL only if the helper has no job. */
struct runs *helper_wait(struct helper *helper);
/* Stop the thread. No job may be under way. */
void helper_end(struct helper *helper);

#endif
