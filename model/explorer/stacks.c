// SPDX-License-Identifier: GPL-2.0-only
/* Coroutines: the stacks of kernel threads, at the same addresses in each run. */
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include "contract/contract.h"
#include "explorer/run.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "explorer/state.h"

#define STACK_SIZE	(32 * 1024UL)

unsigned int running;

static char stacks[MAX_STACKS - 1][STACK_SIZE] __attribute__((aligned(64)));

/* How many stacks this run has had so far; none is used twice. */
static unsigned int made;

/* What a thread is to run; part of no state, as its stack tells where it stands. */
static struct {
	int (*function)(void *);
	void *data;
	bool begun;
} threads[MAX_STACKS];

/* The sanitizer wants to know whose stack is left for which. */
static const void *bottom[MAX_STACKS];
static size_t size[MAX_STACKS];
static unsigned int came_from;

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED	1
#endif
#endif

static void stack_leaves(void **fake, unsigned int to)
{
#ifdef SANITIZED
	__sanitizer_start_switch_fiber(fake, bottom[to], size[to]);
#endif
	came_from = running;
	running = to;
}

static void has_come(void *fake)
{
#ifdef SANITIZED
	__sanitizer_finish_switch_fiber(fake, &bottom[came_from], &size[came_from]);
#endif
}

void stacks_begin(void)
{
	running = SUBJECT;
	made = 1;
}

int stacks_add(int (*function)(void *), void *data)
{
	unsigned int i = made;
	char *stack;

	if (made == MAX_STACKS)
		return -1;
	made++;
	stack = stacks[i - 1];
	ASAN_UNPOISON_MEMORY_REGION(stack, STACK_SIZE);
	memset(stack, 0, STACK_SIZE);
	bottom[i] = stack;
	size[i] = STACK_SIZE;
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
	tell(stack_name(i), "begins");
	threads[i].function(threads[i].data);
	tell(stack_name(i), "ends");
	contract_thread_ends();
	world.stack[i].life = ENDED;
	wait_until(NULL, false, "for nothing any more");
	give_up("a thread that has ended goes on");
}

void stacks_go_to(unsigned int to)
{
	unsigned int from = running;
	void *fake = NULL;

	stack_leaves(&fake, to);
	if (to == SUBJECT || threads[to].begun) {
		switch_stacks(from, to);
	} else {
		threads[to].begun = true;
		switch_to_new(from, stacks[to - 1], STACK_SIZE, stack_begin);
	}
	has_come(fake);
	if (from == SUBJECT)
		run_ends_if_due();
}

const char *stack_name(unsigned int stack)
{
	static const char *const names[MAX_STACKS] = {
		"subject", "thread 1", "thread 2", "thread 3", "thread 4", "thread 5",
	};

	return names[stack];
}
