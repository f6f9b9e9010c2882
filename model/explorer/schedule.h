/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choices, and who makes them.
 *
 * Whatever may go one way or another asks choose(). The same program so becomes
 * an exhaustive search (the explorer answers), a repetition (a list of answers
 * made before), a random walk, or a target of a fuzzer.
 *
 * A point is a place in the model, and so between two steps of the subject, or of a
 * thread, where actors and other threads may act. There is one before whatever reads
 * or changes something that they may change or read. There is none elsewhere (looking up a VMA
 * with the lock held, cond_resched()): an actor that acts there may as well act at the
 * next point, nobody can tell the difference.
 */
#ifndef MODEL_SCHEDULE_H
#define MODEL_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_CHOICES	4096

/* Answers, from 0. Shared by the processes of one exploration. */
struct schedule {
	size_t length;
	uint8_t answer[MAX_CHOICES];
};

/* One of @n ways to go on, from 0. Does not return if the run is cut here. */
unsigned int choose(unsigned int n);

/* Others may act. */
void point(void);

/*
 * The same, before something that is nothing to anybody but those who do @what. Where
 * there are threads only actors may act here, if they ever do that: threads don't, and
 * may as well go on before or after it. If nobody ever does, it is no point at all.
 */
enum deeds {
	WRITE_LOCKS	= 0x1,	/* take the mmap lock for write */
	INVALIDATES	= 0x2,	/* move the sequence */
	KILLS		= 0x4,	/* kill or cancel the subject */
	REAPS		= 0x8,	/* mark the mm */
	PASSES_TIME	= 0x20,
	REPLACES	= 0x10,	/* have a later fault invalidate */
};

void point_unless_quiet(enum deeds what);

/*
 * The same, if there are threads: where what is done next is nothing to actors. Also
 * under a spinlock: then nobody may.
 */
void point_of_threads(void);

/*
 * The one that runs waits. Others act until @awake() holds, and maybe for longer. When
 * nobody is left who could act, a killable wait of the subject is ended by a kill; any
 * other is a deadlock. @what ends the sentence "waits ...".
 */
struct stack;
void wait_until(bool (*awake)(const struct stack *stack), bool killable,
		const char *what);

/* A stack that has not run so far. */
void schedule_adds(unsigned int stack);

/* The run ends here: the contract does not hold. */
void violated(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* A line of the story, if one is told: who did what. */
void tell(const char *who, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
extern bool telling;

#endif
