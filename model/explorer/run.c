// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run of a scenario, and the orders in which runs follow each other.
 *
 * A run begins from a copy of the world, takes its answers to choose() from the explorer,
 * a list, dice or a fuzzer's bytes, and ends by a return, a cut or a violation: by then its
 * stacks are left as they are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sanitizer/asan_interface.h>

#include "contract/contract.h"
#include "explorer/checkpoint.h"
#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/stacks.h"
#include "explorer/state.h"
#include "fault/call.h"

struct outcome *outcome;

/* Where answers come from, and how far the run has come in giving them. */
static struct {
	enum { EXPLORER, LIST, DICE, BYTES } from;
	size_t depth;
	struct schedule list;
	uint64_t dice;
	const uint8_t *bytes;
	size_t n_bytes;
	uint8_t resumed;
	bool from_start;
} answers;

/*
 * The explorer's: for each choice of the run the ways there were, the state, and
 * how often somebody had been passed over by then.
 */
static uint8_t ways[MAX_CHOICES];
static uint64_t state[MAX_CHOICES];
static unsigned int passed_over[MAX_CHOICES];

/* What came of the run that has ended. */
static enum verdict verdict;

/*
 * It does not return, but must not say so: before a call of what does not return the
 * sanitizer makes a system call.
 */
static void end_run(enum verdict of_run)
{
	verdict = of_run;
	stacks_end_run();
}

void cut(void)
{
	end_run(CUT);
	__builtin_trap();
}

void violated(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(outcome->why, sizeof(outcome->why), fmt, args);
	va_end(args);
	end_run(VIOLATED);
	__builtin_trap();
}

void give_up(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(outcome->why, sizeof(outcome->why), fmt, args);
	va_end(args);
	exit(2);
}

/* Does the run go round, back to what it was at an earlier choice? */
static void cut_cycle(uint64_t hash)
{
	size_t depth = answers.depth;

	while (depth--)
		if (state[depth] == hash) {
			if (passed_over[depth] == tally.passed_over)
				violated("goes round for ever: back at choice %zu, and nobody else could have done anything",
					 depth);
			break;
		}
	end_run(CUT);
}

static unsigned int explore_choice(unsigned int n)
{
	uint64_t hash = state_hash();

	if (states_seen(hash))
		cut_cycle(hash);
	state[answers.depth] = hash;
	passed_over[answers.depth] = tally.passed_over;
	ways[answers.depth] = n;
	if (!answers.from_start && checkpoint_keep(answers.depth))
		return answers.resumed;
	return 0;
}

/* splitmix64, by Steele, Lea and Flood. */
static uint64_t dice_roll(void)
{
	uint64_t z = answers.dice += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The first answer, to leave the world alone, as often as not. */
static unsigned int roll_dice(unsigned int n)
{
	return dice_roll() & 1 ? dice_roll() % n : 0;
}

static unsigned int choice_answer(unsigned int n)
{
	size_t depth = answers.depth;

	switch (answers.from) {
	case DICE:
		return roll_dice(n);
	case BYTES:
		return depth < answers.n_bytes ? answers.bytes[depth] % n : 0;
	case LIST:
		return depth < answers.list.length &&
		       answers.list.answer[depth] < n ?
		       answers.list.answer[depth] : 0;
	case EXPLORER:
		break;
	}
	return depth < answers.list.length ? answers.list.answer[depth] :
					     explore_choice(n);
}

unsigned int choose(unsigned int n)
{
	unsigned int chosen;

	state_stack_ends_here();
	chosen = choose_here(n);
	state_scrub();
	return chosen;
}

unsigned int choose_here(unsigned int n)
{
	unsigned int chosen;

	if (n < 2)
		return 0;
	if (answers.depth == MAX_CHOICES)
		give_up("a run of more than %d choices", MAX_CHOICES);
	chosen = choice_answer(n);
	outcome->taken.answer[answers.depth] = chosen;
	outcome->taken.length = ++answers.depth;
	return chosen;
}

static void begin_world(void)
{
	scenario_begin();
	tally = (struct tally){};
	memory_reset();
	areas_forget_all();
	state_statics_restore();
	scenario_set_parameters();
}

#define DEAD_STACK	(16 * 1024)

/*
 * The subject has returned, and what it had on its stack must not be used any
 * more; what is to be done yet is done on a stack that begins below that.
 */
static void __attribute__((noinline)) unload(void)
{
	state_stack_begins(SUBJECT, __builtin_frame_address(0));
	world.returned = true;
	tell("subject", "unloads the module");
	hmmu_crew_exit();
	contract_unloaded();
}

static void __attribute__((noinline)) end_threads(void)
{
	char dead[DEAD_STACK];

	ASAN_POISON_MEMORY_REGION(dead, sizeof(dead));
	unload();
	ASAN_UNPOISON_MEMORY_REGION(dead, sizeof(dead));
}

/* On the subject's stack. */
static void run_whole(void)
{
	begin_world();
	scenario.subject->run();
	if (stacks_made() > 1)
		end_threads();
	schedule_run_out();
	verdict = PASSED;
}

static void run_once(void)
{
	answers.depth = 0;
	outcome->taken.length = 0;
	outcome->runs++;
	stacks_run(run_whole);
}

/* The last choice with an answer left is given the next one; false if there is none. */
static bool next_schedule(void)
{
	struct schedule *taken = &outcome->taken;
	size_t depth = taken->length;

	while (depth && taken->answer[depth - 1] + 1 == ways[depth - 1])
		depth--;
	if (!depth)
		return false;
	taken->length = depth;
	taken->answer[depth - 1]++;
	return true;
}

static void run_next(void)
{
	const struct schedule *taken = &outcome->taken;

	if (answers.from_start) {
		answers.list = *taken;
		run_once();
		return;
	}
	outcome->runs++;
	answers.depth = taken->length - 1;
	answers.resumed = taken->answer[answers.depth];
	checkpoint_resume(answers.depth);
}

void run_all(bool from_start)
{
	answers.from = EXPLORER;
	answers.from_start = from_start;
	answers.list.length = 0;
	run_once();
	while (verdict != VIOLATED && next_schedule())
		run_next();
	outcome->verdict = verdict;
	outcome->states = states_count();
}

void run_list(const struct schedule *list)
{
	answers.from = LIST;
	answers.list = *list;
	run_once();
	outcome->verdict = verdict;
}

void run_dice(uint64_t seed, unsigned int runs)
{
	answers.from = DICE;
	answers.dice = seed;
	do
		run_once();
	while (verdict != VIOLATED && --runs);
	outcome->verdict = verdict;
}

void run_bytes(const uint8_t *bytes, size_t n)
{
	answers.from = BYTES;
	answers.bytes = bytes;
	answers.n_bytes = n;
	run_once();
	outcome->verdict = verdict;
}
