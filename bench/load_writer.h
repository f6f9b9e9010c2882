/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Background load: a thread that maps the same page in a loop and keeps how long each
 * mmap() took. Each mmap() takes the mmap lock for write once. The page is outside of
 * every range that is collected, so no range is invalidated.
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

/* One mmap(): clock_ns() before and after. */
struct write {
	uint64_t begun, ended;
};

struct writer {
	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned int n;
	struct write writes[WRITES_MAX];
};

/* Returns when the thread has made its first writes. */
void writer_start(struct writer *writer);
void writer_stop(struct writer *writer);

/*
 * Adds the longest and the median time, in us, of the writes that were in progress at
 * any time between @begun and @ended. Returns the number of these writes.
 */
unsigned int writer_waits(const struct writer *writer, uint64_t begun, uint64_t ended,
			  struct samples *longest, struct samples *median);

#endif
