/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks: the subject's, and one for each kernel thread that it makes.
 *
 * They are coroutines: one runs (`running`), the others stand at a point or have not
 * begun. At a point it is chosen who goes on (schedule.c), so nothing else has to be
 * kept from being interrupted.
 *
 * All lie at the same addresses in each run, and are empty when they begin, so that a
 * state can be told by what stands on them (state.h). The explorer's is the program's. A
 * run that ends leaves all stacks where they stand; nothing on them is ever returned to,
 * unless a checkpoint puts it back.
 */
#ifndef MODEL_STACKS_H
#define MODEL_STACKS_H

#include <stdbool.h>
#include <stddef.h>

/* On the explorer's stack: @run begins, as the subject. Returns when a run has ended. */
void stacks_run(void (*run)(void));
/* The same: goes on where stacks_remember() was called, which returns true. */
void stacks_resume(void);
/* On any other: the run has ended. Does not return. */
void stacks_end_run(void);

/* Calls @keep with @depth and returns false: what is kept by then can be resumed. */
bool stacks_remember(void (*keep)(size_t depth), size_t depth);

/* Returns the number of a stack on which @function runs once it lives, or -1. */
int stacks_add(int (*function)(void *), void *data);

/* That one goes on. Returns when somebody has this one go on. */
void stacks_go_to(unsigned int to);

/* Does any thread live? */
bool stacks_several(void);
/* How many stacks there were in this run, the subject's included. */
unsigned int stacks_made(void);
bool stacks_has_begun(unsigned int stack);

/**
 * struct extent - of a stack that has begun
 * @here: where what stands on it ends
 * @end: where it begins
 * @lowest: how far it has ever come down, in any run
 */
struct extent {
	char *here, *end, *lowest;
};
struct extent stacks_extent(unsigned int stack);

/* A stack is left, and nothing on it lies below @here. */
void stacks_reach(unsigned int stack, char *here);

const char *stack_name(unsigned int stack);

/* switch.c, which no sanitizer sees: the processor goes from one to the other. */
void switch_stacks(unsigned int from, unsigned int to);
void switch_to_new(unsigned int from, void *stack, unsigned long size,
		   void (*begin)(void));
bool switch_remember(unsigned int here, void (*keep)(size_t), size_t depth);

#endif
