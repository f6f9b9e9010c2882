/* SPDX-License-Identifier: GPL-2.0-only */
/* Background load: a thread on a CPU of its own that makes invalidations in a loop. */
#ifndef BENCH_LOAD_STORM_H
#define BENCH_LOAD_STORM_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct storm - a storm of invalidations
 * @at: first page, or NULL: memory of its own, far from all else
 * @pages: pages that are unmapped and mapped again in each round
 * @inside: the device has mapped the pages too: they are not unmapped, but made
 *	    read-only and writable again
 * @pause_us: pause between two rounds, in us
 * @rounds: number of rounds so far
 */
struct storm {
	char *at;
	size_t pages;
	bool inside;
	unsigned int pause_us;
	_Atomic unsigned long rounds;
	/* private */
	pthread_t thread;
	_Atomic bool stop;
};

/* Returns after the first round. */
void storm_begin(struct storm *storm);
void storm_end(struct storm *storm);

/*
 * Keep this thread, and threads that it starts, off the storm's CPU. Returns the CPUs
 * before, for cpus_restore().
 */
cpu_set_t storm_leave_cpu(void);

#endif
