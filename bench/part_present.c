// SPDX-License-Identifier: GPL-2.0-only
/*
 * Present pages: what the engine adds to the kernel's walk.
 */
#include <stdio.h>

#include "memory.h"
#include "work.h"

#define MANY		65536
#define FEW		4096

static const struct {
	enum memory_kind memory;
	const char *text;
	/* Huge pages are read faster, so a value is made of more of them. */
	size_t pages_a_value;
	/* Of a huge page behind another one entry is read. */
	enum bound entries_bound;
} kinds[] = {
	{ SMALL, "of 4 KiB", MANY, EQUAL },
	{ THP, "in transparent huge pages", 16 * MANY, AT_MOST },
	{ HUGETLB, "in hugetlb pages", 16 * MANY, AT_MOST },
};

static void present_measure(const struct bench *bench, size_t kind, size_t pages)
{
	char title[64];
	const struct work work = {
		.part = "present",
		.title = title,
		.testbed = { .memory = kinds[kind].memory, .pages = pages },
		.touch = 1,
		.keep = true,
		.request = READ_REQUEST,
		.ways = STEADY_WAYS,
		.times = work_times(pages, kinds[kind].pages_a_value),
	};
	const struct figures *figures, *ours;

	snprintf(title, sizeof(title), "%zu pages %s", pages, kinds[kind].text);
	figures = work_compare(bench, &work);
	if (!figures)
		return;
	ours = figures_of_ours(figures);
	report_count("ours: entries read", &ours->counts[ENTRIES],
		     kinds[kind].entries_bound, pages);
	report_count("ours: faults", &ours->counts[FAULTS], EQUAL, 0);
	report_ratio("ours / stock", 1 / figures_speedup(ours, &figures[STOCK]), AT_MOST,
		     1.1);
}

void part_present(const struct bench *bench)
{
	memory_need(MANY / 256 + 64);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		present_measure(bench, i, FEW);
		present_measure(bench, i, MANY);
	}
}
