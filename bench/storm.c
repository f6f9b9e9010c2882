// SPDX-License-Identifier: GPL-2.0-only
/*
 * Populating present pages while another thread unmaps and maps elsewhere without a
 * pause: the mirror kit beside a loop round mmu_interval_read_retry(), which has one
 * interval for all memory, as the device has.
 *
 * What is counted in a fixed time: populates that were completed, and how often they
 * began again. Storm and populate are on a CPU each.
 *
 * And what the device's page table takes: the growth of the slab it is made of.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.h"
#include "content.h"
#include "dmirror.h"
#include "fail.h"
#include "memory.h"

#define PAGES		4096
#define STORM_PAGES	512
#define TABLE_PAGES	65536
#define MEASURE_NS	300000000ULL

struct storm {
	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned long rounds;
};

struct figures {
	struct samples pages, restarts;
};

struct pair {
	struct figures quiet, storm;
	struct samples ratio, rounds;
};

struct subject {
	int fd;
	const void *at;
	/* Returns whether it was completed; adds to restarts if not. */
	bool (*populate)(const struct subject *subject, uint64_t *restarts);
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

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
	void *at = memory_map(STORM_PAGES, MADV_NOHUGEPAGE);

	for (; !storm->stop; storm->rounds++) {
		if (munmap(at, STORM_PAGES * PAGE) ||
		    mmap(at, STORM_PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
			 MAP_FIXED_NOREPLACE, -1, 0) != at)
			die_errno("the storm has died");
	}
	memory_unmap(at, STORM_PAGES);
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

static double measure(const struct subject *subject, struct figures *figures)
{
	uint64_t retries = mirror_retries(), restarts = 0, populates = 0;
	uint64_t begun = now(), ended;

	do {
		populates += subject->populate(subject, &restarts);
		ended = now();
	} while (ended - begun < MEASURE_NS);
	restarts += mirror_retries() - retries;

	samples_add(&figures->pages, 1e6 * populates * PAGES / (ended - begun));
	samples_add(&figures->restarts, restarts);
	return (double)populates / (ended - begun);
}

static void both(const struct subject *subject, struct pair *pair)
{
	static struct storm storm;
	double quiet = measure(subject, &pair->quiet), disturbed;

	storm_begin(&storm);
	disturbed = measure(subject, &pair->storm);
	samples_add(&pair->rounds, storm.rounds);
	storm_end(&storm);
	samples_add(&pair->ratio, disturbed / quiet);
}

static void report_pair(const struct pair *pair)
{
	report_figure("pages a ms, quiet", &pair->quiet.pages, "");
	report_figure("pages a ms, in the storm", &pair->storm.pages, "");
	report_figure("the second by the first", &pair->ratio, "");
	report_figure("munmap() meanwhile", &pair->rounds, "");
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
	static struct pair ours, plain;
	void *at = memory_map(PAGES, MADV_NOHUGEPAGE);
	struct subject kit = { dmirror_open(0), at, populate_kit };
	struct subject loop = { bench->probe, at, populate_plain };
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	pin(pthread_self(), 0);
	bench_touch(at, PAGES, 1);
	for (unsigned int run = 0; run < bench->runs; run++) {
		both(&kit, &ours);
		both(&loop, &plain);
	}
	sched_setaffinity(0, sizeof(cpus), &cpus);

	report_title("storm: %d present pages, the mirror kit", PAGES);
	report_count("retries in the storm", &ours.storm.restarts, EQUAL, 0);
	report_pair(&ours);
	report_ratio("throughput kept", samples_median(&ours.ratio), AT_LEAST,
		     0.8);
	report_title("storm: %d present pages, a loop round read_retry", PAGES);
	report_figure("restarts in the storm", &plain.storm.restarts, "");
	report_pair(&plain);
	report_title("storm: memory of the device");
	measure_table(&kit);
	memory_unmap(at, PAGES);
}
