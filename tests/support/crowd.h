/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page server by hand that lets faults gather before it answers.
 *
 * Those that have gathered are answered, all at once, when none came for some
 * milliseconds, until as many as wanted wait at a time: the engine begins with one, and
 * may have more in flight only once that has turned out to be faster.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <stddef.h>

#include "area.h"

#define CROWD_MAX	64

/**
 * struct crowd - the server, and who waits for it
 * @uffd: where it reads from
 * @base: address of page 0
 * @pages: how many there are
 * @wanted: how many of them are to be brought in all
 * @waiting: the pages for which somebody waits
 * @nr: how many these are
 * @most: how many they have been
 * @answered: how many pages it has brought
 */
struct crowd {
	int uffd;
	char *base;
	size_t pages;
	size_t wanted;
	size_t waiting[CROWD_MAX];
	size_t nr;
	size_t most;
	size_t answered;
};

/* The server of @area, of which nothing is there yet. */
struct crowd crowd_new(const struct area *area);

/* Answer until @n wait, and leave them waiting, or until all were brought. */
void crowd_gather(struct crowd *crowd, size_t n);

/* Bring all those for which somebody waits: content_fill() of SERIES, by page. */
void crowd_answer(struct crowd *crowd);

#endif
