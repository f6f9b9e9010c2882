// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading ahead: the row widens while no fault comes, and yields to those that do; streams
 * and a recorded order go on while faults wait. The source writes each read to a log, and
 * holds it back until the case answers it. So what is asked for, and what is not, is seen
 * without regard to time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "random.h"
#include "streams.h"

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

/* @order: recorded, only that is read ahead; or NULL: @prefetch says what. */
static void held_start(struct held *held, const char *prefetch, const char *order)
{
	char script[1024];

	held->log = fixture_path("log");
	held->gate = fixture_path("gate");
	snprintf(script, sizeof(script),
		 "pread=echo $4 $3 >>%s; while [ ! -e %s.$4 ] && [ -e %s ]; do sleep 0.01; done; head -c $3 /dev/zero",
		 held->log, held->gate, held->log);
	held->nbdkit = nbdkit_run("eval", "get_size=echo 4194304",
				  "thread_model=echo parallel", script, NULL);
	held->server = server_run(held->nbdkit.uri, "--on-exit", "drop",
				  "--prefetch", order ? "recorded" : prefetch,
				  order ? "--replay" : NULL, order, NULL);
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

	held_start(&held, "all", NULL);
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

	held_start(&held, "all", NULL);
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

/* Wait for @n reads in all. nbdkit writes those that it gets at once in any order. */
static void held_wait_reads(struct held *held, unsigned int n)
{
	while (held_count_reads(held) < n)
		usleep(1000);
}

/* Whether @pages pages from @page on were asked for by one read. */
static bool held_has(const struct held *held, uint64_t page, uint64_t pages)
{
	for (unsigned int i = 0; i < READS_MOST; i++)
		if (held->reads[i].bytes && held->reads[i].offset == page * PAGE &&
		    held->reads[i].bytes == pages * PAGE)
			return true;
	return false;
}

/* A thread of the client that touches @pages pages, @step apart, without a pause. */
struct walk {
	const struct memory *memory;
	size_t from, pages;
	ssize_t step;
	pthread_t thread;
};

static void *walk_main(void *arg)
{
	const struct walk *walk = arg;

	for (size_t i = 0; i < walk->pages; i++)
		touch_page(walk->memory->base + (walk->from + i * walk->step) * PAGE);
	return NULL;
}

static void walk_start(struct walk *walk, const struct held *held)
{
	walk->memory = &held->memory;
	pthread_create(&walk->thread, NULL, walk_main, walk);
}

/*
 * After the second fault, which waits, two windows more are on their way. The third fault is
 * at one of these, and makes the stream wider.
 */
static void case_in_order(const void *variant)
{
	struct walk walk = { .pages = PAGES, .step = 1 };
	struct held held = {};

	held_start(&held, "streams", NULL);
	walk_start(&walk, &held);
	held_wait_reads(&held, 1);
	CHECK(held_has(&held, 0, 8));
	held_answer(&held, 0);
	held_wait_reads(&held, 4);
	CHECK(held_has(&held, 8, 8));
	CHECK(held_has(&held, 16, 8));
	CHECK(held_has(&held, 24, 8));
	held_answer(&held, 8 * PAGE);
	held_expect_reads(&held, 6);
	CHECK(held_has(&held, 32, 10));
	CHECK(held_has(&held, 42, 10));
	kill(held.server.pid, SIGKILL);
}

static void case_backwards(const void *variant)
{
	struct walk walk = { .from = PAGES - 1, .pages = PAGES, .step = -1 };
	struct held held = {};

	held_start(&held, "streams", NULL);
	walk_start(&walk, &held);
	held_wait_reads(&held, 1);
	CHECK(held_has(&held, PAGES - 8, 8));
	held_answer(&held, (PAGES - 8) * PAGE);
	held_wait_reads(&held, 4);
	CHECK(held_has(&held, PAGES - 16, 8));
	CHECK(held_has(&held, PAGES - 24, 8));
	CHECK(held_has(&held, PAGES - 32, 8));
	kill(held.server.pid, SIGKILL);
}

/* From the third fault on single pages, four of them ahead. */
static void case_strided(const void *variant)
{
	struct walk walk = { .pages = 16, .step = 16 };
	struct held held = {};

	held_start(&held, "streams", NULL);
	walk_start(&walk, &held);
	held_answer(&held, 0);
	held_answer(&held, 16 * PAGE);
	held_wait_reads(&held, 7);
	CHECK(held_has(&held, 0, 8));
	CHECK(held_has(&held, 16, 8));
	for (int i = 2; i < 7; i++)
		CHECK(held_has(&held, i * 16, 1));
	kill(held.server.pid, SIGKILL);
}

/* Each has its own stream, whose reads are in flight beside the other's. */
static void case_two_threads(const void *variant)
{
	struct walk low = { .pages = 512, .step = 1 };
	struct walk high = { .from = 512, .pages = 512, .step = 1 };
	struct held held = {};

	held_start(&held, "streams", NULL);
	walk_start(&low, &held);
	walk_start(&high, &held);
	held_answer(&held, 0);
	held_answer(&held, 512 * PAGE);
	held_wait_reads(&held, 8);
	for (int i = 0; i < 4; i++) {
		CHECK(held_has(&held, i * 8, 8));
		CHECK(held_has(&held, 512 + i * 8, 8));
	}
	kill(held.server.pid, SIGKILL);
}

/* A page that the client takes elsewhere. */
#define ELSEWHERE	1000

static void order_write(const char *path, const size_t *pages, size_t count)
{
	FILE *file = fopen(path, "we");

	fputs("lazymem-order 1\n", file);
	for (size_t i = 0; i < count; i++)
		fprintf(file, "%lx %lu\n", pages[i] * PAGE, PAGE);
	fclose(file);
}

/*
 * 12 reads are in flight, whose pages are far from one another and in no order; a fault that
 * waits changes nothing. The 13th is begun when one is answered. What the fault has asked
 * for is not read again, and after the last nothing more is read.
 */
static void case_replay_in_flight(const void *variant)
{
	struct walk elsewhere = { .from = ELSEWHERE, .pages = 1 };
	const char *order = fixture_path("order");
	struct held held = {};
	size_t pages[15];

	for (size_t i = 0; i < 14; i++)
		pages[i] = i * 5 % 14 * 64;
	pages[14] = ELSEWHERE + 1;
	order_write(order, pages, 15);
	held_start(&held, NULL, order);
	held_wait_reads(&held, 12);
	walk_start(&elsewhere, &held);
	held_wait_reads(&held, 13);
	CHECK(held_has(&held, ELSEWHERE, 8));
	for (size_t i = 0; i < 12; i++)
		CHECK(held_has(&held, pages[i], 8));
	/* The fault has one of the slots, so two have to become free. */
	held_answer(&held, pages[0] * PAGE);
	held_answer(&held, pages[1] * PAGE);
	held_wait_reads(&held, 14);
	CHECK(held_has(&held, pages[12], 8));
	for (size_t i = 2; i < 14; i++)
		held_answer(&held, pages[i] * PAGE);
	held_answer(&held, ELSEWHERE * PAGE);
	pthread_join(elsewhere.thread, NULL);
	server_until(&held.server, "prefetched", 15 * WINDOW - PAGE);
	server_says(&held.server, "\"progress\"");
	CHECK_EQ(held_count_reads(&held), 15);
	kill(held.server.pid, SIGKILL);
}

/* Entries in windows that follow one another are one read, whatever their order in them. */
static void case_replay_merges(const void *variant)
{
	static const size_t pages[] = { 21, 25, 28, 33, 12, 500, 100 };
	const char *order = fixture_path("order");
	struct held held = {};

	order_write(order, pages, sizeof(pages) / sizeof(pages[0]));
	held_start(&held, NULL, order);
	held_expect_reads(&held, 3);
	CHECK(held_has(&held, 8, 32));
	CHECK(held_has(&held, 496, 8));
	CHECK(held_has(&held, 96, 8));
	kill(held.server.pid, SIGKILL);
}

/* So many threads, each in order, among faults at random pages. */
#define THREADS	16
#define APART	1000000

static void case_streams_kept(const void *variant)
{
	struct pages pages = { .count = (THREADS + 1) * APART, .size = PAGE };
	uint64_t random = random_seed(1);
	struct streams streams = {};

	for (uint64_t i = 0; i < 100; i++) {
		for (uint64_t thread = 0; thread < THREADS; thread++) {
			struct page_ref at = { &pages, thread * APART + i };

			streams_note(&streams, at, 1);
			CHECK_EQ(stream_is_sure(streams_find(&streams, at)), i > 0);
		}
		/* Few before the 16 are streams: the table has not many entries more. */
		for (int j = 0; j < (i ? 100 : 4); j++) {
			struct page_ref at = { &pages, THREADS * APART +
					       random_draw(&random, APART) };

			streams_note(&streams, at, 1);
		}
	}
}

/* A stream that breaks off begins anew, and what is brought ahead for it is short again. */
static void case_streams_break(const void *variant)
{
	struct pages pages = { .count = APART, .size = PAGE };
	struct page_ref at = { &pages, 0 };
	struct streams streams = {};

	for (at.index = 0; at.index < 800; at.index += 8) {
		streams_note(&streams, at, 8);
		streams_brought(&streams, at, (struct span) { at.index, at.index + 8 });
	}
	CHECK_EQ(stream_goal(streams.latest, 8, 100000), 792 + 2 * 792 + 8);
	CHECK_EQ(stream_goal(streams.latest, 8, 100), 792 + 100);
	at.index = 500000;
	streams_note(&streams, at, 8);
	CHECK(!stream_is_sure(streams.latest));
	CHECK_EQ(streams.alone, 0);
}

void suite_ahead(void)
{
	add_case(case_widens, NULL, "lazymem/ahead/widens");
	add_case(case_yields, NULL, "lazymem/ahead/yields");
	add_case(case_in_order, NULL, "lazymem/ahead/in-order");
	add_case(case_backwards, NULL, "lazymem/ahead/backwards");
	add_case(case_strided, NULL, "lazymem/ahead/strided");
	add_case(case_two_threads, NULL, "lazymem/ahead/two-threads");
	add_case(case_replay_in_flight, NULL, "lazymem/ahead/replay-in-flight");
	add_case(case_replay_merges, NULL, "lazymem/ahead/replay-merges");
	add_case(case_streams_kept, NULL, "lazymem/ahead/streams-kept");
	add_case(case_streams_break, NULL, "lazymem/ahead/streams-break");
}
