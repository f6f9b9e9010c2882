// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mmap lock: what is forgotten when it is released, and who may sleep for it.
 */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"

/* What hmmu_call_yield() may do to let a writer pass. */
#define SLEEPS_MAX	8

/* The lock is released or asked for: until it is held and looked at, time is undecided. */
void contract_lets_go(void)
{
	me()->watch.where = RELOCKING;
}

void contract_waits_for_lock(void)
{
	contract_works_alone();
	me()->watch.where = RELOCKING;
	me()->watch.at_work = running != SUBJECT;
}

void contract_saw_contention(bool contended)
{
	me()->watch.contended = contended;
	if (!contended && !lock_is_held())
		me()->watch.slept = true;
}

void contract_sleeps(void)
{
	struct watch *w = &me()->watch;

	if (!w->contended && !w->hindered)
		violated("sleeps, and nobody is in its way");
	w->slept = true;
	w->contended = w->hindered = false;
	w->idle_awake = 0;
	if (++w->sleeps > SLEEPS_MAX)
		violated("sleeps %u times, and does not come back for the lock",
			 w->sleeps);
}

void contract_locked(void)
{
	struct watch *w = &me()->watch;

	w->marked = world.reaped;
	w->moved = running != SUBJECT &&
		   (scenario.subject->plain ? world.flight.reason :
					      sequence_moved());
	/* A reader that comes right back takes the lock from a woken writer. */
	if (w->slept)
		w->starved_table = NOWHERE;
}

/* The subject looks at the sequence: was the wait for the lock in vain? */
void contract_looked(bool moved)
{
	struct watch *w = &me()->watch;

	if (w->where != RELOCKING)
		return;
	w->where = ELSEWHERE;
	if (moved)
		w->lost += w->undecided;
	else
		w->excused += w->undecided;
	w->undecided = 0;
}

/* What was read may not be so any more, and a writer had its chance. */
void contract_unlocked(void)
{
	struct watch *w = &me()->watch;

	memset(w->read, UNREAD, sizeof(w->read));
	if (running == SUBJECT)
		contract_lock_is_gone();
	w->idle_holding = 0;
	w->killed = me()->killed;
	w->slept = false;
	w->sleeps = 0;
}
