// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long mmap() waits while a call reads 1 GiB of present pages.
 *
 * The stock call holds the mmap lock to the end. The engine drops it after a chunk if
 * somebody waits for it. The writer (load_writer.h) invalidates nothing in the range. No
 * page is missing, so the number of faults in flight does not matter.
 *
 * Exact is the number of chunks in a row at whose end a write waited: the writer pauses
 * for longer than a chunk takes, so more than 1 means that a write has waited for more
 * than one chunk. The wait in time includes waking the writer's CPU, which takes several
 * chunks' time under emulation.
 */
#include <sys/mman.h>

#include "clock.h"
#include "content.h"
#include "load_writer.h"
#include "memory.h"
#include "table.h"
#include "work.h"

#define PAGES		262144
#define CHUNKS		(PAGES / 512)

enum { LONGEST, MEDIAN, CALL, QUANTITIES };

static const struct {
	const char *text, *name;
} quantities[QUANTITIES] = {
	[LONGEST] = { "longest wait, us", "longest_wait_us" },
	[MEDIAN] = { "median wait, us", "median_wait_us" },
	[CALL] = { "time of the call, us", "us" },
};

struct writer_figures {
	struct figures of[QUANTITIES];
	struct samples yields;
	struct samples streak;
	struct samples writes;
};

static void writer_measure(const struct bench *bench, enum way way, const void *at,
			   struct writer_figures *figures)
{
	static struct writer writer;
	struct hmmu_probe_run run = probe_range(way_take(way), at, PAGES,
						READ_REQUEST);
	uint64_t begun, ended;

	writer_start(&writer);
	begun = clock_ns();
	bench_run(bench, &run);
	ended = clock_ns();
	writer_stop(&writer);

	samples_add(&figures->writes,
		    writer_waits(&writer, begun, ended, &figures->of[LONGEST].value,
				 &figures->of[MEDIAN].value));
	samples_add(&figures->of[CALL].value, run.ns / 1e3);
	samples_add(&figures->yields, counted(&run, HMM_UNLOCKED_YIELDS));
	samples_add(&figures->streak, counted(&run, HMM_UNLOCKED_YIELD_STREAK));
}

static void writer_report_quantity(const struct bench *bench, int quantity,
				   const struct writer_figures *figures)
{
	const struct testbed testbed = { .pages = PAGES };

	table_head(quantities[quantity].text);
	for (enum way way = 0; way < WAYS; way++) {
		const struct figures *this = &figures[way].of[quantity];
		const struct row row = {
			.part = "writer",
			.testbed = &testbed,
			.way = way_name(way),
			.quantity = quantities[quantity].name,
			.figures = this,
			.stock = figures_speedup(this, &figures[STOCK].of[quantity]),
		};

		if (this->value.n)
			table_row(&row, bench);
	}
}

static void writer_report(const struct bench *bench, const struct samples *chunk,
			  const struct writer_figures *figures)
{
	const struct writer_figures *ours = &figures[OURS_1];

	report_title("writer: mmap() during a call for %d present pages", PAGES);
	for (int quantity = 0; quantity < QUANTITIES; quantity++)
		writer_report_quantity(bench, quantity, figures);
	report_figure("time of a chunk, undisturbed", chunk, "us");
	report_figure("writes during ours", &ours->writes, "");
	report_figure("yields", &ours->yields, "");
	report_ratio("chunks in a row with a write waiting",
		     samples_median(&ours->streak), AT_MOST, 1);
}

void part_writer(const struct bench *bench)
{
	static struct writer_figures figures[WAYS];
	struct samples chunk = {};
	struct hmmu_probe_run run;
	void *at;

	memory_need(PAGES / 256 + 64);
	at = memory_map(PAGES, MADV_NOHUGEPAGE);
	bench_touch(at, PAGES, 1);
	for (unsigned int i = 0; i < bench->runs; i++) {
		report_progress("writer", "mmap() during a call", i, bench->runs);
		run = bench_call(bench, way_take(OURS_1), at, PAGES,
				 READ_REQUEST);
		samples_add(&chunk, run.ns / 1e3 / CHUNKS);
		writer_measure(bench, STOCK, at, &figures[STOCK]);
		writer_measure(bench, OURS_1, at, &figures[OURS_1]);
	}
	memory_unmap(at, PAGES);
	writer_report(bench, &chunk, figures);
}
