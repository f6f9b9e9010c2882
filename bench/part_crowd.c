// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long mmap() waits while 64 fault threads take the mmap lock for read, once for
 * each fault: do they starve a writer?
 *
 * Compared with one fault at a time, with beginning again on each dropped lock, and with
 * no faults at all, which shows what the machine needs to wake the writer and map a page.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fail.h"
#include "load_writer.h"
#include "table.h"
#include "work.h"

#define CROWD		64
#define ALONE_US	300000

static const struct testbed testbeds[] = {
	{ .source = SERVER, .pages = 2048 },
	{ .source = SERVER, .pages = 1024, .latency_us = 1000 },
};

/* All in us. */
enum { LONGEST, MEDIAN, CALL, QUANTITIES };

static const struct {
	const char *text, *name;
} quantities[QUANTITIES] = {
	[LONGEST] = { "longest wait, us", "longest_wait_us" },
	[MEDIAN] = { "median wait, us", "median_wait_us" },
	[CALL] = { "us a page", "us_a_page" },
};

enum { NOBODY, AGAIN, ONE, SIXTY_FOUR, SUBJECTS };

static const struct subject {
	const char *name;
	enum way way;
	unsigned int in_flight;
} subjects[SUBJECTS] = {
	[NOBODY] = { "nobody" },
	[AGAIN] = { "restart", RESTART },
	[ONE] = { "ours-1", OURS_1, 1 },
	[SIXTY_FOUR] = { "ours-64", OURS_N, CROWD },
};

struct crowd_figures {
	struct figures of[QUANTITIES];
};

static void crowd_populate(const struct bench *bench,
			   const struct subject *subject,
			   struct testbed testbed, struct writer *writer,
			   struct figures *figures)
{
	enum hmmu_probe_call call = way_take(subject->way);
	struct hmmu_probe_run run;
	uint64_t begun, ended;

	if (subject->in_flight == CROWD)
		parameter_set("faults_in_flight", CROWD);
	parameter_set("faults_adapt", 0);
	testbed_make(&testbed);
	writer_start(writer);
	begun = clock_ns();
	run = bench_call(bench, call, testbed.at, testbed.pages, READ_REQUEST);
	ended = clock_ns();
	writer_stop(writer);
	testbed_drop(&testbed);
	writer_waits(writer, begun, ended, &figures[LONGEST].value,
		     &figures[MEDIAN].value);
	samples_add(&figures[CALL].value, run.ns / 1e3 / testbed.pages);
	figures_count(&figures[LONGEST], &run);
}

static void crowd_measure(const struct bench *bench, size_t i,
			  const struct testbed *testbed,
			  struct figures *figures)
{
	static struct writer writer;
	uint64_t begun;

	if (i != NOBODY) {
		crowd_populate(bench, &subjects[i], *testbed, &writer, figures);
		return;
	}
	writer_start(&writer);
	begun = clock_ns();
	usleep(ALONE_US);
	writer_stop(&writer);
	writer_waits(&writer, begun, clock_ns(), &figures[LONGEST].value,
		     &figures[MEDIAN].value);
}

static void crowd_report_quantity(const struct bench *bench,
				  const struct testbed *testbed, int quantity,
				  const struct crowd_figures *figures)
{
	table_head(quantities[quantity].text);
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct figures *this = &figures[i].of[quantity];
		const struct row row = {
			.part = "crowd",
			.testbed = testbed,
			.way = subjects[i].name,
			.quantity = quantities[quantity].name,
			.figures = this,
			.restart = figures_speedup(
				this, &figures[AGAIN].of[quantity]),
		};

		if (this->value.n)
			table_row(&row, bench);
	}
}

static void crowd_report(const struct bench *bench,
			 const struct testbed *testbed,
			 const struct crowd_figures *figures)
{
	const struct figures *crowd = figures[SIXTY_FOUR].of;

	report_title("crowd: mmap() while %zu pages come from a server, latency of %g ms",
		     testbed->pages, testbed->latency_us / 1e3);
	for (int quantity = 0; quantity < QUANTITIES; quantity++)
		crowd_report_quantity(bench, testbed, quantity, figures);
	if (!crowd[CALL].value.n) {
		report_missing("ours-64", "this module has no such parameter");
		return;
	}
	report_ratio("ours-64: longest wait, part of the call",
		     samples_median(&crowd[LONGEST].value) / testbed->pages /
		     samples_median(&crowd[CALL].value), AT_MOST, 0.1);
}

static void crowd_run(const struct bench *bench, const struct testbed *testbed)
{
	static struct crowd_figures figures[SUBJECTS];

	memset(figures, 0, sizeof(figures));
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress("crowd", "mmap() beside faults", run, bench->runs);
		for (size_t i = 0; i < SUBJECTS; i++)
			if (way_exists(subjects[i].way))
				crowd_measure(bench, i, testbed, figures[i].of);
	}
	crowd_report(bench, testbed, figures);
}

void part_crowd(const struct bench *bench)
{
	/* A call gets at most half of the free threads. */
	parameter_set("fault_threads", 2 * CROWD);
	for (size_t i = 0; i < sizeof(testbeds) / sizeof(*testbeds); i++)
		crowd_run(bench, &testbeds[i]);
	parameters_restore();
}
