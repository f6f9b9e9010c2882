// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the project is for: where userfaultfd has to answer, the stock call is refused,
 * and both calls of ours succeed.
 */
#include <errno.h>
#include <sys/mman.h>

#include "content.h"
#include "harness.h"
#include "suites.h"
#include "probe.h"
#include "uffd.h"

#define PAGES	1024

static void *map_missing(int *uffd)
{
	void *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	*uffd = uffd_open(0, 0);
	CHECK_REL(*uffd, >=, 0);
	CHECK_EQ(uffd_register(*uffd, at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	return at;
}

/* The refusal that is the reason for this project. */
static void basic_stock_refuses(const void *unused)
{
	int uffd, probe = probe_open();
	void *at = map_missing(&uffd);
	struct hmmu_probe_run run = probe_range(HMMU_PROBE_STOCK, at, PAGES,
						READ_REQUEST);

	CHECK_EQ(probe_run(probe, &run), -EFAULT);
}

static void basic_populates(const void *variant)
{
	const enum hmmu_probe_call *call = variant;
	static char contents[PAGES * PAGE];
	uint64_t series = 7;
	int uffd, probe = probe_open();
	void *at = map_missing(&uffd);
	struct server server = {
		.uffd = uffd, .base = at, .pages = PAGES,
		.fill = server_fill_series, .arg = &series,
	};
	struct hmmu_probe_run run = probe_range(*call, at, PAGES, READ_REQUEST);

	server_start(&server);
	run.flags = HMMU_PROBE_EXACT;
	run.contents = (uintptr_t)contents;
	CHECK_EQ(probe_run(probe, &run), 0);
	server_stop(&server);

	CHECK_EQ(content_wrong(contents, series, 0, PAGES), 0);
	CHECK_EQ(run.stale, 0);
	CHECK_EQ(counted(&run, HMM_UNLOCKED_FAULTS), PAGES);
	CHECK_EQ(counted(&run, HMM_UNLOCKED_LOCK_DROPS), PAGES);
	CHECK_EQ(counted(&run, HMM_UNLOCKED_RESTARTS), 0);
	CHECK_REL(counted(&run, HMM_UNLOCKED_ENTRIES_READ), <=,
		  3 * PAGES + counted(&run, HMM_UNLOCKED_THREADS));
}

void suite_basic(void)
{
	static const enum hmmu_probe_call unlockable = HMMU_PROBE_UNLOCKABLE;
	static const enum hmmu_probe_call unlocked = HMMU_PROBE_UNLOCKED;

	add_case(basic_stock_refuses, NULL, "basic/stock-refuses");
	add_case(basic_populates, &unlockable, "basic/unlockable");
	add_case(basic_populates, &unlocked, "basic/unlocked");
}
