// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a page costs, counted to the instruction: pages that are present, and pages that
 * the kernel allocates.
 *
 * In a guest whose clock counts instructions (./run gate) one instruction takes one
 * nanosecond. The least of a few runs is the same in each boot: a timer tick makes a run
 * longer, and nothing makes it shorter. The two calls take turns, so both find the
 * kernel's lists of free pages in the same state.
 */
#include <sched.h>
#include <stdio.h>

#include "bench.h"
#include "fail.h"
#include "testbed.h"

#define PAGES	4096

/**
 * struct exact - a row
 * @name: as it is printed
 * @memory: kind of the memory
 * @present: all pages are present before the call; else none is
 * @request: the request for each page. A page of 4 KiB that is missing and read is the
 *	     kernel's zero page; one that is written is allocated
 */
static const struct exact {
	const char *name;
	enum memory_kind memory;
	bool present;
	uint64_t request;
} rows[] = {
	{ "4k", SMALL, true, READ_REQUEST },
	{ "4k-missing", SMALL, false, WRITE_REQUEST },
	{ "4k-zero", SMALL, false, READ_REQUEST },
	{ "thp", THP, true, READ_REQUEST },
	{ "thp-missing", THP, false, WRITE_REQUEST },
	{ "hugetlb", HUGETLB, true, READ_REQUEST },
	{ "hugetlb-missing", HUGETLB, false, WRITE_REQUEST },
};

static double exact_call(const struct bench *bench, const struct exact *row,
			 enum hmmu_probe_call call)
{
	struct testbed testbed = { .memory = row->memory, .pages = PAGES };
	double ns;

	testbed_make(&testbed);
	if (row->present)
		testbed_touch(&testbed, 1);
	ns = bench_call(bench, call, testbed.at, PAGES, row->request).ns;
	testbed_drop(&testbed);
	return ns;
}

static void exact_row(const struct bench *bench, const struct exact *row)
{
	struct samples stock = {}, unlocked = {};

	for (unsigned int i = 0; i < bench->runs; i++) {
		samples_add(&stock, exact_call(bench, row, HMMU_PROBE_STOCK));
		samples_add(&unlocked, exact_call(bench, row, HMMU_PROBE_UNLOCKED));
	}
	printf("%s stock %.2f\n", row->name, samples_min(&stock) / PAGES);
	printf("%s unlocked %.2f\n", row->name, samples_min(&unlocked) / PAGES);
}

/* Another task that runs on the one processor would be counted, too. */
static void exact_alone(void)
{
	const struct sched_param most = {
		.sched_priority = sched_get_priority_max(SCHED_FIFO),
	};

	if (sched_setscheduler(0, SCHED_FIFO, &most))
		die_errno("cannot run before all other tasks");
}

void bench_exact(const struct bench *bench)
{
	exact_alone();
	for (const struct exact *row = rows; row < rows + sizeof(rows) / sizeof(*rows);
	     row++)
		if (!testbed_lacks(&(struct testbed){ .memory = row->memory,
						      .pages = PAGES }))
			exact_row(bench, row);
}
