/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that maps the same page over and over, which takes the mmap lock for write
 * once and is outside of every range, so that nothing is invalidated; and how long each
 * mmap() took.
 */
#ifndef BENCH_LOAD_WRITER_H
#define BENCH_LOAD_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "samples.h"

#define WRITES_MAX	100000
#define WRITER_PAUSE_US	500

/* An mmap(), in ns. */
struct write {
	uint64_t begun, ended;
};

struct writer {
	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned int n;
	struct write writes[WRITES_MAX];
};

/* Returns when it is at work. */
void writer_start(struct writer *writer);
void writer_stop(struct writer *writer);

/*
 * Adds the longest and the median wait, in us, of all that were under way at any time
 * between @begun and @ended. Returns how many these were.
 */
unsigned int writer_waits(const struct writer *writer, uint64_t begun, uint64_t ended,
			  struct samples *longest, struct samples *median);

#endif
