// SPDX-License-Identifier: GPL-2.0-only
/*
 * One fault may fill 2 MiB. The engine is to see that and not fault each page.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "bench.h"
#include "content.h"
#include "fail.h"
#include "memory.h"

#define PAGES	(HUGE / PAGE)
#define POOL	"/proc/sys/vm/nr_hugepages"

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

static int pool_size(void)
{
	FILE *f = fopen(POOL, "re");
	int pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages;
}

static void pool_resize(int pages)
{
	FILE *f = fopen(POOL, "we");

	if (!f)
		return;
	fprintf(f, "%d\n", pages);
	fclose(f);
}

static void hugetlb(const struct bench *bench)
{
	struct samples faults = {};
	void *at;

	for (unsigned int run = 0; run < bench->runs; run++) {
		at = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		if (at == MAP_FAILED) {
			report_missing("faults, hugetlb", "no huge page to be had");
			return;
		}
		count_faults(bench, at, &faults);
		munmap(at, HUGE);
	}
	report_count("faults, hugetlb", &faults, EQUAL, 1);
}

void bench_huge(const struct bench *bench)
{
	int before = pool_size();

	report_title("huge: an empty page of 2 MiB, write");
	transparent(bench);
	pool_resize(before + 1);
	hugetlb(bench);
	pool_resize(before);
}
