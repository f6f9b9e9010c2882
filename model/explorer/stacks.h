/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks: the subject's, and one for each kernel thread that it makes.
 *
 * They are coroutines: one runs (`running`), the others stand at a point or have not
 * begun. At a point it is chosen who goes on (schedule.c), so nothing else has to be
 * kept from being interrupted.
 *
 * The subject's stack is the program's. Those of threads lie at the same addresses in
 * each run, and are empty when a thread begins, so that a state can be told by what
 * stands on them (state.h). A run that is cut leaves threads where they stand; nothing
 * on their stacks is ever returned to.
 */
#ifndef MODEL_STACKS_H
#define MODEL_STACKS_H

#include <stdbool.h>

/* A run begins: there are no threads. */
void stacks_begin(void);

/* Returns the number of a stack on which @function runs once it lives, or -1. */
int stacks_add(int (*function)(void *), void *data);

/* That one goes on. Returns when somebody has this one go on. */
void stacks_go_to(unsigned int to);

/* Does any thread live? */
bool stacks_several(void);
/* How many stacks there were in this run, the subject's included. */
unsigned int stacks_made(void);

const char *stack_name(unsigned int stack);

/* switch.c, which no sanitizer sees: the processor goes from one to the other. */
void switch_stacks(unsigned int from, unsigned int to);
void switch_to_new(unsigned int from, void *stack, unsigned long size,
		   void (*begin)(void));

#endif
