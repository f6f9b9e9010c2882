// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part "storm": populating present pages while another thread makes invalidations.
 * Three subjects are compared:
 *
 * - the mirror kit;
 * - a loop around mmu_interval_read_retry(), with one interval for all memory, which is
 *   the interval of the device too;
 * - a read of /proc/self/pagemap, which takes the mmap lock for each page table, as the
 *   kit does, and does not care about invalidations: what it loses in the storm it loses
 *   to the lock.
 *
 * The storm is far (elsewhere in the process's memory, in several sizes), near (right
 * behind the range, in the page table of its last pages), or inside the range. Inside it
 * pauses between rounds, because without a pause no populate completes.
 *
 * Counted in a fixed time: completed populates, and how often they began again. The storm
 * and the populates have a CPU each.
 *
 * Also measured: the memory of the device's page table, by the growth of its slab.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "content.h"
#include "cpus.h"
#include "dmirror.h"
#include "fail.h"
#include "load_storm.h"
#include "memory.h"
#include "table.h"
#include "work.h"

#define PAGES		3840	/* with a part of a page table to spare */
#define AROUND		4096
#define TABLE_PAGES	65536
#define MEASURE_NS	100000000ULL
#define INSIDE_PAUSE_US	2000

enum where { FAR, NEAR, INSIDE };

static const struct {
	const char *part;
	const char *text;
	enum where where;
	/* The more pages a round unmaps, the smaller its share of time under the lock. */
	size_t pages;
} storms[] = {
	{ "storm-far-1", "1 page elsewhere is unmapped and mapped", FAR, 1 },
	{ "storm-far-512", "512 pages elsewhere are", FAR, 512 },
	{ "storm-far-4096", "4096 pages elsewhere are", FAR, 4096 },
	{ "storm-near", "the page behind them is", NEAR, 1 },
	{ "storm-inside", "one of them is protected and not, each 2 ms", INSIDE, 1 },
};

struct subject {
	const char *way;
	int fd;
	const void *at;
	/* Returns whether the populate completed; if not, may add to @restarts. */
	bool (*populate)(const struct subject *subject, uint64_t *restarts);
};

/* Pages a millisecond without and in the storm, and the ratio of both. */
enum { QUIET, STORMY, KEPT, QUANTITIES };

static const struct {
	const char *text, *name;
} quantities[QUANTITIES] = {
	[QUIET] = { "quiet, pages a ms", "pages_a_ms_quiet" },
	[STORMY] = { "in the storm", "pages_a_ms_storm" },
	[KEPT] = { "is kept", "kept_in_storm" },
};

struct storm_figures {
	struct figures of[QUANTITIES];
};

enum { KIT, LOOP, PAGEMAP, SUBJECTS };

static bool present_populate_kit(const struct subject *subject, uint64_t *restarts)
{
	int ret = dmirror_populate(subject->fd, subject->at, PAGES, 0);

	if (ret && ret != -EBUSY)
		die("HMM_DMIRROR_POPULATE has failed: %s", strerror(-ret));
	return !ret;
}

static bool present_populate_plain(const struct subject *subject, uint64_t *restarts)
{
	struct hmmu_probe_run run = probe_range(HMMU_PROBE_STOCK, subject->at,
						PAGES, READ_REQUEST);
	int ret = probe_run(subject->fd, &run);

	if (!ret && !run.stale)
		return true;
	if (ret && ret != -EBUSY)
		die("the stock call has failed: %s", strerror(-ret));
	++*restarts;
	return false;
}

static bool present_read_pagemap(const struct subject *subject, uint64_t *restarts)
{
	static uint64_t entries[PAGES];

	if (pread(subject->fd, entries, sizeof(entries),
		  (uintptr_t)subject->at / PAGE * sizeof(*entries)) !=
	    sizeof(entries))
		die_errno("cannot read /proc/self/pagemap");
	return true;
}

/* Returns pages a millisecond. */
static double present_measure(const struct subject *subject, uint64_t *restarts)
{
	uint64_t retries = mirror_retries(), populates = 0;
	uint64_t begun = clock_ns(), ended;

	do {
		populates += subject->populate(subject, restarts);
		ended = clock_ns();
	} while (ended - begun < MEASURE_NS);
	*restarts += mirror_retries() - retries;
	return 1e6 * populates * PAGES / (ended - begun);
}

static void present_measure_both(const struct subject *subject, struct storm *storm,
				 struct storm_figures *figures)
{
	uint64_t restarts = 0;
	double quiet = present_measure(subject, &restarts), stormy;

	restarts = 0;
	storm_begin(storm);
	stormy = present_measure(subject, &restarts);
	storm_end(storm);

	samples_add(&figures->of[QUIET].value, quiet);
	samples_add(&figures->of[STORMY].value, stormy);
	samples_add(&figures->of[STORMY].counts[RESTARTS], restarts);
	samples_add(&figures->of[KEPT].value, stormy / quiet);
}

static void present_report_quantity(const struct bench *bench, size_t i, int quantity,
				    const struct subject *subjects,
				    const struct storm_figures *figures)
{
	const struct testbed testbed = { .pages = PAGES };

	table_head(quantities[quantity].text);
	for (size_t s = 0; s < SUBJECTS; s++) {
		const struct figures *this = &figures[s].of[quantity];
		const struct row row = {
			.part = storms[i].part,
			.testbed = &testbed,
			.way = subjects[s].way,
			.quantity = quantities[quantity].name,
			.figures = this,
			/* Arguments swapped: of throughput more is better. */
			.stock = figures_speedup(&figures[LOOP].of[quantity], this),
		};

		table_row(&row, bench);
	}
}

static void present_report(const struct bench *bench, size_t i,
			   const struct subject *subjects,
			   const struct storm_figures *figures)
{
	const struct figures *kit = figures[KIT].of;

	report_title("storm: %d present pages; meanwhile %s", PAGES,
		     storms[i].text);
	for (int quantity = 0; quantity < QUANTITIES; quantity++)
		present_report_quantity(bench, i, quantity, subjects, figures);
	if (storms[i].where == INSIDE)
		return;
	report_count("retries of the kit", &kit[STORMY].counts[RESTARTS], EQUAL,
		     0);
	report_ratio("throughput that the kit keeps",
		     samples_median(&kit[KEPT].value), AT_LEAST, 0.8);
}

static struct storm storm_of(size_t i, char *at)
{
	struct storm storm = { .pages = storms[i].pages };

	if (storms[i].where == NEAR)
		storm.at = at + PAGES * PAGE;
	if (storms[i].where == INSIDE) {
		storm.at = at + PAGES / 2 * PAGE;
		storm.inside = true;
		storm.pause_us = INSIDE_PAUSE_US;
	}
	return storm;
}

static void present_run(const struct bench *bench, size_t i, char *at,
			const struct subject *subjects)
{
	struct storm_figures *figures = calloc(SUBJECTS, sizeof(*figures));
	struct storm storm = storm_of(i, at);

	if (!figures)
		die("no memory");
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress(storms[i].part, storms[i].text, run, bench->runs);
		for (size_t s = 0; s < SUBJECTS; s++)
			present_measure_both(&subjects[s], &storm, &figures[s]);
	}
	present_report(bench, i, subjects, figures);
	free(figures);
}

static size_t device_table_bytes(void)
{
	char line[512], name[64];
	size_t active, total, size;
	FILE *f = fopen("/proc/slabinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %zu %zu %zu", name, &active, &total,
			   &size) == 4 && !strcmp(name, "radix_tree_node")) {
			fclose(f);
			return active * size;
		}
	if (f)
		fclose(f);
	return 0;
}

static void device_table_measure(const struct subject *kit)
{
	void *at = memory_map(TABLE_PAGES, MADV_NOHUGEPAGE);
	struct samples bytes = {};
	size_t before;

	bench_touch(at, TABLE_PAGES, 1);
	before = device_table_bytes();
	if (!before) {
		report_missing("page table of the device", "no radix_tree_node in /proc/slabinfo");
		return;
	}
	if (dmirror_populate(kit->fd, at, TABLE_PAGES, 0))
		die("HMM_DMIRROR_POPULATE has failed");
	samples_add(&bytes, (double)(device_table_bytes() - before) / TABLE_PAGES);
	report_figure("page table of the device, a page", &bytes, "bytes");
	memory_unmap(at, TABLE_PAGES);
}

void part_storm_present(const struct bench *bench)
{
	char *at = memory_map(AROUND, MADV_NOHUGEPAGE);
	const struct subject subjects[SUBJECTS] = {
		[KIT] = { "kit", dmirror_open(0), at, present_populate_kit },
		[LOOP] = { "loop", bench->probe, at, present_populate_plain },
		[PAGEMAP] = { "pagemap",
			      open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
			      at, present_read_pagemap },
	};
	cpu_set_t cpus = storm_leave_cpu();

	bench_touch(at, AROUND, 1);
	for (size_t i = 0; i < sizeof(storms) / sizeof(*storms); i++)
		present_run(bench, i, at, subjects);
	cpus_restore(&cpus);

	report_title("storm: memory of the device");
	device_table_measure(&subjects[KIT]);
	for (size_t i = 0; i < SUBJECTS; i++)
		if (i != LOOP)
			close(subjects[i].fd);
	memory_unmap(at, AROUND);
}
