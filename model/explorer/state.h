/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Was this state seen before?
 *
 * The future of a run depends on the world, on what the subject and its threads have on
 * their stacks and in their memory, and on the static variables of the engine. Where all
 * these bytes are the same, and the same code goes on, the same future follows. So a state
 * is known by a hash of all of them, registers included, and a run may be cut at a state
 * from which another run has gone on. Which stack ran last is not part of it: at a point any
 * stack may go on. Bytes that no longer mean anything may differ; then a state is explored
 * twice, which costs time and nothing else.
 *
 * Two states may share a hash of 64 bits by accident: with ten million of them
 * the odds are about one in 370 thousand that any do.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hmm_unlocked.h>

/* A static variable of the model that belongs to a run, so checkpoints keep it. */
#define RUN_STATE	__attribute__((section("run_state")))

/* A stack begins at this address, growing down; it has nothing on it so far. */
void state_stack_begins(unsigned int stack, const void *frame);
void state_stack_is_empty(unsigned int stack);

/*
 * The one that runs ends at the frame of a function that has this. Its own variables
 * do not belong to a state, so they must be the same wherever the rest is; the
 * registers that it found do, it has to put them into its frame.
 */
#define state_stack_ends_here() do {				\
	__builtin_unwind_init();				\
	state_stack_ends(__builtin_frame_address(0));		\
} while (0)
void state_stack_ends(const void *frame);

/*
 * A call counts here, on the subject's stack, or no longer if NULL. Counters say what was,
 * not what will be. In place of them the difference to what the model has counted
 * itself belongs to a state: it is always the same, unless a call counts wrongly.
 */
void state_counters(const struct hmm_unlocked_counters *of_call);

/* What lies below the stack is left from calls that have returned: away with it. */
#define SCRUBBED	4096
void state_scrub(void);

uint64_t state_hash(void);

/* What the sanitizer knows of the word at @address, or NULL if there is no sanitizer. */
char *state_shadow(const void *address);
/* All bytes from @from to @to may be used. */
void state_unpoison(char *from, char *to);

/* What the engine keeps in static variables is remembered at first, and put back. */
void state_begins(void);
void state_statics_restore(void);

/* Adds it; returns true if it was there. */
bool states_seen(uint64_t hash);
size_t states_count(void);

#endif
