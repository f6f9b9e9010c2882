// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that a call allocates. They must not grow with the range, unless each page has a
 * request of its own.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"
#include "fail.h"
#include "memory.h"

#define FEW	512
#define MANY	262144

static void scratch_measure(const struct bench *bench, const void *at, size_t pages,
			    void *requests, struct samples *bytes)
{
	struct hmmu_probe_run run = probe_range(HMMU_PROBE_UNLOCKED, at, pages,
						READ_REQUEST);

	run.requests = (uintptr_t)requests;
	if (requests)
		run.pfn_flags_mask = WRITE_REQUEST;
	bench_run(bench, &run);
	samples_add(bytes, counted(&run, HMM_UNLOCKED_SCRATCH_BYTES));
}

void part_scratch(const struct bench *bench)
{
	struct samples few = {}, many = {}, single = {};
	/* The memory is only read, so it takes one huge zero page, mapped many times. */
	void *at = memory_map(MANY, MADV_HUGEPAGE);
	void *requests = calloc(MANY, 1);

	if (!requests)
		die_errno("calloc");
	scratch_measure(bench, at, FEW, NULL, &few);
	scratch_measure(bench, at, MANY, NULL, &many);
	scratch_measure(bench, at, MANY, requests, &single);
	free(requests);
	memory_unmap(at, MANY);

	report_title("scratch: bytes allocated by a call");
	report_count("512 pages, all alike", &few, AT_MOST, 16384);
	report_count("262144 pages, all alike", &many, AT_MOST, 16384);
	report_count("262144 pages, each with its request", &single, AT_MOST,
		     MANY * 2 / 8);
}
