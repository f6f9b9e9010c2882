// SPDX-License-Identifier: GPL-2.0-only
/*
 * Missing pages behind a page server with a latency, like one on another machine. It
 * answers many requests at the same time, each one latency after the request.
 *
 * With one fault at a time, a call takes one latency per page. Under a clock that counts
 * instructions the guest skips over waiting; in real time the matrix takes most of an
 * hour.
 */
#include <stdio.h>

#include "cpus.h"
#include "work.h"

#define PAGES_A_VALUE	1024

/*
 * @restart, @one: whether RESTARTING_WAYS and OURS_1 are measured
 * @gain: how many times as fast as RESTARTING_WAYS OURS_N must be; 0: no target
 */
struct point {
	unsigned int latency_us;
	size_t pages;
	bool restart, one;
	double gain;
};

/* Points of the part "latency". */
static const struct point some[] = {
	{ 100, 512, true, true },
	{ 100, 2048, true, true },
	{ 1000, 512, true, true },
	{ 1000, 4096, true, true, 10 },
	{ 10000, 64, true, true },
};

/*
 * Points of the part "matrix". RESTART of 16384 pages is left out: a call reads 134
 * million entries, which takes half a minute.
 */
static const struct point all[] = {
	{ 0, 64, true, true }, { 0, 512, true, true }, { 0, 4096, true, true },
	{ 0, 16384, false, true },
	{ 100, 64, true, true }, { 100, 512, true, true },
	{ 100, 4096, true, true }, { 100, 16384, false, true },
	{ 1000, 64, true, true }, { 1000, 512, true, true },
	{ 1000, 4096, true, true, 10 }, { 1000, 16384, false, true },
	{ 10000, 64, true, true }, { 10000, 512, true, true },
	{ 10000, 4096, true, true }, { 10000, 16384, false, true },
};

static void latency_measure(const struct bench *bench, const char *part,
			    const struct point *point)
{
	const struct figures *figures;
	char title[64];
	const struct work work = {
		.part = part,
		.title = title,
		.testbed = {
			.source = SERVER,
			.latency_us = point->latency_us,
			.pages = point->pages,
		},
		.request = READ_REQUEST,
		.ways = (point->restart ? RESTARTING_WAYS : 0) |
			(point->one ? WITH(OURS_1) : 0) | WITH(OURS_N),
		.times = work_times(point->pages, PAGES_A_VALUE),
	};

	snprintf(title, sizeof(title), "%zu pages, latency of %g ms", point->pages,
		 point->latency_us / 1e3);
	figures = work_compare(bench, &work);
	figures_report_mainline(figures);
	if (!point->gain || !figures[OURS_N].value.n)
		return;
	report_ratio("restart / several",
		     figures_speedup(&figures[OURS_N], &figures[RESTART]),
		     AT_LEAST, point->gain);
	if (figures[MAINLINE].value.n)
		report_ratio("mainline / several",
			     figures_speedup(&figures[OURS_N], &figures[MAINLINE]),
			     AT_LEAST, 2 * point->gain);
}

static void latency_measure_all(const struct bench *bench, const char *part,
				const struct point *points, size_t n)
{
	cpu_set_t cpus = cpus_pin();

	for (size_t i = 0; i < n; i++)
		latency_measure(bench, part, &points[i]);
	cpus_restore(&cpus);
}

void part_latency(const struct bench *bench)
{
	latency_measure_all(bench, "latency", some, sizeof(some) / sizeof(*some));
}

void part_matrix(const struct bench *bench)
{
	latency_measure_all(bench, "matrix", all, sizeof(all) / sizeof(*all));
}
