// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long mmap() waits while a device's call reads a range of 1 GiB that is
 * present.
 *
 * The stock call holds the mmap lock to the end. Ours lets go of it after each
 * chunk where somebody waits. The writer maps the same page over and over, which
 * takes the lock once and is outside the range, so nothing is invalidated.
 *
 * What is exact is the number of chunks in a row at whose end a write waited: the
 * writer pauses for longer than a chunk takes, so more than 1 means that a write
 * has waited for more than one chunk. Its wait in time also has the wake-up of the
 * writer's CPU, which under emulation takes several chunks' time.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "content.h"
#include "fail.h"
#include "memory.h"

#define PAGES		262144
#define CHUNKS		(PAGES / 512)
#define PAUSE_US	500
#define WRITES_MAX	100000

/* An mmap(), in ns. */
struct write {
	uint64_t begun, ended;
};

struct writer {
	pthread_t thread;
	_Atomic bool stop;
	size_t n;
	struct write writes[WRITES_MAX];
};

static void *write_now_and_then(void *arg)
{
	struct writer *writer = arg;
	struct write *write;
	void *at = memory_map(1, MADV_NOHUGEPAGE);

	while (!writer->stop && writer->n < WRITES_MAX) {
		write = &writer->writes[writer->n++];
		write->begun = clock_ns();
		mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
		write->ended = clock_ns();
		usleep(PAUSE_US);
	}
	memory_unmap(at, 1);
	return NULL;
}

static void writer_start(struct writer *writer)
{
	writer->stop = false;
	writer->n = 0;
	if (pthread_create(&writer->thread, NULL, write_now_and_then, writer))
		die("cannot start a thread");
}

static void writer_stop(struct writer *writer)
{
	writer->stop = true;
	pthread_join(writer->thread, NULL);
}

struct figures {
	struct samples ms;
	struct samples longest_us;
	struct samples median_us;
	struct samples yields;
	struct samples writes;
	struct samples streak;
};

/* What was under way at any time between @begun and @ended. */
static void add_waits(const struct writer *writer, uint64_t begun,
			uint64_t ended, struct figures *figures)
{
	static struct samples waits;
	const struct write *w;

	waits.n = 0;
	for (w = writer->writes; w < writer->writes + writer->n; w++)
		if (w->ended > begun && w->begun < ended)
			samples_add(&waits, (w->ended - w->begun) / 1e3);
	if (!waits.n)
		die("the writer did not come to run");
	samples_add(&figures->longest_us, samples_max(&waits));
	samples_add(&figures->median_us, samples_median(&waits));
	samples_add(&figures->writes, waits.n);
}

static void measure(const struct bench *bench, enum hmmu_probe_call call,
		    const void *at, struct figures *figures)
{
	static struct writer writer;
	struct hmmu_probe_run run = probe_range(call, at, PAGES, READ_REQUEST);
	uint64_t begun, ended;

	writer_start(&writer);
	usleep(10 * PAUSE_US);
	begun = clock_ns();
	bench_run(bench, &run);
	ended = clock_ns();
	writer_stop(&writer);

	add_waits(&writer, begun, ended, figures);
	samples_add(&figures->ms, run.ns / 1e6);
	samples_add(&figures->yields, counted(&run, HMM_UNLOCKED_YIELDS));
	samples_add(&figures->streak, counted(&run, HMM_UNLOCKED_YIELD_STREAK));
}

static void report(const struct figures *ours, const struct figures *stock,
		   const struct samples *chunk)
{
	report_title("writer: mmap() during a call for %d pages",
		     PAGES);
	report_figure("time of a chunk, undisturbed", chunk, "us");
	report_figure("stock: longest wait", &stock->longest_us, "us");
	report_figure("stock: time of the call", &stock->ms, "ms");
	report_figure("ours: longest wait", &ours->longest_us, "us");
	report_figure("ours: median wait", &ours->median_us, "us");
	report_figure("ours: time of the call", &ours->ms, "ms");
	report_figure("writes during the call", &ours->writes, "");
	report_figure("yields", &ours->yields, "");
	report_ratio("chunks in a row with a write waiting",
		     samples_median(&ours->streak), AT_MOST, 1);
}

void bench_writer(const struct bench *bench)
{
	static struct figures ours, stock;
	struct samples chunk = {};
	struct hmmu_probe_run run;
	void *at;

	memory_need(PAGES / 256 + 64);
	at = memory_map(PAGES, MADV_NOHUGEPAGE);
	bench_touch(at, PAGES, 1);
	for (unsigned int i = 0; i < bench->runs; i++) {
		run = bench_call(bench, HMMU_PROBE_UNLOCKED, at, PAGES,
				 READ_REQUEST);
		samples_add(&chunk, run.ns / 1e3 / CHUNKS);
		measure(bench, HMMU_PROBE_UNLOCKED, at, &ours);
		measure(bench, HMMU_PROBE_STOCK, at, &stock);
	}
	memory_unmap(at, PAGES);
	report(&ours, &stock, &chunk);
}
