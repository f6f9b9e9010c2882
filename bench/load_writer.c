// SPDX-License-Identifier: GPL-2.0-only
/* The writer's thread. It warms up before writer_start() returns. */
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "content.h"
#include "fail.h"
#include "load_writer.h"
#include "memory.h"

#define WARM	8	/* writes */

static void *writer_run(void *arg)
{
	struct writer *writer = arg;
	void *at = memory_map(1, MADV_NOHUGEPAGE);

	while (!writer->stop && writer->n < WRITES_MAX) {
		struct write *write = &writer->writes[writer->n];

		write->begun = clock_ns();
		mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
		write->ended = clock_ns();
		writer->n++;
		usleep(WRITER_PAUSE_US);
	}
	memory_unmap(at, 1);
	return NULL;
}

void writer_start(struct writer *writer)
{
	writer->stop = false;
	writer->n = 0;
	if (pthread_create(&writer->thread, NULL, writer_run, writer))
		die("cannot start a thread");
	while (writer->n < WARM)
		sched_yield();
}

void writer_stop(struct writer *writer)
{
	writer->stop = true;
	pthread_join(writer->thread, NULL);
}

unsigned int writer_waits(const struct writer *writer, uint64_t begun, uint64_t ended,
			  struct samples *longest, struct samples *median)
{
	static struct samples waits;

	waits.n = 0;
	for (unsigned int i = 0; i < writer->n; i++) {
		const struct write *w = &writer->writes[i];

		if (w->ended > begun && w->begun < ended)
			samples_add(&waits, (w->ended - w->begun) / 1e3);
	}
	if (!waits.n)
		die("the writer did not come to run");
	samples_add(longest, samples_max(&waits));
	samples_add(median, samples_median(&waits));
	return waits.n;
}
