/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that invalidate memory again and again until they are stopped. */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

struct storm {
	void (*invalidate)(struct storm *storm, unsigned long round);
	char *at;
	size_t pages;
	pthread_t thread;
	atomic_ulong rounds;
};

/* Returns once each storm has made two rounds. */
void storms_begin(struct storm *storms, size_t n);
void storms_end(struct storm *storms, size_t n);

/*
 * Takes the mmap lock for read, and holds it for long: there is a page table for each 2
 * MiB.
 */
void storm_discard(struct storm *storm, unsigned long round);

#endif
