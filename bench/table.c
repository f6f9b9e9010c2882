// SPDX-License-Identifier: GPL-2.0-only
/* Prints rows, aligned for people; and as CSV with report_rows(). */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "table.h"

static const char * const count_names[COUNTS] = {
	[ENTRIES] = "entries", [FAULTS] = "faults", [DROPS] = "drops",
	[RESTARTS] = "restarts", [THREADS] = "threads",
	[IN_FLIGHT] = "in flight",
};

/* "6.12.117" of "6.12.117+deb12-amd64". */
static const char *kernel_version(void)
{
	static struct utsname name;

	uname(&name);
	name.release[strspn(name.release, "0123456789.")] = '\0';
	return name.release;
}

static const char *rows_clock;

void table_rows_head(const char *of)
{
	rows_clock = of;
	if (report_has_rows())
		puts("csv kernel,clock,part,memory,source,latency_us,pages,way,quantity,runs,median,least,most,by_restart,by_stock,entries,faults,drops,restarts,threads,in_flight");
}

static void csv_ratio(double ratio)
{
	if (ratio)
		printf(",%.3f", ratio);
	else
		putchar(',');
}

static void csv_row(const struct row *row, unsigned int runs)
{
	const struct samples *value = &row->figures->value;
	const struct testbed *testbed = row->testbed;
	char source[32];

	printf("csv %s,%s,%s,%s,%s,%u,%zu,%s,%s,%u,%.6g,%.6g,%.6g", kernel_version(),
	       rows_clock, row->part, memory_kind_name(testbed->memory),
	       testbed_source(testbed, source, sizeof(source)),
	       testbed->latency_us, testbed->pages, row->way, row->quantity, runs,
	       samples_median(value), samples_min(value), samples_max(value));
	csv_ratio(row->restart);
	csv_ratio(row->stock);
	for (enum count i = 0; i < COUNTS; i++) {
		if (row->figures->counts[i].n)
			printf(",%.0f", samples_median(&row->figures->counts[i]));
		else
			putchar(',');
	}
	putchar('\n');
}

void table_head(const char *quantity)
{
	printf("  %-20s %-17s %8s %8s", quantity, "(least..most)", "/restart",
	       "/stock");
	for (enum count i = 0; i < COUNTS; i++)
		printf(" %9s", count_names[i]);
	putchar('\n');
}

static void print_ratio(double ratio)
{
	if (ratio)
		printf(" %8.2f", ratio);
	else
		printf(" %8s", "-");
}

static void print_count(const struct samples *samples)
{
	if (samples->n)
		printf(" %9.0f", samples_median(samples));
	else
		printf(" %9s", "-");
}

void table_row(const struct row *row, const struct bench *bench)
{
	const struct samples *value = &row->figures->value;
	char median[24], spread[64];

	printf("  %-8s %11s %-17s", row->way,
	       report_number(samples_median(value), median, sizeof(median)),
	       report_range(value, spread, sizeof(spread)));
	print_ratio(row->restart);
	print_ratio(row->stock);
	for (enum count i = 0; i < COUNTS; i++)
		print_count(&row->figures->counts[i]);
	putchar('\n');
	if (report_has_rows())
		csv_row(row, bench->runs);
	fflush(stdout);
}

void table_work(const struct bench *bench, const struct work *work,
		const struct figures *figures)
{
	report_title("%s: %s", work->part, work->title);
	table_head("us a page");
	for (enum way way = 0; way < WAYS; way++) {
		struct row row = {
			.part = work->part,
			.testbed = &work->testbed,
			.way = way_name(way),
			.quantity = "us_a_page",
			.figures = &figures[way],
			.restart = figures_speedup(&figures[way], &figures[RESTART]),
			.stock = figures_speedup(&figures[way], &figures[STOCK]),
		};

		if (figures[way].value.n)
			table_row(&row, bench);
		else if (work->ways & WITH(way))
			report_missing(way_name(way), "this module has no such parameter");
	}
}
