// SPDX-License-Identifier: GPL-2.0-only
/*
 * Present pages, counted to the instruction.
 *
 * In a guest whose clock counts instructions (./run gate) one instruction takes one
 * nanosecond. The least of a few runs is the same in each boot: a timer tick makes a run
 * longer, and nothing makes it shorter.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "bench.h"
#include "memory.h"

#define PAGES	4096

static double exact_least(const struct bench *bench, enum hmmu_probe_call call,
			  const void *at)
{
	struct samples ns = {};
	struct hmmu_probe_run run;

	for (unsigned int i = 0; i < bench->runs; i++) {
		run = bench_call(bench, call, at, PAGES, READ_REQUEST);
		samples_add(&ns, run.ns);
	}
	return samples_min(&ns) / PAGES;
}

static void exact_memory(const struct bench *bench, const char *kind, void *at)
{
	bench_touch(at, PAGES, 1);
	printf("%s stock %.2f\n", kind, exact_least(bench, HMMU_PROBE_STOCK, at));
	printf("%s unlocked %.2f\n", kind, exact_least(bench, HMMU_PROBE_UNLOCKED, at));
}

void bench_exact(const struct bench *bench)
{
	void *at;

	at = memory_map(PAGES, MADV_NOHUGEPAGE);
	exact_memory(bench, "4k", at);
	memory_unmap(at, PAGES);

	at = memory_map(PAGES, MADV_HUGEPAGE);
	exact_memory(bench, "thp", at);
	memory_unmap(at, PAGES);

	at = memory_map_hugetlb(PAGES);
	if (!at)
		return;
	exact_memory(bench, "hugetlb", at);
	memory_unmap_hugetlb(at, PAGES);
}
