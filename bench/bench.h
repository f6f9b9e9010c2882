/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmarks. Each is a file with one function that measures and reports.
 *
 * What is compared is run alternately in one process, so that both see the same
 * machine. Times are those that the probe takes around the call alone.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "probe.h"
#include "report.h"
#include "samples.h"

/**
 * struct bench - what a benchmark is given
 * @probe: the device, open
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
void part_scratch(const struct bench *bench);
void part_writer(const struct bench *bench);
void part_storm_present(const struct bench *bench);
void part_storm_missing(const struct bench *bench);
void part_crowd(const struct bench *bench);
void part_region(const struct bench *bench);
void part_device(const struct bench *bench);

/* For ./run gate: "KIND CALL INSTRUCTIONS-A-PAGE" lines. */
void bench_exact(const struct bench *bench);

/* Make one call that has to succeed. */
struct hmmu_probe_run bench_call(const struct bench *bench,
				 enum hmmu_probe_call call, const void *at,
				 size_t pages, uint64_t request);

/* The same for a run that has been filled in. */
void bench_run(const struct bench *bench, struct hmmu_probe_run *run);

/* Write to every @step-th page. */
void bench_touch(void *at, size_t pages, size_t step);

#endif
