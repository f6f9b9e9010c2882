// SPDX-License-Identifier: GPL-2.0-only
/*
 * Populating present pages while another thread unmaps and maps elsewhere without a
 * pause: the mirror kit beside a loop round mmu_interval_read_retry(), which has one
 * interval for all memory, as the device has. And beside a read of /proc/self/pagemap,
 * which no invalidation concerns, but which takes the mmap lock for each page table as
 * the kit does: what it loses in the storm it loses to the lock.
 *
 * What is counted in a fixed time: populates that were completed, and how often they
 * began again. Storm and populate are on a CPU each.
 *
 * And what the device's page table takes: the growth of the slab it is made of.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "content.h"
#include "dmirror.h"
#include "fail.h"
#include "memory.h"

#define PAGES		4096
#define TABLE_PAGES	65536
#define MEASURE_NS	300000000ULL

/* The fewer pages a round unmaps, the larger the part of it that locks others out. */
static const size_t storm_pages[] = { 1, 512, 4096 };

struct storm {
	pthread_t thread;
	size_t pages;
	_Atomic bool stop;
	_Atomic unsigned long rounds;
};

struct subject {
	const char *name;
	int fd;
	const void *at;
	/* Returns whether it was completed; adds to restarts if not. */
	bool (*populate)(const struct subject *subject, uint64_t *restarts);
};

struct figures {
	struct samples quiet, stormy, kept, rounds, restarts;
};

enum { KIT, LOOP, PAGEMAP, SUBJECTS };

static void pin(pthread_t thread, int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (pthread_setaffinity_np(thread, sizeof(cpus), &cpus))
		die("this needs two CPUs: --cpus 2");
}

static void *storm_thread(void *arg)
{
	struct storm *storm = arg;
	void *at = memory_map(storm->pages, MADV_NOHUGEPAGE);

	for (; !storm->stop; storm->rounds++) {
		if (munmap(at, storm->pages * PAGE) ||
		    mmap(at, storm->pages * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
			 MAP_FIXED_NOREPLACE, -1, 0) != at)
			die_errno("the storm has died");
	}
	memory_unmap(at, storm->pages);
	return NULL;
}

static void storm_begin(struct storm *storm)
{
	storm->stop = false;
	storm->rounds = 0;
	if (pthread_create(&storm->thread, NULL, storm_thread, storm))
		die("cannot start a thread");
	pin(storm->thread, 1);
	while (!storm->rounds)
		sched_yield();
}

static void storm_end(struct storm *storm)
{
	storm->stop = true;
	pthread_join(storm->thread, NULL);
}

static bool populate_kit(const struct subject *subject, uint64_t *restarts)
{
	if (dmirror_populate(subject->fd, subject->at, PAGES, 0))
		die("HMM_DMIRROR_POPULATE has failed");
	return true;
}

static bool populate_plain(const struct subject *subject, uint64_t *restarts)
{
	struct hmmu_probe_run run = probe_range(HMMU_PROBE_STOCK, subject->at,
						PAGES, READ_REQUEST);
	int ret = probe_run(subject->fd, &run);

	if (!ret && !run.stale)
		return true;
	if (ret && ret != -EBUSY)
		die("the stock call has failed: %s", strerror(-ret));
	++*restarts;
	return false;
}

static bool read_pagemap(const struct subject *subject, uint64_t *restarts)
{
	static uint64_t entries[PAGES];

	if (pread(subject->fd, entries, sizeof(entries),
		  (uintptr_t)subject->at / PAGE * sizeof(*entries)) !=
	    sizeof(entries))
		die_errno("cannot read /proc/self/pagemap");
	return true;
}

/* Returns pages a millisecond. */
static double measure(const struct subject *subject, uint64_t *restarts)
{
	uint64_t retries = mirror_retries(), populates = 0;
	uint64_t begun = clock_ns(), ended;

	do {
		populates += subject->populate(subject, restarts);
		ended = clock_ns();
	} while (ended - begun < MEASURE_NS);
	*restarts += mirror_retries() - retries;
	return 1e6 * populates * PAGES / (ended - begun);
}

static void measure_both(const struct subject *subject, struct storm *storm,
			 struct figures *figures)
{
	uint64_t restarts = 0;
	double quiet = measure(subject, &restarts), stormy;

	restarts = 0;
	storm_begin(storm);
	stormy = measure(subject, &restarts);
	samples_add(&figures->rounds, storm->rounds);
	storm_end(storm);

	samples_add(&figures->quiet, quiet);
	samples_add(&figures->stormy, stormy);
	samples_add(&figures->kept, stormy / quiet);
	samples_add(&figures->restarts, restarts);
}

static void report_subject(const struct subject *subject,
			   const struct figures *figures)
{
	report_title("%s", subject->name);
	report_figure("pages a ms, quiet", &figures->quiet, "");
	report_figure("pages a ms, in the storm", &figures->stormy, "");
	report_figure("the second by the first", &figures->kept, "");
	report_figure("munmap() meanwhile", &figures->rounds, "");
	report_figure("restarts", &figures->restarts, "");
}

static void measure_storm(const struct subject *subjects, size_t pages,
			  unsigned int runs)
{
	struct figures *figures = calloc(SUBJECTS, sizeof(*figures));
	struct storm storm = { .pages = pages };

	if (!figures)
		die("no memory");
	for (unsigned int run = 0; run < runs; run++)
		for (size_t i = 0; i < SUBJECTS; i++)
			measure_both(&subjects[i], &storm, &figures[i]);

	report_title("storm: %d present pages, %zu are unmapped and mapped elsewhere",
		     PAGES, pages);
	for (size_t i = 0; i < SUBJECTS; i++)
		report_subject(&subjects[i], &figures[i]);
	report_count("retries of the kit", &figures[KIT].restarts, EQUAL, 0);
	report_ratio("throughput that the kit keeps",
		     samples_median(&figures[KIT].kept), AT_LEAST, 0.8);
	free(figures);
}

static size_t table_bytes(void)
{
	char line[512], name[64];
	size_t active, total, size;
	FILE *f = fopen("/proc/slabinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %zu %zu %zu", name, &active, &total,
			   &size) == 4 && !strcmp(name, "radix_tree_node")) {
			fclose(f);
			return active * size;
		}
	if (f)
		fclose(f);
	return 0;
}

static void measure_table(const struct subject *kit)
{
	void *at = memory_map(TABLE_PAGES, MADV_NOHUGEPAGE);
	struct samples bytes = {};
	size_t before;

	bench_touch(at, TABLE_PAGES, 1);
	before = table_bytes();
	if (!before) {
		report_missing("page table of the device", "no radix_tree_node in /proc/slabinfo");
		return;
	}
	if (dmirror_populate(kit->fd, at, TABLE_PAGES, 0))
		die("HMM_DMIRROR_POPULATE has failed");
	samples_add(&bytes, (double)(table_bytes() - before) / TABLE_PAGES);
	report_figure("page table of the device, a page", &bytes, "bytes");
	memory_unmap(at, TABLE_PAGES);
}

void bench_storm(const struct bench *bench)
{
	void *at = memory_map(PAGES, MADV_NOHUGEPAGE);
	const struct subject subjects[SUBJECTS] = {
		[KIT] = { "the mirror kit", dmirror_open(0), at, populate_kit },
		[LOOP] = { "a loop round mmu_interval_read_retry()",
			   bench->probe, at, populate_plain },
		[PAGEMAP] = { "a read of pagemap, for comparison",
			      open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
			      at, read_pagemap },
	};
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	pin(pthread_self(), 0);
	bench_touch(at, PAGES, 1);
	for (size_t i = 0; i < sizeof(storm_pages) / sizeof(*storm_pages); i++)
		measure_storm(subjects, storm_pages[i], bench->runs);
	sched_setaffinity(0, sizeof(cpus), &cpus);

	report_title("storm: memory of the device");
	measure_table(&subjects[KIT]);
	for (size_t i = 0; i < SUBJECTS; i++)
		if (i != LOOP)
			close(subjects[i].fd);
	memory_unmap(at, PAGES);
}
