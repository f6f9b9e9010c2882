// SPDX-License-Identifier: GPL-2.0-only
/* Coroutines: the stacks of kernel threads, at the same addresses in each run. */
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include "contract/contract.h"
#include "explorer/run.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "explorer/state.h"

#define STACK_SIZE	(64 * 1024UL)

/* After those of the subject and of its threads. */
#define EXPLORER	MAX_STACKS

unsigned int running RUN_STATE;

static char stacks[MAX_STACKS][STACK_SIZE] __attribute__((aligned(64)));

/* How many stacks this run has had so far; none is used twice. */
static unsigned int made RUN_STATE;

/* What one is to run; part of no state, as its stack tells where it stands. */
static struct {
	int (*function)(void *);
	void *data;
	bool begun;
	char *here;
} threads[MAX_STACKS] RUN_STATE;

static void (*subject_run)(void);

/* Never put back: what is below may have been used in another run. */
static char *lowest[MAX_STACKS];

static unsigned int came_from;

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED	1
#endif
#endif

#ifdef SANITIZED
/* The sanitizer wants to know whose stack is left for which. */
static const void *explorers_bottom;
static size_t explorers_size;
#endif

static void stack_leaves(void **fake, unsigned int from, unsigned int to)
{
#ifdef SANITIZED
	if (to == EXPLORER)
		__sanitizer_start_switch_fiber(fake, explorers_bottom, explorers_size);
	else
		__sanitizer_start_switch_fiber(fake, stacks[to], STACK_SIZE);
#endif
	came_from = from;
}

static void has_come(void *fake)
{
#ifdef SANITIZED
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(fake, &bottom, &size);
	if (came_from == EXPLORER) {
		explorers_bottom = bottom;
		explorers_size = size;
	}
#endif
}

int stacks_add(int (*function)(void *), void *data)
{
	unsigned int i = made;

	if (made == MAX_STACKS)
		return -1;
	made++;
	threads[i].function = function;
	threads[i].data = data;
	threads[i].begun = false;
	state_stack_is_empty(i);
	return i;
}

unsigned int stacks_made(void)
{
	return made;
}

bool stacks_has_begun(unsigned int stack)
{
	return threads[stack].begun;
}

void stacks_reach(unsigned int stack, char *here)
{
	if (stack == EXPLORER)
		return;
	threads[stack].here = here;
	lowest[stack] = min(lowest[stack], here);
}

struct extent stacks_extent(unsigned int stack)
{
	return (struct extent){
		.here = threads[stack].here,
		.end = stacks[stack] + STACK_SIZE,
		.lowest = lowest[stack],
	};
}

bool stacks_several(void)
{
	for (unsigned int i = 1; i < made; i++)
		if (world.stack[i].life == LIVES)
			return true;
	return false;
}

/* Nothing is above this frame, and nothing is returned to from it. */
static void stack_begin(void)
{
	unsigned int i = running;

	has_come(NULL);
	state_stack_begins(i, __builtin_frame_address(0));
	if (i == SUBJECT) {
		subject_run();
		stacks_end_run();
	}
	tell(stack_name(i), "begins");
	threads[i].function(threads[i].data);
	tell(stack_name(i), "ends");
	contract_thread_ends();
	world.stack[i].life = ENDED;
	wait_until(NULL, false, "for nothing any more");
	give_up("a thread that has ended goes on");
}

/* What another run has left there is no part of this one. */
static void stack_clear(unsigned int stack)
{
	char *end = stacks[stack] + STACK_SIZE, *from;

	if (!lowest[stack])
		lowest[stack] = end;
	from = max(stacks[stack], lowest[stack] - SCRUBBED);
	ASAN_UNPOISON_MEMORY_REGION(from, end - from);
	memset(from, 0, end - from);
}

static void enter_stack(unsigned int from, unsigned int to)
{
	threads[to].begun = true;
	stack_clear(to);
	switch_to_new(from, stacks[to], STACK_SIZE, stack_begin);
}

void stacks_go_to(unsigned int to)
{
	unsigned int from = running;
	void *fake = NULL;

	stack_leaves(&fake, from, to);
	running = to;
	if (threads[to].begun)
		switch_stacks(from, to);
	else
		enter_stack(from, to);
	has_come(fake);
}

void stacks_run(void (*run)(void))
{
	void *fake = NULL;

	subject_run = run;
	made = 1;
	running = SUBJECT;
	stack_leaves(&fake, EXPLORER, SUBJECT);
	enter_stack(EXPLORER, SUBJECT);
	has_come(fake);
}

void stacks_end_run(void)
{
	stack_leaves(NULL, running, EXPLORER);
	switch_stacks(running, EXPLORER);
}

bool stacks_remember(void (*keep)(size_t depth), size_t depth)
{
	if (!switch_remember(running, keep, depth))
		return false;
	has_come(NULL);
	return true;
}

void stacks_resume(void)
{
	void *fake = NULL;

	stack_leaves(&fake, EXPLORER, running);
	switch_stacks(EXPLORER, running);
	has_come(fake);
}

const char *stack_name(unsigned int stack)
{
	static const char *const names[MAX_STACKS] = {
		"subject", "thread 1", "thread 2", "thread 3", "thread 4", "thread 5",
	};

	return names[stack];
}
