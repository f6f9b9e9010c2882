/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choices, and who makes them.
 *
 * Whatever may go one way or another asks choose(). The same program so becomes
 * an exhaustive search (the explorer answers), a repetition (a list of answers
 * made before), a random walk, or a target of a fuzzer.
 *
 * A point is a place in the model, and so between two steps of the subject,
 * where actors may act. There is one before whatever reads or changes something
 * that an actor may change or read. There is none elsewhere (looking up a VMA
 * with the lock held, cond_resched()): whoever acts there may as well act at the
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

/* Actors may act. */
void point(void);

/*
 * The subject waits. Actors act until @awake() holds, and maybe for longer. When
 * nobody is left who could act, a killable wait is ended by a kill; any other
 * is a deadlock. @what ends the sentence "waits ...".
 */
void wait_until(bool (*awake)(void), bool killable, const char *what);

/* The run ends here: the contract does not hold. */
void violated(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* A line of the story, if one is told: who did what. */
void tell(const char *who, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
extern bool telling;

#endif
