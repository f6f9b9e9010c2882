// SPDX-License-Identifier: GPL-2.0-only
/*
 * Missing pages of each kind of memory.
 *
 * Allocated by the kernel: the stock call works, and no lock is dropped.
 *
 * Brought by a page server: in memory advised to be transparent huge pages it answers a
 * fault with 512 small pages, because userfaultfd cannot bring a transparent huge page;
 * in hugetlb memory it answers with one huge page.
 */
#include <stdio.h>

#include "content.h"
#include "cpus.h"
#include "work.h"

#define ALLOCATED	4096
#define BROUGHT		4096
#define LATENCY_US	1000

static const struct {
	enum memory_kind memory;
	const char *text;
} kinds[] = {
	{ SMALL, "4 KiB" },
	{ THP, "transparent huge" },
	{ HUGETLB, "hugetlb" },
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

static void kind_allocated(const struct bench *bench, size_t kind)
{
	char title[96];
	const struct work work = {
		.part = "memory",
		.title = title,
		.testbed = { .memory = kinds[kind].memory, .pages = ALLOCATED },
		.request = WRITE_REQUEST,
		.ways = STEADY_WAYS,
		.times = 4,
	};
	const struct figures *figures;

	snprintf(title, sizeof(title), "%d pages (%s) that the kernel allocates",
		 ALLOCATED, kinds[kind].text);
	figures = work_compare(bench, &work);
	if (figures && kinds[kind].memory != SMALL)
		report_count("ours: faults", &figures_of_ours(figures)->counts[FAULTS],
			     AT_MOST, ALLOCATED / (HUGE / PAGE));
}

static void kind_brought(const struct bench *bench, size_t kind)
{
	char title[96];
	const struct work work = {
		.part = "memory",
		.title = title,
		.testbed = {
			.memory = kinds[kind].memory,
			.source = SERVER,
			.latency_us = LATENCY_US,
			.pages = BROUGHT,
		},
		.request = READ_REQUEST,
		.ways = DROPPING_WAYS,
		.times = 1,
	};

	snprintf(title, sizeof(title),
		 "%d pages (%s) that a server brings after 1 ms, 512 an answer",
		 BROUGHT, kinds[kind].text);
	work_compare(bench, &work);
}

/* Small pages that a server brings are measured by the parts missing and latency. */
void part_memory(const struct bench *bench)
{
	cpu_set_t cpus = cpus_pin();

	for (size_t i = 0; i < KINDS; i++)
		kind_allocated(bench, i);
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].memory != SMALL)
			kind_brought(bench, i);
	cpus_restore(&cpus);
}
