// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every second page is to be allocated: short runs, and faults that drop no lock.
 * Nothing is to be won here by dropping the lock; ours is not to be slower.
 */
#include <sys/mman.h>

#include "bench.h"
#include "memory.h"

#define PAGES	16384

struct figures {
	struct samples ms;
	struct samples faults;
	struct samples entries;
};

static void measure(const struct bench *bench, enum hmmu_probe_call call,
		    uint64_t request, struct figures *figures)
{
	void *at = memory_map(PAGES, MADV_NOHUGEPAGE);
	struct hmmu_probe_run run;

	bench_touch(at, PAGES, 2);
	run = bench_call(bench, call, at, PAGES, request);
	memory_unmap(at, PAGES);
	samples_add(&figures->ms, run.ns / 1e6);
	samples_add(&figures->faults, counted(&run, HMM_UNLOCKED_FAULTS));
	samples_add(&figures->entries, counted(&run, HMM_UNLOCKED_ENTRIES_READ));
}

static void with_request(const struct bench *bench, const char *name,
			 uint64_t request)
{
	struct figures ours = {}, stock = {};

	for (unsigned int run = 0; run < bench->runs; run++) {
		measure(bench, HMMU_PROBE_UNLOCKED, request, &ours);
		measure(bench, HMMU_PROBE_STOCK, request, &stock);
	}
	report_title("sparse: every second of %d pages missing, %s", PAGES,
		     name);
	report_count("faults", &ours.faults, EQUAL, PAGES / 2);
	report_count("entries read", &ours.entries, AT_MOST, 3 * PAGES);
	report_figure("time, ours", &ours.ms, "ms");
	report_figure("time, stock", &stock.ms, "ms");
	report_ratio("ours / stock", samples_median(&ours.ms) /
		     samples_median(&stock.ms), AT_MOST, 1.0);
}

void bench_sparse(const struct bench *bench)
{
	with_request(bench, "write", WRITE_REQUEST);
	with_request(bench, "read", READ_REQUEST);
}
