// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are missing are to be in a device's memory and mapped there: by one call that
 * populates with migration, by calls that fault, move and map, and by such that move first.
 *
 * A page-table entry is read by the engine, or by the kernel when it looks what to move.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "dmirror.h"
#include "fail.h"
#include "place.h"

#define PAGES	4096
#define DEVICE	2

/* What a way is measured with. */
struct attempt {
	int fd;
	const struct place *place;
	unsigned int calls;
	size_t looked_at;
};

struct device_figures {
	struct samples us, calls, entries;
};

static void call(struct attempt *attempt, unsigned long number, uint64_t ptr,
		 struct hmm_dmirror_cmd *cmd)
{
	const struct place *place = attempt->place;

	attempt->calls++;
	if (dmirror_call(attempt->fd, number, place->at, place->pages,
			 (void *)(uintptr_t)ptr, cmd))
		die("call %#lx of /dev/hmm_dmirror%u has failed", number, DEVICE);
}

static void populate(struct attempt *attempt)
{
	struct hmm_dmirror_cmd cmd;

	call(attempt, HMM_DMIRROR_POPULATE, HMM_DMIRROR_POPULATE_WRITE, &cmd);
}

static size_t move(struct attempt *attempt)
{
	struct hmm_dmirror_cmd cmd;

	call(attempt, HMM_DMIRROR_MOVE, HMM_DMIRROR_MOVE_TO_DEV, &cmd);
	attempt->looked_at += attempt->place->pages;
	return cmd.cpages;
}

static void one_call(struct attempt *attempt)
{
	static unsigned char bytes[PAGES];
	uint64_t before = mirror_total("pages_moved") + mirror_total("pages_stayed");
	struct hmm_dmirror_cmd cmd;

	memset(bytes, HMM_DMIRROR_PROT_WRITE, sizeof(bytes));
	call(attempt, HMM_DMIRROR_POPULATE_DEV, (uintptr_t)bytes, &cmd);
	if (cmd.cpages != attempt->place->pages)
		die("not all pages are in device memory");
	attempt->looked_at += mirror_total("pages_moved") +
			      mirror_total("pages_stayed") - before;
}

static void fault_first(struct attempt *attempt)
{
	populate(attempt);
	if (move(attempt) != attempt->place->pages)
		die("not all pages have been moved");
	populate(attempt);
}

static void move_first(struct attempt *attempt)
{
	if (move(attempt) != attempt->place->pages) {
		populate(attempt);
		move(attempt);
	}
	populate(attempt);
}

static const struct {
	const char *name;
	void (*run)(struct attempt *attempt);
} ways[] = {
	{ "one call", one_call },
	{ "fault, move, map", fault_first },
	{ "move first", move_first },
};

#define WAYS	(sizeof(ways) / sizeof(*ways))

static void measure(const struct place *like, size_t way,
		    struct device_figures *figures)
{
	struct place place = *like;
	struct attempt attempt = { .fd = dmirror_open(DEVICE), .place = &place };
	uint64_t entries, begun;

	place_make(&place);
	entries = mirror_total("entries_read");
	begun = clock_ns();
	ways[way].run(&attempt);
	samples_add(&figures->us, (clock_ns() - begun) / 1e3 / place.pages);
	samples_add(&figures->calls, attempt.calls);
	samples_add(&figures->entries, (double)(mirror_total("entries_read") - entries +
						attempt.looked_at) / place.pages);
	close(attempt.fd);
	place_drop(&place);
}

static void bench_place(const struct bench *bench, const struct place *place,
			const char *what)
{
	struct device_figures *figures = calloc(WAYS, sizeof(*figures));

	if (!figures)
		die("no memory");
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress("device", what, run, bench->runs);
		for (size_t i = 0; i < WAYS; i++)
			measure(place, i, &figures[i]);
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

static bool has_memory(void)
{
	int fd = dmirror_open(DEVICE);
	int ret = dmirror_call(fd, HMM_DMIRROR_MOVE, NULL, 1, NULL, NULL);

	close(fd);
	return ret != -EOPNOTSUPP;
}

void bench_device(const struct bench *bench)
{
	const struct place served = { .memory = SMALL, .source = SERVER, .pages = PAGES };
	const struct place plain = { .memory = SMALL, .source = KERNEL, .pages = PAGES };

	if (!has_memory()) {
		report_missing("device", "hmm_dmirror2 has no memory in this guest");
		return;
	}
	bench_place(bench, &served, "that a page server has to bring");
	bench_place(bench, &plain, "that nobody has touched");
}
