// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault threads: they work only while their call waits for them, and leave no trace.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"

/*
 * Threads work only while the subject waits for them, and it waits until none does.
 * What a thread brings is not known to it: it looks for itself.
 */
void contract_works_alone(void)
{
	if (running != SUBJECT) {
		if (!subject_stack()->watch.sets_to_work)
			violated("works on, and its call does not wait for it any more");
		return;
	}
	me()->watch.sets_to_work = false;
	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		if (world.stack[i].watch.at_work)
			violated("goes on, and %s is still at work for it",
				 stack_name(i));
}

/* A lock was taken that the subject takes to set threads to work, and they to get it. */
void contract_between_pages(void)
{
	struct watch *w = &me()->watch;

	model_assert_unlocked();
	if (running == SUBJECT) {
		w->sets_to_work = true;
		w->where = ELSEWHERE;
		w->undecided = 0;
		return;
	}
	*w = (struct watch){
		.tried = NOWHERE,
		.idle_page = NOWHERE,
		.starved_table = NOWHERE,
		.faults_after_kill = w->faults_after_kill,
		.reads_after_kill = w->reads_after_kill,
	};
}

/* The subject sleeps until its threads have left: no time is lost meanwhile. */
void contract_waits_for_threads(bool now)
{
	if (running == SUBJECT)
		me()->watch.where = now ? DROPPED : ELSEWHERE;
}

void contract_looks_for_signal(void)
{
	if (running != SUBJECT && me()->killed && !subject_stack()->killed &&
	    !world.flight.cancelled)
		violated("gives up for a signal that was meant to end its work for another call");
}

void contract_signals_flushed(void)
{
	struct watch *w = &me()->watch;

	w->faults_after_kill = w->reads_after_kill = 0;
	tally.work_after_kill[running] = 0;
}

void contract_thread_created(void)
{
	unsigned int n = 1;

	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		n += world.stack[i].life != NO_STACK && world.stack[i].life != ENDED;
	if (n > scenario.threads)
		violated("%u threads are created, %u are allowed", n, scenario.threads);
}

void contract_thread_ends(void)
{
	model_assert_unlocked();
	if (!me()->should_stop)
		violated("a thread ends that nobody has stopped");
	if (me()->watch.at_work)
		violated("a thread ends in the middle of its work");
}

void contract_unloaded(void)
{
	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		if (world.stack[i].life == CREATED || world.stack[i].life == LIVES)
			violated("the module is unloaded, and %s lives", stack_name(i));
	if (world.memory_kept)
		violated("the module is unloaded, and what was allocated for threads is not freed");
}
