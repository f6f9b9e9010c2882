// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run of a scenario, and the orders in which runs follow each other.
 *
 * A run begins from a copy of the world, takes its answers to choose() from the explorer,
 * a list, dice or a fuzzer's bytes, and ends by a return, a cut or a violation. The last
 * two jump off the subject's stack, whatever stands on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sanitizer/asan_interface.h>

#include "contract/contract.h"
#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/stacks.h"
#include "explorer/state.h"
#include "fault/call.h"

struct outcome *outcome;

static jmp_buf run_ends;

/* Where answers come from, and how far the run has come in giving them. */
static struct {
	enum { EXPLORER, LIST, DICE, BYTES } from;
	size_t depth;
	struct schedule list;
	uint64_t dice;
	const uint8_t *bytes;
	size_t n_bytes;
} answers;

/*
 * The explorer's: for each choice of the run the ways there were, the state, and
 * how often somebody had been passed over by then.
 */
static uint8_t ways[MAX_CHOICES];
static uint64_t state[MAX_CHOICES];
static unsigned int passed_over[MAX_CHOICES];

/* A thread cannot jump off the subject's stack: it has the subject do that. */
static enum verdict due;

static void __attribute__((noreturn)) end_run(enum verdict verdict)
{
	due = verdict;
	if (running != SUBJECT)
		stacks_go_to(SUBJECT);
	longjmp(run_ends, verdict);
}

void run_ends_if_due(void)
{
	if (due != PASSED)
		longjmp(run_ends, due);
}

void cut(void)
{
	end_run(CUT);
}

void violated(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(outcome->why, sizeof(outcome->why), fmt, args);
	va_end(args);
	end_run(VIOLATED);
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
	cut();
}

static unsigned int explore_choice(unsigned int n)
{
	uint64_t hash = state_hash();

	if (states_seen(hash))
		cut_cycle(hash);
	state[answers.depth] = hash;
	passed_over[answers.depth] = tally.passed_over;
	ways[answers.depth] = n;
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
	state_stack_ends_here();
	return choose_here(n);
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
	stacks_begin();
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

static enum verdict __attribute__((noinline)) run_once(void)
{
	switch (setjmp(run_ends)) {
	case CUT:
		return CUT;
	case VIOLATED:
		return VIOLATED;
	}
	answers.depth = 0;
	outcome->taken.length = 0;
	outcome->runs++;
	due = PASSED;
	state_stack_begins(SUBJECT, __builtin_frame_address(0));
	begin_world();
	scenario.subject->run();
	if (stacks_made() > 1)
		end_threads();
	schedule_run_out();
	return PASSED;
}

/* The next schedule in order; false if that was the last one. */
static bool next_schedule(void)
{
	const struct schedule *taken = &outcome->taken;
	size_t depth = taken->length;

	while (depth && taken->answer[depth - 1] + 1 == ways[depth - 1])
		depth--;
	if (!depth)
		return false;
	answers.list = *taken;
	answers.list.length = depth;
	answers.list.answer[depth - 1]++;
	return true;
}

void run_all(void)
{
	enum verdict verdict;

	answers.from = EXPLORER;
	answers.list.length = 0;
	do
		verdict = run_once();
	while (verdict != VIOLATED && next_schedule());
	outcome->verdict = verdict;
	outcome->states = states_count();
}

void run_list(const struct schedule *list)
{
	answers.from = LIST;
	answers.list = *list;
	outcome->verdict = run_once();
}

void run_dice(uint64_t seed, unsigned int runs)
{
	answers.from = DICE;
	answers.dice = seed;
	do
		outcome->verdict = run_once();
	while (outcome->verdict != VIOLATED && --runs);
}

void run_bytes(const uint8_t *bytes, size_t n)
{
	answers.from = BYTES;
	answers.bytes = bytes;
	answers.n_bytes = n;
	outcome->verdict = run_once();
}
