// SPDX-License-Identifier: GPL-2.0-only
/* Measures a piece of work in all its ways, in turn. */
#include "table.h"
#include "work.h"

static bool work_has_way(const struct work *work, enum way way)
{
	return work->ways & WITH(way) && way_exists(way);
}

static void work_make_testbed(const struct work *work, struct testbed *testbed)
{
	testbed_make(testbed);
	if (work->touch)
		testbed_touch(testbed, work->touch);
}

static uint64_t work_call(const struct bench *bench, const struct work *work,
			  const struct testbed *testbed, enum way way,
			  struct figures *figures)
{
	struct hmmu_probe_run run = bench_call(bench, way_take(way), testbed->at,
					       testbed->pages, work->request);

	/* The kernel's calls count nothing. */
	if (way != STOCK && way != MAINLINE)
		figures_count(figures, &run);
	return run.ns;
}

static uint64_t work_call_anew(const struct bench *bench, const struct work *work,
			       enum way way, struct figures *figures)
{
	struct testbed testbed = work->testbed;
	uint64_t ns;

	work_make_testbed(work, &testbed);
	ns = work_call(bench, work, &testbed, way, figures);
	testbed_drop(&testbed);
	return ns;
}

/*
 * One call by each way in turn, work->times times. The run's value is the median, since
 * the kernel sometimes does other work within a call.
 */
static void work_measure_run(const struct bench *bench, const struct work *work,
			     const struct testbed *kept, struct figures *figures)
{
	static struct samples ns[WAYS];

	for (enum way way = 0; way < WAYS; way++)
		ns[way].n = 0;
	for (unsigned int i = 0; i < work->times; i++)
		for (enum way way = 0; way < WAYS; way++)
			if (work_has_way(work, way))
				samples_add(&ns[way], kept ?
					    work_call(bench, work, kept, way,
						      &figures[way]) :
					    work_call_anew(bench, work, way,
							   &figures[way]));
	for (enum way way = 0; way < WAYS; way++)
		if (ns[way].n)
			samples_add(&figures[way].value,
				    samples_median(&ns[way]) / 1e3 /
				    work->testbed.pages);
}

static void work_measure(const struct bench *bench, const struct work *work,
			 const struct testbed *kept, struct figures *figures)
{
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress(work->part, work->title, run, bench->runs);
		work_measure_run(bench, work, kept, figures);
	}
}

const struct figures *work_compare(const struct bench *bench, const struct work *work)
{
	static struct figures figures[WAYS];
	struct testbed kept = work->testbed;
	const char *lacks = testbed_lacks(&work->testbed);

	if (lacks) {
		report_title("%s: %s", work->part, work->title);
		report_missing("all ways", lacks);
		return NULL;
	}
	figures_clear(figures);
	if (work->keep)
		work_make_testbed(work, &kept);
	work_measure(bench, work, work->keep ? &kept : NULL, figures);
	if (work->keep)
		testbed_drop(&kept);
	table_work(bench, work, figures);
	return figures;
}

double figures_speedup(const struct figures *fast, const struct figures *slow)
{
	if (!fast->value.n || !slow->value.n)
		return 0;
	return samples_median(&slow->value) / samples_median(&fast->value);
}

void figures_report_mainline(const struct figures *figures)
{
	double ratio = figures_speedup(&figures[RESTART], &figures[MAINLINE]);

	if (!ratio)
		return;
	report_ratio("mainline / restart", ratio, AT_LEAST, 0.95);
	report_ratio("mainline / restart", ratio, AT_MOST, 1.05);
}

const struct figures *figures_of_ours(const struct figures *figures)
{
	return &figures[figures[OURS_N].value.n ? OURS_N : OURS_1];
}

/* Engines without threads leave the counters of threads 0. */
void figures_count(struct figures *figures, const struct hmmu_probe_run *run)
{
	static const int which[COUNTS] = {
		[ENTRIES] = HMM_UNLOCKED_ENTRIES_READ,
		[FAULTS] = HMM_UNLOCKED_FAULTS,
		[DROPS] = HMM_UNLOCKED_LOCK_DROPS,
		[RESTARTS] = HMM_UNLOCKED_RESTARTS,
		[THREADS] = HMM_UNLOCKED_THREADS,
		[IN_FLIGHT] = HMM_UNLOCKED_MOST_IN_FLIGHT,
	};

	for (enum count i = 0; i < COUNTS; i++)
		samples_add(&figures->counts[i], counted(run, which[i]));
}

void figures_clear(struct figures figures[WAYS])
{
	for (enum way way = 0; way < WAYS; way++) {
		figures[way].value.n = 0;
		for (enum count i = 0; i < COUNTS; i++)
			figures[way].counts[i].n = 0;
	}
}
