// SPDX-License-Identifier: GPL-2.0-only
/* What all parts need: one call of the probe that must succeed, and present pages. */
#include <string.h>

#include "bench.h"
#include "content.h"
#include "fail.h"

/*
 * HMMU_PROBE_EXACT: a notifier for just the range, so that invalidations elsewhere in
 * the process (by khugepaged, every 10 s) do not make the result stale.
 */
void bench_run(const struct bench *bench, struct hmmu_probe_run *run)
{
	run->flags |= HMMU_PROBE_EXACT;
	if (probe_run(bench->probe, run))
		die("a call failed: %s", strerror(-run->error));
	if (run->stale)
		die("a call was disturbed by an invalidation");
}

struct hmmu_probe_run bench_call(const struct bench *bench,
				 enum hmmu_probe_call call, const void *at,
				 size_t pages, uint64_t request)
{
	struct hmmu_probe_run run = probe_range(call, at, pages, request);

	bench_run(bench, &run);
	return run;
}

void bench_touch(void *at, size_t pages, size_t step)
{
	for (size_t i = 0; i < pages; i += step)
		((volatile char *)at)[i * PAGE] = 1;
}
