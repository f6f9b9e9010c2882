/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checkpoints: a run goes on from a choice that it has made before.
 *
 * The explorer keeps one for each choice of the run under way. The next schedule differs
 * from the last one from some choice on, so it begins there and not at the start.
 *
 * A checkpoint holds every byte that a run changes and that its future depends on: the
 * world, what is counted, memory, the engine's static variables, the model's own
 * (RUN_STATE), and each stack with its registers. Of memory and stacks also what the
 * sanitizer knows: which bytes may be used. What is summed up over all runs stays as it
 * is: states seen, the totals of the module, the actions that were begun.
 */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Keeps where the run stands, as that of its choice number @depth; later ones are
 * forgotten. Returns false, and returns again after each checkpoint_resume(): true.
 */
bool checkpoint_keep(size_t depth);

/* On the explorer's stack: the run goes on from there. Returns when it has ended. */
void checkpoint_resume(size_t depth);

#endif
