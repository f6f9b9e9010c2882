/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run, and the searches made of many.
 *
 * The explorer goes through all schedules, depth first: the run that has ended is put
 * back to its last choice that has an answer left (checkpoint.h), takes that answer, and
 * goes on with first answers. It is cut where it comes to a state that was seen
 * before.
 *
 * A run that comes back to a state of its own, no matter how often it goes
 * round, stays there for ever. That is a violation, unless an actor in the middle
 * of an action, or another stack, could have gone on meanwhile: nobody is kept waiting
 * for ever on a real machine, so such a run is just cut. With one stack going round
 * takes first answers alone, for any other uses something up (an action's step, a
 * trouble) that does not come back; so there is one way round only, and what is cut is
 * that way. Stacks that go round by turns are cut and not found.
 */
#ifndef MODEL_RUN_H
#define MODEL_RUN_H

#include "explorer/schedule.h"
#include "kernel/world.h"

enum verdict { PASSED, CUT, VIOLATED, CRASHED };

/**
 * struct outcome - what came of a search, in memory shared with its parent
 * @verdict: of the run that ended the search
 * @why: what was violated
 * @taken: the choices of the last run
 * @runs: how many
 * @begun: the actions that each actor has begun in any of them, as bits
 * @states: how many different ones were seen
 */
struct outcome {
	enum verdict verdict;
	char why[512];
	struct schedule taken;
	unsigned long runs;
	uint8_t begun[MAX_ACTORS];
	unsigned long states;
};

extern struct outcome *outcome;

/*
 * All schedules, each from its first new choice or, to check checkpoints, @from_start;
 * those of one list; random ones; one made of bytes.
 */
void run_all(bool from_start);
void run_list(const struct schedule *list);
void run_dice(uint64_t seed, unsigned int runs);
void run_bytes(const uint8_t *bytes, size_t n);

/* The run leads nowhere new. */
void cut(void) __attribute__((noreturn));

/* The search cannot go on; this is no verdict on the subject. */
void give_up(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* choose(), for a function that has called state_stack_ends_here(). */
unsigned int choose_here(unsigned int n);

/* schedule.c */
void schedule_run_out(void);

#endif
