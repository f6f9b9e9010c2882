// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every second page is missing: short runs of faults.
 *
 * If the kernel allocates the pages, no fault drops the lock: the engine must not be
 * slower than the stock call, and mainline's new call does the same as the stock call.
 * If a page server brings the pages, each costs a latency.
 */
#include <stdio.h>

#include "cpus.h"
#include "work.h"

#define ALLOCATED	16384
#define BROUGHT		2048
#define LATENCY_US	1000

static void sparse_allocated(const struct bench *bench, const char *name,
			     uint64_t request)
{
	char part[32], title[64];
	const struct work work = {
		.part = part,
		.title = title,
		.testbed = { .pages = ALLOCATED },
		.touch = 2,
		.request = request,
		.ways = STEADY_WAYS,
		.times = 1,
	};
	const struct figures *figures, *ours;

	snprintf(part, sizeof(part), "sparse-%s", name);
	snprintf(title, sizeof(title),
		 "every second of %d pages to be allocated, %s", ALLOCATED, name);
	figures = work_compare(bench, &work);
	ours = figures_of_ours(figures);
	report_count("ours: faults", &ours->counts[FAULTS], EQUAL, ALLOCATED / 2);
	report_count("ours: entries read", &ours->counts[ENTRIES], AT_MOST,
		     3 * ALLOCATED);
	report_ratio("ours / stock", 1 / figures_speedup(ours, &figures[STOCK]), AT_MOST,
		     1.0);
}

static void sparse_brought(const struct bench *bench, unsigned int latency_us)
{
	char title[96];
	const struct work work = {
		.part = "sparse-brought",
		.title = title,
		.testbed = {
			.source = SERVER,
			.latency_us = latency_us,
			.pages = BROUGHT,
		},
		.touch = 2,
		.request = READ_REQUEST,
		.ways = DROPPING_WAYS,
		.times = 1,
	};

	snprintf(title, sizeof(title),
		 "every second of %d pages is a server's, latency of %g ms",
		 BROUGHT, latency_us / 1e3);
	work_compare(bench, &work);
}

void part_sparse(const struct bench *bench)
{
	cpu_set_t cpus;

	sparse_allocated(bench, "write", WRITE_REQUEST);
	sparse_allocated(bench, "read", READ_REQUEST);
	cpus = cpus_pin();
	sparse_brought(bench, 0);
	sparse_brought(bench, LATENCY_US);
	cpus_restore(&cpus);
}
