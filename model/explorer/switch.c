// SPDX-License-Identifier: GPL-2.0-only
/*
 * From one stack to another. Compiled without sanitizers, as they take a jump for the
 * end of all frames that are jumped over; stacks.c tells them what really happens.
 *
 * The compiler's own setjmp() saves no more than where to go on: a function that calls
 * it gives its caller all registers back by itself. Hence it must not be inlined, and
 * its counterpart has to be called from another one.
 */
#include <ucontext.h>

#include "explorer/stacks.h"
#include "explorer/state.h"
#include "kernel/world.h"

/* Those of the stacks, and the explorer's. */
static void *places[MAX_STACKS + 1][5] RUN_STATE;

/* What the frame of a function that leaves a place takes below its address. */
#define FRAME_MAX	256

static void __attribute__((noinline, noreturn)) jump(unsigned int to)
{
	__builtin_longjmp(places[to], 1);
}

void __attribute__((noinline)) switch_stacks(unsigned int from, unsigned int to)
{
	stacks_reach(from, (char *)__builtin_frame_address(0) - FRAME_MAX);
	if (!__builtin_setjmp(places[from]))
		jump(to);
}

bool __attribute__((noinline)) switch_remember(unsigned int here, void (*keep)(size_t),
					       size_t depth)
{
	stacks_reach(here, (char *)__builtin_frame_address(0) - FRAME_MAX);
	if (__builtin_setjmp(places[here]))
		return true;
	keep(depth);
	return false;
}

/* Each begins with the same registers, for they will stand on its stack. */
static ucontext_t registers;
static bool known;

static void __attribute__((noinline, noreturn))
enter(void *stack, unsigned long size, void (*begin)(void))
{
	ucontext_t context;

	if (!known)
		getcontext(&registers);
	known = true;
	context = registers;
	context.uc_stack.ss_sp = stack;
	context.uc_stack.ss_size = size;
	context.uc_link = NULL;
	makecontext(&context, begin, 0);
	setcontext(&context);
	__builtin_trap();
}

void __attribute__((noinline)) switch_to_new(unsigned int from, void *stack,
					     unsigned long size, void (*begin)(void))
{
	stacks_reach(from, (char *)__builtin_frame_address(0) - FRAME_MAX);
	if (!__builtin_setjmp(places[from]))
		enter(stack, size, begin);
}
