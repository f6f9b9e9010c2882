/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same work done in several ways, alternately, and a table of what came of it: a row
 * for each way, which is also a line of CSV.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "bench.h"
#include "testbed.h"
#include "ways.h"

enum count { ENTRIES, FAULTS, DROPS, RESTARTS, THREADS, IN_FLIGHT, COUNTS };

/* Of one way: a value for each run, and counts of each call. */
struct figures {
	struct samples value;
	struct samples counts[COUNTS];
};

/**
 * struct work - what is done in several ways
 * @part: the benchmark's name
 * @title: what is done, for people
 * @place: the memory; @place.pages are collected
 * @touch: before the call every @touch-th page is there; 0: none
 * @keep: the memory stays for all calls, for it stays the same
 * @request: what is asked of each page
 * @ways: WITH() each that is to be measured
 * @times: how many calls make one value, their median, so that short ones mean something
 */
struct work {
	const char *part;
	const char *title;
	struct testbed testbed;
	size_t touch;
	bool keep;
	uint64_t request;
	unsigned int ways;
	unsigned int times;
};

/*
 * Do it and print the table: values are microseconds a page. The figures are valid until
 * the next time. Returns NULL if there is no such place here, which has been told.
 */
const struct figures *work_compare(const struct bench *bench,
				   const struct work *work);

/* Call @times calls of @pages, for values made of about the same number of pages. */
static inline unsigned int work_times(size_t pages, size_t pages_a_value)
{
	return pages < pages_a_value ? pages_a_value / pages : 1;
}

/* How many times as fast as @slow @fast is; 0 if one was not measured. */
double figures_speedup(const struct figures *fast, const struct figures *slow);

/* Of STEADY_WAYS: ours. */
const struct figures *figures_of_ours(const struct figures *figures);

/* What one call has counted. */
void figures_count(struct figures *figures, const struct hmmu_probe_run *run);
void figures_clear(struct figures figures[WAYS]);

#endif
