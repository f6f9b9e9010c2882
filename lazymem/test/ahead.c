// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading ahead: it widens while no fault comes, and yields to those that do. The source
 * writes each read to a log, and holds it back until the case answers it. So what is asked
 * for, and what is not, is seen without regard to time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define PAGES		1024
#define WINDOW		32768
#define LARGE		262144
#define READS_MOST	32

/*
 * A server whose source holds reads back.
 * @log: file with a line for each read
 * @gate: the read at OFFSET is answered once the file gate.OFFSET exists
 * @reads: the log, as read last
 */
struct held {
	const char *log, *gate;
	struct nbdkit nbdkit;
	struct lazymem_server server;
	struct memory memory;
	struct {
		uint64_t offset, bytes;
	} reads[READS_MOST];
};

static void held_start(struct held *held)
{
	char script[1024];

	held->log = fixture_path("log");
	held->gate = fixture_path("gate");
	snprintf(script, sizeof(script),
		 "pread=echo $4 $3 >>%s; while [ ! -e %s.$4 ]; do sleep 0.01; done; head -c $3 /dev/zero",
		 held->log, held->gate);
	held->nbdkit = nbdkit_run("eval", "get_size=echo 4194304",
				  "thread_model=echo parallel", script, NULL);
	held->server = server_run(held->nbdkit.uri, "--on-exit", "drop", NULL);
	held->memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
				   UFFDIO_REGISTER_MODE_MISSING);
	memory_serve(&held->memory, &held->server);
}

/* Have the read at @offset answered, whether it has begun or not. */
static void held_answer(const struct held *held, uint64_t offset)
{
	char path[256];

	snprintf(path, sizeof(path), "%s.%llu", held->gate, (unsigned long long)offset);
	close(open(path, O_WRONLY | O_CREAT, 0600));
}

static unsigned int held_count_reads(struct held *held)
{
	FILE *file = fopen(held->log, "re");
	unsigned int n = 0;

	while (file && n < READS_MOST &&
	       fscanf(file, "%lu %lu\n", &held->reads[n].offset, &held->reads[n].bytes) == 2)
		n++;
	if (file)
		fclose(file);
	return n;
}

/*
 * Wait for @n reads, and check that no more come while the server reports twice: in that
 * time it has gone round its loop.
 */
static void held_expect_reads(struct held *held, unsigned int n)
{
	while (held_count_reads(held) < n)
		usleep(1000);
	server_says(&held->server, "\"progress\"");
	server_says(&held->server, "\"progress\"");
	CHECK_EQ(held_count_reads(held), n);
}

/* One read of a window, then 2 large ones, then 8: doubled for each that was answered. */
static void case_widens(const void *variant)
{
	struct held held = {};

	held_start(&held);
	held_expect_reads(&held, 1);
	CHECK_EQ(held.reads[0].bytes, WINDOW);
	held_answer(&held, held.reads[0].offset);
	held_expect_reads(&held, 3);
	held_answer(&held, held.reads[1].offset);
	held_answer(&held, held.reads[2].offset);
	held_expect_reads(&held, 11);
	for (unsigned int i = 1; i < 11; i++)
		CHECK_EQ(held.reads[i].bytes, LARGE);
	kill(held.server.pid, SIGKILL);
}

static void *touch_page(void *at)
{
	return (void *)(uintptr_t)*(volatile char *)at;
}

/* A fault is read at once; no other read begins until it is answered. */
static void case_yields(const void *variant)
{
	struct held held = {};
	pthread_t thread;

	held_start(&held);
	held_expect_reads(&held, 1);
	held_answer(&held, held.reads[0].offset);
	held_expect_reads(&held, 3);
	pthread_create(&thread, NULL, touch_page, held.memory.base + 512 * PAGE);
	held_expect_reads(&held, 4);
	CHECK_EQ(held.reads[3].offset, 512 * PAGE);
	held_answer(&held, held.reads[1].offset);
	held_answer(&held, held.reads[2].offset);
	server_until(&held.server, "prefetched", WINDOW + 2 * LARGE);
	CHECK_EQ(server_number(&held.server, "waiting"), 1);
	held_expect_reads(&held, 4);
	held_answer(&held, 512 * PAGE);
	pthread_join(thread, NULL);
	/* The fault has set it back to one read of a window. */
	held_expect_reads(&held, 5);
	CHECK_EQ(held.reads[4].offset, WINDOW + 2 * LARGE);
	CHECK_EQ(held.reads[4].bytes, WINDOW);
	kill(held.server.pid, SIGKILL);
}

void suite_ahead(void)
{
	add_case(case_widens, NULL, "lazymem/ahead/widens");
	add_case(case_yields, NULL, "lazymem/ahead/yields");
}
