// SPDX-License-Identifier: GPL-2.0-only
/*
 * Missing pages behind a page server without latency, one page per answer: what a call
 * costs per page if it resumes after a dropped lock, and if it begins again.
 *
 * A short range is populated several times in a run, so that each value is made of about
 * the same number of pages. Requester and server share one CPU, see lib/cpus.h; fault
 * threads run where the kernel puts them.
 */
#include <stdio.h>

#include "content.h"
#include "cpus.h"
#include "work.h"

#define PAGES_A_VALUE	2048
#define RESTART_MAX	4096

static const size_t sizes[] = { 64, 512, 4096, 16384 };

#define NR_SIZES	(sizeof(sizes) / sizeof(sizes[0]))

/* Median microseconds a page, for each way and size. */
struct medians {
	double of[WAYS][NR_SIZES];
};

static const struct figures *missing_measure(const struct bench *bench, size_t pages)
{
	char title[64];
	const struct work work = {
		.part = "missing",
		.title = title,
		.testbed = { .source = SERVER, .pages = pages },
		.request = READ_REQUEST,
		.ways = DROPPING_WAYS & ~(pages > RESTART_MAX ? RESTARTING_WAYS : 0),
		.times = work_times(pages, PAGES_A_VALUE),
	};

	snprintf(title, sizeof(title), "%zu pages, a page server", pages);
	return work_compare(bench, &work);
}

static void missing_report(const struct figures *figures, size_t pages)
{
	const struct figures *one = &figures[OURS_1];

	report_count("one fault: faults", &one->counts[FAULTS], EQUAL, pages);
	report_count("one fault: lock drops", &one->counts[DROPS], AT_MOST, pages);
	report_count("one fault: restarts", &one->counts[RESTARTS], EQUAL, 0);
	report_count("one fault: entries read", &one->counts[ENTRIES], AT_MOST,
		     3 * pages);
	figures_report_mainline(figures);
	if (!figures[OURS_N].value.n)
		return;
	report_count("several: restarts", &figures[OURS_N].counts[RESTARTS],
		     EQUAL, 0);
	report_ratio("several as fast as one", figures_speedup(&figures[OURS_N], one),
		     AT_LEAST, 0.95);
}

/* From the shortest range to the longest one that RESTART is measured with. */
static void missing_report_growth(const struct medians *medians)
{
	struct samples one = {};
	size_t i;

	for (i = 0; i < NR_SIZES && sizes[i] <= RESTART_MAX; i++)
		samples_add(&one, medians->of[OURS_1][i]);
	i--;

	report_title("missing: %zu to %zu pages", sizes[0], sizes[i]);
	report_ratio("one fault: time a page, most / least",
		     samples_max(&one) / samples_min(&one), AT_MOST, 1.3);
	report_ratio("restart / one fault at the most pages",
		     medians->of[RESTART][i] / medians->of[OURS_1][i],
		     AT_LEAST, 1.4);
	if (way_exists(OURS_N))
		report_ratio("restart / several at the most pages",
			     medians->of[RESTART][i] / medians->of[OURS_N][i],
			     AT_LEAST, 1.4);
	if (way_exists(OURS_N) && way_exists(MAINLINE))
		report_ratio("mainline / several at the most pages",
			     medians->of[MAINLINE][i] / medians->of[OURS_N][i],
			     AT_LEAST, 9);
}

void part_missing(const struct bench *bench)
{
	struct medians medians = {};
	cpu_set_t cpus = cpus_pin();

	for (size_t i = 0; i < NR_SIZES; i++) {
		const struct figures *figures = missing_measure(bench, sizes[i]);

		for (enum way way = 0; way < WAYS; way++)
			if (figures[way].value.n)
				medians.of[way][i] =
					samples_median(&figures[way].value);
		missing_report(figures, sizes[i]);
	}
	cpus_restore(&cpus);
	missing_report_growth(&medians);
}
