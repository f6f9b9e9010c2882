// SPDX-License-Identifier: GPL-2.0-only
/*
 * Points and waits: which stack or actor does the next step.
 *
 * Order of answers: the stack that runs goes on, then other stacks, then actors. So first
 * answers leave the world alone, and a story gets shorter with each answer that is 0.
 */
#include <stdarg.h>
#include <stdio.h>

#include "contract/contract.h"
#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "explorer/state.h"

struct world world;
struct tally tally;
bool telling;

static unsigned int lines;

void tell(const char *who, const char *fmt, ...)
{
	va_list args;

	if (!telling)
		return;
	printf("%4u  %-12s ", ++lines, who);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	/* A sanitizer may end the program at the next step. */
	fflush(stdout);
}

/* Actors in the middle of an action get their turn in the end, see run.h. */
static bool under_way(unsigned int actor)
{
	return world.actors[actor].step || world.lock.waiting >> actor & 1;
}

/* What each stack stands at; told by what is on the stack. */
static struct {
	bool (*awake)(const struct stack *stack);
	bool killable;
	const char *what;
} waits[MAX_STACKS] RUN_STATE;

void schedule_adds(unsigned int stack)
{
	waits[stack].awake = NULL;
}

static bool goes_on(unsigned int stack)
{
	const struct stack *s = &world.stack[stack];

	return s->life == LIVES &&
	       (!waits[stack].awake || waits[stack].awake(s) ||
		(waits[stack].killable && s->killed));
}

/* Who may do the next step: the one that runs, other stacks, actors. */
struct ways {
	unsigned char who[MAX_STACKS + MAX_ACTORS];
	unsigned int n;
	unsigned int stacks;
};

static void find_ways(struct ways *ways, bool actors_only)
{
	ways->n = 0;
	if (goes_on(running)) {
		ways->who[ways->n++] = running;
		actors_only |= scenario.switches && !world.switches_left;
	}
	for (unsigned int i = 0; i < stacks_made() && !actors_only; i++)
		if (i != running && goes_on(i))
			ways->who[ways->n++] = i;
	ways->stacks = ways->n;
	for (unsigned int actor = 0; actor < scenario.actors; actor++)
		if (actor_enabled(actor) && (!world.returned || under_way(actor)))
			ways->who[ways->n++] = actor;
}

/* A stack goes on: who else could have? */
static void note_passed_over(const struct ways *ways, unsigned int chosen)
{
	bool passed_over = false;

	/* Also those of whom it was not the turn. */
	for (unsigned int i = 0; i < stacks_made(); i++)
		passed_over |= i != chosen && goes_on(i);
	for (unsigned int i = ways->stacks; i < ways->n; i++)
		passed_over |= under_way(ways->who[i]);
	tally.passed_over += passed_over;
}

static bool any_at_work(void)
{
	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		if (world.stack[i].watch.at_work)
			return true;
	return false;
}

/* A wait that a kill ends, and that ought to have ended before. */
static void check_wait(void)
{
	if (!waits_for_threads())
		return;
	if (!any_at_work())
		violated("a wake-up is lost: waits for its threads, and none is at work");
	if (flight_is_listed() && world.flight.cancelled)
		violated("is cancelled, and waits for its threads until it is killed");
}

static void nobody_left(void)
{
	check_wait();
	if (!waits[SUBJECT].killable || subject_stack()->killed)
		violated("deadlock: waits %s, and nobody is left to end that",
			 waits[SUBJECT].what);
	tell("world", "nobody is left who will act: the subject is killed");
	subject_stack()->killed = true;
	contract_killed();
}

/* Where it matters who has been interrupted, it matters whose turn it is. */
static void go_to(unsigned int stack)
{
	if (scenario.switches) {
		world.switches_left -= goes_on(running);
		world.turn = stack;
	}
	stacks_go_to(stack);
}

static void wait_for(bool (*awake)(const struct stack *stack), bool killable,
		     const char *what, bool actors_only)
{
	struct ways ways;
	unsigned int answer;

	contract_works();
	waits[running].awake = awake;
	waits[running].killable = killable;
	waits[running].what = what;
	if (!goes_on(running) && me()->life == LIVES)
		tell(stack_name(running), "waits %s", what);
	for (;;) {
		state_stack_ends_here();
		find_ways(&ways, actors_only);
		if (!ways.n) {
			nobody_left();
			continue;
		}
		answer = choose_here(ways.n);
		if (answer < ways.stacks)
			break;
		actor_step(ways.who[answer]);
		state_scrub();
	}
	note_passed_over(&ways, ways.who[answer]);
	if (ways.who[answer] != running)
		go_to(ways.who[answer]);
	state_scrub();
}

void wait_until(bool (*awake)(const struct stack *stack), bool killable,
		const char *what)
{
	wait_for(awake, killable, what, false);
}

void point(void)
{
	wait_for(NULL, true, "", false);
}

/* Who is killed in the end kills threads. */
static bool is_to_be_expected(enum deeds what)
{
	return scenario.deeds & what ||
	       (what == KILLS && subject_stack()->killed);
}

/*
 * A thread is sent a signal under a spinlock, by the subject. It looks for one more
 * than once between two points; one that was sent in between is found at the next, but
 * for the first time after it had the spinlock itself.
 */
static bool may_have_been_kicked(void)
{
	bool may = me()->had_spinlock;

	me()->had_spinlock = false;
	return may;
}

void point_unless_quiet(enum deeds what)
{
	bool expected = is_to_be_expected(what);

	if (!stacks_several() || (expected && what & scenario.threads_deeds))
		point();
	else if (expected && what == KILLS && running != SUBJECT &&
		 may_have_been_kicked())
		point();
	else if (expected && (what != KILLS || running == SUBJECT))
		wait_for(NULL, true, "", true);
	else
		contract_works();
}

void point_of_threads(void)
{
	if (stacks_several() && !world.spinlocks)
		point();
}

/* The subject has returned; what was begun is finished. */
void schedule_run_out(void)
{
	unsigned int actor = 0;

	while (actor < scenario.actors) {
		if (under_way(actor) && actor_enabled(actor)) {
			actor_step(actor);
			actor = 0;
		} else {
			actor++;
		}
	}
}
