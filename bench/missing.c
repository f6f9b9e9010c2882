// SPDX-License-Identifier: GPL-2.0-only
/*
 * Missing pages, one page an answer, by a server that does not dawdle: what a
 * call costs for each of them, with one that goes on where it stood and one that
 * begins again.
 *
 * A short range is populated several times a run, so that each figure is made of
 * about as many pages. Requester and server share one CPU, see lib/cpus.h.
 */
#include "bench.h"
#include "content.h"
#include "cpus.h"
#include "fail.h"
#include "lazy.h"

#define PAGES_A_FIGURE	4096
#define PAGES_BEFORE	256
#define RESTART_MAX	4096

static const size_t sizes[] = { 64, 512, 4096, 16384 };

#define NR_SIZES	(sizeof(sizes) / sizeof(sizes[0]))

struct figures {
	struct samples us_a_page;
	struct samples faults;
	struct samples drops;
	struct samples restarts;
	struct samples entries;
};

static uint64_t populate(const struct bench *bench, enum hmmu_probe_call call,
			 size_t pages, struct figures *figures)
{
	uint64_t series = 1;
	struct server server = {
		.pages = PAGES_BEFORE + pages,
		.fill = server_fill_series,
		.arg = &series,
	};
	struct hmmu_probe_run run;

	lazy_map(&server);
	bench_touch(server.base, PAGES_BEFORE, 1);
	run = bench_call(bench, call, server.base + PAGES_BEFORE * PAGE, pages,
			 READ_REQUEST);
	lazy_unmap(&server);

	samples_add(&figures->faults, counted(&run, HMM_UNLOCKED_FAULTS));
	samples_add(&figures->drops, counted(&run, HMM_UNLOCKED_LOCK_DROPS));
	samples_add(&figures->restarts, counted(&run, HMM_UNLOCKED_RESTARTS));
	samples_add(&figures->entries, counted(&run, HMM_UNLOCKED_ENTRIES_READ));
	return run.ns;
}

static void measure(const struct bench *bench, enum hmmu_probe_call call,
		    size_t pages, struct figures *figures)
{
	unsigned int times = PAGES_A_FIGURE > pages ? PAGES_A_FIGURE / pages : 1;
	uint64_t ns = 0;

	for (unsigned int i = 0; i < times; i++)
		ns += populate(bench, call, pages, figures);
	samples_add(&figures->us_a_page, ns / 1e3 / times / pages);
}

static void report(size_t pages, const struct figures *ours,
		   const struct figures *restart)
{
	report_title("missing: %zu pages behind userfaultfd", pages);
	report_count("faults", &ours->faults, EQUAL, pages);
	report_count("lock drops", &ours->drops, AT_MOST, pages);
	report_count("restarts", &ours->restarts, EQUAL, 0);
	report_count("entries read", &ours->entries, AT_MOST, 3 * pages);
	report_figure("time per page", &ours->us_a_page, "us");
	if (pages > RESTART_MAX)
		return;
	report_figure("restart: entries read", &restart->entries, "");
	report_figure("restart: time per page", &restart->us_a_page, "us");
}

/* From the shortest range to the longest that both have. */
static void report_growth(const struct figures *ours,
			  const struct figures *restart)
{
	struct samples medians = {};
	size_t i;

	for (i = 0; i < NR_SIZES && sizes[i] <= RESTART_MAX; i++)
		samples_add(&medians, samples_median(&ours[i].us_a_page));
	i--;

	report_title("missing: %zu to %zu pages", sizes[0], sizes[i]);
	report_ratio("time per page, most / least", samples_max(&medians) /
		     samples_min(&medians), AT_MOST, 1.3);
	report_ratio("restart / ours at the most pages",
		     samples_median(&restart[i].us_a_page) /
		     samples_median(&ours[i].us_a_page), AT_LEAST, 1.4);
}

static void measure_all(const struct bench *bench, struct figures *ours,
			struct figures *restart)
{
	for (unsigned int run = 0; run < bench->runs; run++) {
		for (size_t i = 0; i < NR_SIZES; i++) {
			measure(bench, HMMU_PROBE_UNLOCKED, sizes[i], &ours[i]);
			if (sizes[i] <= RESTART_MAX)
				measure(bench, HMMU_PROBE_RESTART, sizes[i],
					&restart[i]);
		}
	}
}

void bench_missing(const struct bench *bench)
{
	static struct figures ours[NR_SIZES], restart[NR_SIZES];
	cpu_set_t cpus = cpus_pin();

	measure_all(bench, ours, restart);
	cpus_restore(&cpus);

	for (size_t i = 0; i < NR_SIZES; i++)
		report(sizes[i], &ours[i], &restart[i]);
	report_growth(ours, restart);
}
