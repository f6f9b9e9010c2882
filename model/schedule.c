// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "contract.h"
#include "run.h"
#include "scenario.h"
#include "schedule.h"
#include "state.h"

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

static unsigned int enabled_actors(unsigned char *list)
{
	unsigned int n = 0;

	for (unsigned int actor = 0; actor < scenario.actors; actor++)
		if (actor_enabled(actor))
			list[n++] = actor;
	return n;
}

static void note_passed_over(const unsigned char *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (under_way(list[i])) {
			tally.passed_over++;
			return;
		}
}

static void nobody_left(bool killable, const char *what)
{
	if (!killable || world.killed)
		violated("deadlock: waits %s, and nobody is left to end that",
			 what);
	tell("world", "nobody is left who will act: the subject is killed");
	world.killed = true;
	contract_killed();
}

static bool goes_on(bool (*awake)(void), bool killable)
{
	return !awake || awake() || (killable && world.killed);
}

void wait_until(bool (*awake)(void), bool killable, const char *what)
{
	unsigned char list[MAX_ACTORS];
	unsigned int n, answer;
	bool can;

	contract_works();
	if (!goes_on(awake, killable))
		tell("subject", "waits %s", what);
	state_stack_ends_here();
	for (;;) {
		can = goes_on(awake, killable);
		n = enabled_actors(list);
		if (!can && !n) {
			nobody_left(killable, what);
			continue;
		}
		if (!n)
			return;
		answer = choose_here(n + can);
		if (can && !answer) {
			note_passed_over(list, n);
			return;
		}
		actor_step(list[answer - can]);
	}
}

void point(void)
{
	wait_until(NULL, true, "");
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
