/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page server by hand that lets faults gather before it answers.
 *
 * It answers all waiting faults at once when no other fault came for some milliseconds,
 * until the wanted number waits at the same time: the engine begins with one fault in
 * flight, and allows more only once that has turned out to be faster.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <stddef.h>

#include "area.h"

#define CROWD_MAX	64

/**
 * struct crowd - the server, and the faults that wait
 * @uffd: where it reads from
 * @base: address of page 0
 * @pages: how many there are
 * @wanted: how many of them it has to bring in all
 * @waiting: the pages with a waiting fault
 * @nr: how many faults wait
 * @most: the highest @nr so far
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

/* A server of @area, no page of which is present. */
struct crowd crowd_new(const struct area *area);

/*
 * Answer until @n faults wait, and leave these waiting, or until all pages were
 * brought.
 */
void crowd_gather(struct crowd *crowd, size_t n);

/* Bring each page with a waiting fault: content_fill() of SERIES, by page. */
void crowd_answer(struct crowd *crowd);

#endif
