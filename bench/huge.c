// SPDX-License-Identifier: GPL-2.0-only
/*
 * One fault may fill 2 MiB. The engine is to see that and not fault each page.
 */
#include <sys/mman.h>

#include "bench.h"
#include "content.h"
#include "memory.h"

#define PAGES	(HUGE / PAGE)

static void count_faults(const struct bench *bench, const void *at,
			 struct samples *faults)
{
	struct hmmu_probe_run run = bench_call(bench, HMMU_PROBE_UNLOCKED, at,
					       PAGES, WRITE_REQUEST);

	samples_add(faults, counted(&run, HMM_UNLOCKED_FAULTS));
}

static void transparent(const struct bench *bench)
{
	struct samples faults = {};
	void *at;

	for (unsigned int run = 0; run < bench->runs; run++) {
		at = memory_map(PAGES, MADV_HUGEPAGE);
		count_faults(bench, at, &faults);
		memory_unmap(at, PAGES);
	}
	report_count("faults, transparent", &faults, AT_MOST, 2);
}

static void hugetlb(const struct bench *bench)
{
	struct samples faults = {};
	void *at;

	for (unsigned int run = 0; run < bench->runs; run++) {
		at = memory_map_hugetlb(PAGES);
		if (!at) {
			report_missing("faults, hugetlb", "no huge page to be had");
			return;
		}
		count_faults(bench, at, &faults);
		memory_unmap_hugetlb(at, PAGES);
	}
	report_count("faults, hugetlb", &faults, EQUAL, 1);
}

void bench_huge(const struct bench *bench)
{
	report_title("huge: an empty page of 2 MiB, write");
	transparent(bench);
	hugetlb(bench);
}
