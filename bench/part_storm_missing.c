// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part "stormy": missing pages behind a page server, while a page elsewhere in the
 * process is unmapped and mapped in a loop. A driver with one interval over all memory is
 * notified of each unmapping and begins again; the mirror kit begins again only for
 * invalidations of the pages that it populates.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "dmirror.h"
#include "fail.h"
#include "load_storm.h"
#include "table.h"
#include "work.h"

#define PAGES		512
#define PAUSE_US	1000

static const struct subject {
	const char *way;
	enum way with;
	bool kit;
} subjects[] = {
	{ "restart", RESTART },
	{ "ours-1", OURS_1 },
	{ "ours-32", OURS_N },
	{ "kit-1", OURS_1, true },
	{ "kit-32", OURS_N, true },
};

#define SUBJECTS	(sizeof(subjects) / sizeof(*subjects))

static uint64_t missing_populate_kit(const struct testbed *testbed,
				     struct figures *figures)
{
	uint64_t retries = mirror_retries(), begun;
	int fd = dmirror_open(0), ret;

	begun = clock_ns();
	ret = dmirror_populate(fd, testbed->at, testbed->pages, 0);
	begun = clock_ns() - begun;
	if (ret)
		die("HMM_DMIRROR_POPULATE has failed: %s", strerror(-ret));
	samples_add(&figures->counts[RESTARTS], mirror_retries() - retries);
	close(fd);
	return begun;
}

/* Without HMMU_PROBE_EXACT the interval is over all memory. */
static uint64_t missing_populate_plain(const struct bench *bench,
				       enum hmmu_probe_call call,
				       const struct testbed *testbed,
				       struct figures *figures)
{
	struct hmmu_probe_run run =
		probe_range(call, testbed->at, testbed->pages, READ_REQUEST);

	run.flags = HMMU_PROBE_LOOP;
	if (probe_run(bench->probe, &run))
		die("a call failed: %s", strerror(-run.error));
	figures_count(figures, &run);
	return run.ns;
}

static void missing_measure(const struct bench *bench,
			    const struct subject *subject,
			    unsigned int latency_us, struct figures *figures)
{
	enum hmmu_probe_call call = way_take(subject->with);
	struct storm storm = { .pages = 1, .pause_us = PAUSE_US };
	struct testbed testbed = {
		.source = SERVER, .latency_us = latency_us, .pages = PAGES,
	};
	uint64_t ns;

	testbed_make(&testbed);
	storm_begin(&storm);
	ns = subject->kit ?
		     missing_populate_kit(&testbed, figures) :
		     missing_populate_plain(bench, call, &testbed, figures);
	storm_end(&storm);
	testbed_drop(&testbed);
	samples_add(&figures->value, ns / 1e3 / PAGES);
}

static void missing_report(const struct bench *bench, unsigned int latency_us,
			   const struct figures *figures)
{
	const struct testbed testbed = {
		.source = SERVER, .latency_us = latency_us, .pages = PAGES,
	};

	report_title("stormy: %d pages, a page server with %g ms; a page elsewhere is unmapped each %g ms",
		     PAGES, latency_us / 1e3, PAUSE_US / 1e3);
	table_head("us a page");
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct row row = {
			.part = "stormy",
			.testbed = &testbed,
			.way = subjects[i].way,
			.quantity = "us_a_page",
			.figures = &figures[i],
			.restart = figures_speedup(&figures[i], &figures[0]),
		};

		if (figures[i].value.n)
			table_row(&row, bench);
		else
			report_missing(subjects[i].way,
				       "this module has no such parameter");
	}
}

static void missing_run(const struct bench *bench, unsigned int latency_us)
{
	static struct figures figures[SUBJECTS];

	memset(figures, 0, sizeof(figures));
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress("stormy", "missing pages in a storm", run,
				bench->runs);
		for (size_t i = 0; i < SUBJECTS; i++)
			if (way_exists(subjects[i].with))
				missing_measure(bench, &subjects[i], latency_us,
						&figures[i]);
	}
	missing_report(bench, latency_us, figures);
}

void part_storm_missing(const struct bench *bench)
{
	cpu_set_t cpus = storm_leave_cpu();

	missing_run(bench, 0);
	missing_run(bench, 1000);
	cpus_restore(&cpus);
}
