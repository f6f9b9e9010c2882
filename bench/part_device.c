// SPDX-License-Identifier: GPL-2.0-only
/*
 * Missing pages, to be brought into device memory and mapped in the device. Three ways:
 * one call that populates with migration; three calls that fault, move and map; and calls
 * that move first, and fault only what could not be moved.
 *
 * Entries read are those that the engine reads, and those that the kernel reads to find
 * what to migrate.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "dmirror.h"
#include "fail.h"
#include "testbed.h"

#define PAGES	4096
#define DEVICE	2

/* One attempt of one way, and what it counts. */
struct attempt {
	int fd;
	const struct testbed *testbed;
	unsigned int calls;
	size_t looked_at;
};

struct device_figures {
	struct samples us, calls, entries;
};

static void device_call(struct attempt *attempt, unsigned long number,
			uint64_t ptr, struct hmm_dmirror_cmd *cmd)
{
	const struct testbed *testbed = attempt->testbed;

	attempt->calls++;
	if (dmirror_call(attempt->fd, number, testbed->at, testbed->pages,
			 (void *)(uintptr_t)ptr, cmd))
		die("call %#lx of /dev/hmm_dmirror%u has failed", number, DEVICE);
}

static void device_populate(struct attempt *attempt)
{
	struct hmm_dmirror_cmd cmd;

	device_call(attempt, HMM_DMIRROR_POPULATE, HMM_DMIRROR_POPULATE_WRITE,
		    &cmd);
}

static size_t device_move(struct attempt *attempt)
{
	struct hmm_dmirror_cmd cmd;

	device_call(attempt, HMM_DMIRROR_MOVE, HMM_DMIRROR_MOVE_TO_DEV, &cmd);
	attempt->looked_at += attempt->testbed->pages;
	return cmd.cpages;
}

static void device_one_call(struct attempt *attempt)
{
	static unsigned char bytes[PAGES];
	uint64_t before = mirror_total("pages_moved") + mirror_total("pages_stayed");
	struct hmm_dmirror_cmd cmd;

	memset(bytes, HMM_DMIRROR_PROT_WRITE, sizeof(bytes));
	device_call(attempt, HMM_DMIRROR_POPULATE_DEV, (uintptr_t)bytes, &cmd);
	if (cmd.cpages != attempt->testbed->pages)
		die("not all pages are in device memory");
	attempt->looked_at += mirror_total("pages_moved") +
			      mirror_total("pages_stayed") - before;
}

static void device_fault_first(struct attempt *attempt)
{
	device_populate(attempt);
	if (device_move(attempt) != attempt->testbed->pages)
		die("not all pages have been moved");
	device_populate(attempt);
}

static void device_move_first(struct attempt *attempt)
{
	if (device_move(attempt) != attempt->testbed->pages) {
		device_populate(attempt);
		device_move(attempt);
	}
	device_populate(attempt);
}

static const struct {
	const char *name;
	void (*run)(struct attempt *attempt);
} ways[] = {
	{ "one call", device_one_call },
	{ "fault, move, map", device_fault_first },
	{ "move first", device_move_first },
};

#define WAYS	(sizeof(ways) / sizeof(*ways))

static void device_measure(const struct testbed *like, size_t way,
			   struct device_figures *figures)
{
	struct testbed testbed = *like;
	struct attempt attempt = { .fd = dmirror_open(DEVICE),
				   .testbed = &testbed };
	uint64_t entries, begun;

	testbed_make(&testbed);
	entries = mirror_total("entries_read");
	begun = clock_ns();
	ways[way].run(&attempt);
	samples_add(&figures->us, (clock_ns() - begun) / 1e3 / testbed.pages);
	samples_add(&figures->calls, attempt.calls);
	entries = mirror_total("entries_read") - entries + attempt.looked_at;
	samples_add(&figures->entries, (double)entries / testbed.pages);
	close(attempt.fd);
	testbed_drop(&testbed);
}

static void device_run(const struct bench *bench, const struct testbed *testbed,
		       const char *what)
{
	struct device_figures *figures = calloc(WAYS, sizeof(*figures));

	if (!figures)
		die("no memory");
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress("device", what, run, bench->runs);
		for (size_t i = 0; i < WAYS; i++)
			device_measure(testbed, i, &figures[i]);
	}
	for (size_t i = 0; i < WAYS; i++) {
		report_title("device: %u pages %s, to device memory: %s", PAGES, what,
			     ways[i].name);
		report_figure("calls", &figures[i].calls, "");
		report_figure("entries read a page", &figures[i].entries, "");
		report_figure("us a page", &figures[i].us, "");
	}
	free(figures);
}

static bool device_has_memory(void)
{
	int fd = dmirror_open(DEVICE);
	int ret = dmirror_call(fd, HMM_DMIRROR_MOVE, NULL, 1, NULL, NULL);

	close(fd);
	return ret != -EOPNOTSUPP;
}

void part_device(const struct bench *bench)
{
	const struct testbed served = { .memory = SMALL,
					.source = SERVER,
					.pages = PAGES };
	const struct testbed plain = { .memory = SMALL,
				       .source = KERNEL,
				       .pages = PAGES };

	if (!device_has_memory()) {
		report_missing("device", "hmm_dmirror2 has no memory in this guest");
		return;
	}
	device_run(bench, &served, "that a page server has to bring");
	device_run(bench, &plain, "that nobody has touched");
}
