/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark, hmmu-bench. What it measures is divided into parts, which main.c lists:
 *
 *   part_*.c		one part each: a function part_*() that measures and reports
 *   exact.c		present pages, counted to the instruction, for ./run gate
 *   load_*.c		threads in the background: invalidations, mmap() in a loop
 *   work.c		the same work done in several ways, and a table of the results
 *   testbed.c		the memory that a call collects, and what brings its pages
 *   ways.c		the ways that are compared, and parameters of the module
 *   report.c, table.c	what is printed, and the rows of CSV
 *
 * Principle: ways that are compared are measured in turn in one process, so that they
 * see the same machine. A time is that of the call alone, taken by the probe.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "probe.h"
#include "report.h"
#include "samples.h"

/**
 * struct bench - what each part is given
 * @probe: file of the open probe; -1 if no part that was chosen needs it
 * @runs: how often to measure
 */
struct bench {
	int probe;
	unsigned int runs;
};

void part_missing(const struct bench *bench);
void part_present(const struct bench *bench);
void part_sparse(const struct bench *bench);
void part_latency(const struct bench *bench);
void part_matrix(const struct bench *bench);
void part_memory(const struct bench *bench);
void part_source(const struct bench *bench);
void part_prefetch(const struct bench *bench);
void part_handlers(const struct bench *bench);
void part_scratch(const struct bench *bench);
void part_writer(const struct bench *bench);
void part_storm_present(const struct bench *bench);
void part_storm_missing(const struct bench *bench);
void part_crowd(const struct bench *bench);
void part_region(const struct bench *bench);
void part_device(const struct bench *bench);

/* For ./run gate: prints lines "KIND CALL INSTRUCTIONS-A-PAGE". */
void bench_exact(const struct bench *bench);

/* Make one call, which must succeed. */
struct hmmu_probe_run bench_call(const struct bench *bench,
				 enum hmmu_probe_call call, const void *at,
				 size_t pages, uint64_t request);

/* Make the call that @run describes, which must succeed. */
void bench_run(const struct bench *bench, struct hmmu_probe_run *run);

/* Write to every @step-th page. */
void bench_touch(void *at, size_t pages, size_t step);

#endif
