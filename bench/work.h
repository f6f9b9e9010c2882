/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same work done in several ways, in turn, and a table of the results: a row for each
 * way, which is also a row of CSV.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "bench.h"
#include "testbed.h"
#include "ways.h"

enum count { ENTRIES, FAULTS, DROPS, RESTARTS, THREADS, IN_FLIGHT, COUNTS };

/* The results of one way: a value for each run, and the counts of each call. */
struct figures {
	struct samples value;
	struct samples counts[COUNTS];
};

/**
 * struct work - what is done in several ways
 * @part: name of the part
 * @title: description for people
 * @testbed: the memory; all its pages are collected
 * @touch: every @touch-th page is present before the call; 0: no page
 * @keep: one testbed serves all calls, because a call does not change it
 * @request: the request for each page
 * @ways: the ways to measure, of WITH()
 * @times: number of calls whose median makes one value, so that short calls are exact
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
 * Do the work and print the table; values are microseconds a page. Returns the figures of
 * all ways, valid until the next call; or NULL, with a line in the report, if the testbed
 * is impossible in this guest.
 */
const struct figures *work_compare(const struct bench *bench,
				   const struct work *work);

/* Calls of @pages pages that make a value of about @pages_a_value pages. */
static inline unsigned int work_times(size_t pages, size_t pages_a_value)
{
	return pages < pages_a_value ? pages_a_value / pages : 1;
}

/* Returns how many times as fast @fast is as @slow; 0 if one was not measured. */
double figures_speedup(const struct figures *fast, const struct figures *slow);

/*
 * Report whether RESTART takes as long as mainline's call, which it stands for on kernels
 * without. Reports nothing if one of them was not measured.
 */
void figures_report_mainline(const struct figures *figures);

/* The figures of the engine among those of STEADY_WAYS. */
const struct figures *figures_of_ours(const struct figures *figures);

/* Add the counters of one call. */
void figures_count(struct figures *figures, const struct hmmu_probe_run *run);
void figures_clear(struct figures figures[WAYS]);

#endif
