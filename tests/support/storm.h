/* SPDX-License-Identifier: GPL-2.0-only */
/* Somebody who invalidates until he is stopped. */
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

/* Returns when each of them has gone round twice. */
void storms_begin(struct storm *storms, size_t n);
void storms_end(struct storm *storms, size_t n);

/* Under the mmap lock held for read, and long: there is a table for each 2 MiB. */
void storm_discard(struct storm *storm, unsigned long round);

#endif
