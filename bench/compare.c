// SPDX-License-Identifier: GPL-2.0-only
#include "compare.h"
#include "table.h"

static bool is_measured(const struct work *work, enum way way)
{
	return work->ways & WITH(way) && way_exists(way);
}

static void make(const struct work *work, struct place *place)
{
	place_make(place);
	if (work->touch)
		place_touch(place, work->touch);
}

static uint64_t call(const struct bench *bench, const struct work *work,
		     const struct place *place, enum way way,
		     struct figures *figures)
{
	struct hmmu_probe_run run = bench_call(bench, way_take(way), place->at,
					       place->pages, work->request);

	/* Nobody counts in there. */
	if (way != STOCK)
		figures_count(figures, &run);
	return run.ns;
}

static uint64_t call_anew(const struct bench *bench, const struct work *work,
			  enum way way, struct figures *figures)
{
	struct place place = work->place;
	uint64_t ns;

	make(work, &place);
	ns = call(bench, work, &place, way, figures);
	place_drop(&place);
	return ns;
}

/*
 * One call by each way in turn, @times times. The median is the run's value: now and
 * then the kernel does something else within one of them.
 */
static void measure_run(const struct bench *bench, const struct work *work,
			const struct place *kept, struct figures *figures)
{
	static struct samples ns[WAYS];

	for (enum way way = 0; way < WAYS; way++)
		ns[way].n = 0;
	for (unsigned int i = 0; i < work->times; i++)
		for (enum way way = 0; way < WAYS; way++)
			if (is_measured(work, way))
				samples_add(&ns[way], kept ?
					    call(bench, work, kept, way,
						 &figures[way]) :
					    call_anew(bench, work, way,
						      &figures[way]));
	for (enum way way = 0; way < WAYS; way++)
		if (ns[way].n)
			samples_add(&figures[way].value,
				    samples_median(&ns[way]) / 1e3 /
				    work->place.pages);
}

static void measure(const struct bench *bench, const struct work *work,
		    const struct place *kept, struct figures *figures)
{
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress(work->part, work->title, run, bench->runs);
		measure_run(bench, work, kept, figures);
	}
}

const struct figures *compare(const struct bench *bench, const struct work *work)
{
	static struct figures figures[WAYS];
	struct place kept = work->place;
	const char *lacks = place_lacks(&work->place);

	if (lacks) {
		report_title("%s: %s", work->part, work->title);
		report_missing("all ways", lacks);
		return NULL;
	}
	figures_clear(figures);
	if (work->keep)
		make(work, &kept);
	measure(bench, work, work->keep ? &kept : NULL, figures);
	if (work->keep)
		place_drop(&kept);
	table_of_work(bench, work, figures);
	return figures;
}

double faster(const struct figures *fast, const struct figures *slow)
{
	if (!fast->value.n || !slow->value.n)
		return 0;
	return samples_median(&slow->value) / samples_median(&fast->value);
}

const struct figures *figures_of_ours(const struct figures *figures)
{
	return &figures[figures[OURS_N].value.n ? OURS_N : OURS_1];
}

/* Those of engines that have no threads are 0. */
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
