// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are there already: what the engine adds to the kernel's walk.
 */
#include <sys/mman.h>

#include "bench.h"
#include "content.h"
#include "memory.h"

#define MANY		65536
#define FEW		4096

struct figures {
	struct samples us;
	struct samples faults;
	struct samples entries;
};

struct pair {
	struct figures ours, stock;
};

static void report(const char *kind, size_t pages, const struct pair *pair)
{
	report_title("present: %zu %s", pages, kind);
	report_count("entries read", &pair->ours.entries, EQUAL, pages);
	report_count("faults", &pair->ours.faults, EQUAL, 0);
	report_figure("time, ours", &pair->ours.us, "us");
	report_figure("time, stock", &pair->stock.us, "us");
	report_ratio("ours / stock", samples_median(&pair->ours.us) /
		     samples_median(&pair->stock.us), AT_MOST, 1.1);
}

static uint64_t measure(const struct bench *bench, enum hmmu_probe_call call,
			const void *at, size_t pages, struct figures *figures)
{
	struct hmmu_probe_run run = bench_call(bench, call, at, pages,
					       READ_REQUEST);

	samples_add(&figures->faults, counted(&run, HMM_UNLOCKED_FAULTS));
	samples_add(&figures->entries, counted(&run, HMM_UNLOCKED_ENTRIES_READ));
	return run.ns;
}

/* A short range is read several times: the same number of pages a figure. */
static void both(const struct bench *bench, const void *at, size_t pages,
		 struct pair *pair)
{
	unsigned int times = MANY / pages;
	uint64_t ours = 0, stock = 0;

	for (unsigned int i = 0; i < times; i++) {
		ours += measure(bench, HMMU_PROBE_UNLOCKED, at, pages,
				&pair->ours);
		stock += measure(bench, HMMU_PROBE_STOCK, at, pages,
				 &pair->stock);
	}
	samples_add(&pair->ours.us, ours / 1e3 / times);
	samples_add(&pair->stock.us, stock / 1e3 / times);
}

static void of_kind(const struct bench *bench, const char *kind, int advice)
{
	void *at = memory_map(MANY, advice);
	struct pair few = {}, many = {};

	bench_touch(at, MANY, 1);
	for (unsigned int run = 0; run < bench->runs; run++) {
		both(bench, at, FEW, &few);
		both(bench, at, MANY, &many);
	}
	memory_unmap(at, MANY);
	report(kind, FEW, &few);
	report(kind, MANY, &many);
}

void bench_present(const struct bench *bench)
{
	memory_need(MANY / 256 + 64);
	of_kind(bench, "pages of 4 KiB", MADV_NOHUGEPAGE);
	of_kind(bench, "pages in transparent huge pages", MADV_HUGEPAGE);
}
