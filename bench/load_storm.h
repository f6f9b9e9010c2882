/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread on a CPU of its own that makes invalidations. */
#ifndef BENCH_LOAD_STORM_H
#define BENCH_LOAD_STORM_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct storm - one
 * @at: where, or NULL: elsewhere in the process's memory, far from all else
 * @pages: unmapped and mapped a round
 * @inside: the memory is the device's too: in place of being unmapped it has its
 *	    protection changed, to read-only and back
 * @pause_us: between two rounds
 * @rounds: how many there were
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

/* Keep this thread, and those it starts, off the storm's CPU; cpus_restore() ends that. */
cpu_set_t storm_leave_cpu(void);

#endif
