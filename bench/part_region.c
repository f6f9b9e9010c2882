// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory of hmm_region: what a window saves, what an access costs when all pages
 * are mapped, and whether the first access depends on the size of the region.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "content.h"
#include "fail.h"
#include "memory.h"
#include "region.h"

#define PAGES		4096
#define ACCESSES	20000
#define TRIES		5
#define TABLE_PAGES	(HUGE / PAGE)

static const unsigned int windows[] = { 1, 64, 512 };
static const size_t sizes_mib[] = { 16, 256, 4096, 65536 };

#define SIZES	(sizeof(sizes_mib) / sizeof(*sizes_mib))

struct figures {
	struct samples intercepts, populated, accessed;
};

static void guest_access(int fd, uint64_t gpfn, uint32_t how)
{
	uint64_t value = gpfn;
	struct hmm_region_access access = {
		.guest_pfn = gpfn,
		.length = sizeof(value),
		.access = how,
		.data = (uintptr_t)&value,
	};

	if (region_access(fd, &access))
		die("guest page %llu cannot be accessed", (unsigned long long)gpfn);
}

static void guest_set(int fd, void *at, size_t pages)
{
	if (region_set(fd, 0, pages, at, HMM_REGION_READ | HMM_REGION_WRITE))
		die("HMM_REGION_SET has failed");
}

/* Pages a millisecond. */
static double pages_per_ms(uint64_t ns, size_t pages)
{
	return 1e6 * pages / ns;
}

static void window_measure(unsigned int window, struct figures *figures)
{
	void *at = memory_map(PAGES, MADV_NOHUGEPAGE);
	int fd = region_partition(window, 0);
	uint64_t begun, all_mapped;

	guest_set(fd, at, PAGES);
	begun = clock_ns();
	for (size_t i = 0; i < PAGES; i++)
		guest_access(fd, i, HMM_REGION_WRITE);
	all_mapped = clock_ns();
	for (size_t i = 0; i < ACCESSES; i++)
		guest_access(fd, rand() % PAGES, HMM_REGION_READ);

	samples_add(&figures->accessed,
		    pages_per_ms(clock_ns() - all_mapped, ACCESSES));
	samples_add(&figures->populated,
		    pages_per_ms(all_mapped - begun, PAGES));
	samples_add(&figures->intercepts,
		    (double)region_query(fd).intercepts / (PAGES / TABLE_PAGES));
	close(fd);
	memory_unmap(at, PAGES);
}

static void region_windows(unsigned int runs)
{
	const size_t n = sizeof(windows) / sizeof(*windows);
	struct figures *figures = calloc(n, sizeof(*figures));

	if (!figures)
		die("no memory");
	for (unsigned int run = 0; run < runs; run++)
		for (size_t i = 0; i < n; i++)
			window_measure(windows[i], &figures[i]);
	for (size_t i = 0; i < n; i++) {
		report_title("region: %u pages of nothing are written to, window of %u",
			     PAGES, windows[i]);
		report_count("intercepts for 2 MiB", &figures[i].intercepts,
			     EQUAL, TABLE_PAGES / windows[i]);
		report_figure("pages a ms, populated by the way",
			      &figures[i].populated, "");
		report_figure("accesses a ms, all mapped",
			      &figures[i].accessed, "");
	}
	free(figures);
}

/* Time to set a region and read a page in its middle. */
static double first_access_us(size_t pages)
{
	void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = region_partition(1, 0);
	uint64_t begun;
	double us;

	if (at == MAP_FAILED)
		die_errno("cannot map %zu MiB", pages * PAGE >> 20);
	begun = clock_ns();
	guest_set(fd, at, pages);
	guest_access(fd, pages / 2, HMM_REGION_READ);
	us = (clock_ns() - begun) / 1e3;
	close(fd);
	munmap(at, pages * PAGE);
	return us;
}

/* The time is short, and an interrupt may fall into it: the least of TRIES. */
static double first_access_least(size_t pages)
{
	double least = first_access_us(pages);

	for (unsigned int i = 1; i < TRIES; i++) {
		double us = first_access_us(pages);

		least = us < least ? us : least;
	}
	return least;
}

static void region_sizes(unsigned int runs)
{
	struct samples *us = calloc(SIZES, sizeof(*us));

	if (!us)
		die("no memory");
	for (unsigned int run = 0; run < runs; run++)
		for (size_t i = 0; i < SIZES; i++)
			samples_add(&us[i],
				    first_access_least(sizes_mib[i] *
						       (1 << 20) / PAGE));
	report_title("region: from HMM_REGION_SET to the end of the first access");
	for (size_t i = 0; i < SIZES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%zu MiB", sizes_mib[i]);
		report_figure(name, &us[i], "us");
	}
	report_ratio("the largest / the smallest",
		     samples_median(&us[SIZES - 1]) / samples_median(&us[0]),
		     AT_MOST, 1.5);
	free(us);
}

void part_region(const struct bench *bench)
{
	region_windows(bench->runs);
	region_sizes(bench->runs);
}
