// SPDX-License-Identifier: GPL-2.0-only
/* What clients do with their memory while it is filled: give back, unmap, move, fork. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define PAGES	256

static const bool fast, slow = true;
static const size_t page_by_page = 1, by_sixteen = 16;

/* What was given back is zeros, wherever it was; the rest is the image's. */
static void case_removed(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);

	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	/* Half of them are in place. */
	CHECK_EQ(madvise(memory.base + 32 * PAGE, 64 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(content_not_zero(memory.base + 32 * PAGE, 64), 0);
	CHECK_EQ(image_wrong(memory.base, 0, 32), 0);
	CHECK_EQ(image_wrong(memory.base + 96 * PAGE, 96, PAGES - 96), 0);
	server_end(&server, SIGTERM);
}

/*
 * A balloon that inflates: one thread gives back page by page and never pauses. The faults of
 * another find the short gaps in which the kernel takes a copy. Neither waits for the other.
 *
 * A change happens only when the server has read the event of the one before, so their number
 * tells how often it missed the gap. For half of the faults that is fewer than 20 times, even
 * on a busy machine where others take thousands; and more than 1000 times when the server tries
 * once in a millisecond.
 */
#define BALLOON		1024
#define BALLOON_FAULTS	57

struct balloon {
	struct memory memory;
	size_t step;
	atomic_bool over;
	atomic_ulong changes;
};

static void *balloon_inflate(void *arg)
{
	struct balloon *balloon = arg;
	const size_t half = BALLOON / 2;

	for (size_t at = 0; !balloon->over; at = (at + balloon->step) % half, balloon->changes++)
		madvise(balloon->memory.base + (half + at) * PAGE, balloon->step * PAGE,
			MADV_DONTNEED);
	return NULL;
}

static int compare_numbers(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* @variant: pages that are given back at a time. */
static void case_balloon(const void *variant)
{
	const size_t *step = variant;
	struct lazymem_server server = server_run(image_make(BALLOON), "--no-prefetch",
						  "--window", "4", "--on-exit", "drop", NULL);
	struct balloon balloon = { .memory = memory_served(&server, BALLOON, EVENTS),
				   .step = *step };
	unsigned long changes[BALLOON_FAULTS];
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, balloon_inflate, &balloon), 0);
	for (size_t i = 0; i < BALLOON_FAULTS; i++) {
		changes[i] = balloon.changes;
		CHECK_EQ(image_wrong(balloon.memory.base + i * 9 * PAGE, i * 9, 1), 0);
		changes[i] = balloon.changes - changes[i];
	}
	balloon.over = true;
	pthread_join(thread, NULL);
	qsort(changes, BALLOON_FAULTS, sizeof(changes[0]), compare_numbers);
	note("changes during a fault: median %lu, most %lu", changes[BALLOON_FAULTS / 2],
	     changes[BALLOON_FAULTS - 1]);
	CHECK_REL(changes[BALLOON_FAULTS / 2], <, 200);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* Large enough to be still on its way while the case gives pages back. */
#define FAR_PAGES	16384
#define AHEAD		256
#define PIECE		16

static bool is_there(char *at)
{
	unsigned char there;

	CHECK_EQ(mincore(at, PAGE, &there), 0);
	return there & 1;
}

/*
 * Give back pieces of what is brought next, until nearly all is there. @given: which pages.
 * Returns how many pieces.
 */
static unsigned int give_back_ahead(const struct memory *memory, bool given[FAR_PAGES])
{
	unsigned int pieces = 0;

	for (size_t i = 0; i < FAR_PAGES - AHEAD - PIECE;) {
		size_t piece = i + pieces * 37 % AHEAD;

		if (given[i] || is_there(memory->base + i * PAGE)) {
			i++;
			continue;
		}
		CHECK_EQ(madvise(memory->base + piece * PAGE, PIECE * PAGE,
				 MADV_DONTNEED), 0);
		memset(given + piece, true, PIECE);
		pieces++;
	}
	return pieces;
}

/*
 * Two threads of the server put pages in place just where others are given back. What was
 * given back must stay zeros: a copy must not land behind its madvise().
 */
static unsigned int give_back_and_check(const char *image)
{
	static bool given[FAR_PAGES];
	struct lazymem_server server = server_run(image, NULL);
	struct memory memory = memory_served(&server, FAR_PAGES, EVENTS);
	unsigned int pieces;

	memset(given, false, sizeof(given));
	pieces = give_back_ahead(&memory, given);
	server_until(&server, "missing", 0);
	for (size_t i = 0; i < FAR_PAGES; i++) {
		const char *at = memory.base + i * PAGE;

		CHECK_EQ(given[i] ? content_not_zero(at, 1) : image_wrong(at, i, 1), 0);
	}
	server_end(&server, SIGTERM);
	munmap(memory.base, FAR_PAGES * PAGE);
	close(memory.uffd);
	close(memory.socket);
	return pieces;
}

/* Again until it was hit often enough: a fast machine may have all in place at once. */
static void case_removed_ahead(const void *variant)
{
	const char *image = image_in_memory(FAR_PAGES);
	unsigned int pieces = 0;

	while (pieces < 50)
		pieces += give_back_and_check(image);
}

/* Without UFFD_FEATURE_EVENT_REMOVE pages that are given back are the image's again. */
static void case_removed_unheard(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(madvise(memory.base, PAGES * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* What is unmapped is not missing any more. */
static void case_unmapped(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);

	CHECK_EQ(munmap(memory.base + 64 * PAGE, 64 * PAGE), 0);
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	CHECK_EQ(image_wrong(memory.base + 128 * PAGE, 128, PAGES - 128), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "missing"), 0);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* The content follows mremap(), whether it was in place or not. */
static void case_moved(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	char *to = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(image_wrong(memory.base + 64 * PAGE, 64, 8), 0);
	CHECK(mremap(memory.base + 64 * PAGE, 64 * PAGE, 64 * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(image_wrong(to, 64, 64), 0);
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	CHECK_EQ(image_wrong(memory.base + 128 * PAGE, 128, PAGES - 128), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* The content moves onto memory that was served, of whose end there is no event. */
static void case_moved_onto(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, UFFD_FEATURE_EVENT_REMAP);
	char *to = memory.base + PAGES / 2 * PAGE;

	CHECK(mremap(memory.base, PAGES / 2 * PAGE, PAGES / 2 * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(image_wrong(to, 0, PAGES / 2), 0);
	server_end(&server, SIGTERM);
}

/* A child has what the parent had, missing pages and zeros included. */
static void case_forked(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	int status;
	pid_t pid;

	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	CHECK_EQ(madvise(memory.base + 128 * PAGE, 32 * PAGE, MADV_DONTNEED), 0);
	pid = fork();
	if (!pid)
		_exit(image_wrong(memory.base, 0, 128) ||
		      content_not_zero(memory.base + 128 * PAGE, 32) ||
		      image_wrong(memory.base + 160 * PAGE, 160, PAGES - 160));
	CHECK_EQ(image_wrong(memory.base, 0, 128), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 2);
}

/* There is room for one client only. The child gets SIGBUS instead of wrong content. */
static void case_forked_too_many(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--max-clients", "1", NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	int status;
	pid_t pid;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	pid = fork();
	if (!pid)
		_exit(image_wrong(memory.base, 0, 64) ||
		      !memory_is_poisoned(memory.base + 200 * PAGE));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* Pages that mremap() adds to a mapping have no content: they are poisoned. */
static void case_moved_and_grown(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	char *to = mmap(NULL, 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK(mremap(memory.base, PAGES * PAGE, 2 * PAGES * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(image_wrong(to, 0, PAGES), 0);
	CHECK(memory_is_poisoned(to + PAGES * PAGE));
	CHECK(memory_is_poisoned(to + (2 * PAGES - 1) * PAGE));
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 2);
}

/* MREMAP_DONTUNMAP leaves an empty mapping behind, which has no content either. */
static void case_moved_and_kept(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	char *to;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	to = mremap(memory.base, PAGES * PAGE, PAGES * PAGE,
		    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(to != MAP_FAILED);
	CHECK_EQ(image_wrong(to, 0, PAGES), 0);
	CHECK(memory_is_poisoned(memory.base + 70 * PAGE));
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 1);
}

/*
 * The storm: four threads read while another gives pages back, moves a piece to and fro, and
 * forks. The memory has three parts: KEPT pages are the image's; GIVEN pages are the image's
 * or zeros; MOVED pages move, and are read only between two moves.
 */
#define KEPT	128
#define GIVEN	64
#define MOVED	(PAGES - KEPT - GIVEN)
#define ROUNDS	200

struct storm {
	struct memory memory;
	atomic_bool over;
};

/* Returns how many pages were wrong. The kept ones are checked at each look. */
static void *storm_read(void *arg)
{
	struct storm *storm = arg;
	uintptr_t wrong = 0;

	for (size_t i = 0; !storm->over || i < KEPT + GIVEN; i++) {
		size_t page = i * 37 % (KEPT + GIVEN);
		const char *at = storm->memory.base + page * PAGE;

		if (page < KEPT || content_not_zero(at, 1))
			wrong += image_wrong(at, page, 1) &&
				 (page < KEPT || content_not_zero(at, 1));
	}
	return (void *)wrong;
}

static void storm_give_back(const struct storm *storm, unsigned int round)
{
	char *at = storm->memory.base + (KEPT + round * 13 % GIVEN) * PAGE;

	CHECK_EQ(madvise(at, PAGE, MADV_DONTNEED), 0);
}

static void storm_fork(const struct storm *storm)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(image_wrong(storm->memory.base, 0, KEPT) != 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void case_storm(const void *variant)
{
	const bool *slow = variant;
	const char *image = image_make(PAGES);
	struct lazymem_server server = *slow ?
		server_run(nbdkit_run("--filter=delay", "file", image, "rdelay=1ms",
				      NULL).uri, "--window", "4", NULL) :
		server_run(image, "--no-prefetch", "--window", "4", NULL);
	struct storm storm = { .memory = memory_served(&server, PAGES, EVENTS) };
	char *home = storm.memory.base + (KEPT + GIVEN) * PAGE, *at = home;
	char *away = mmap(NULL, MOVED * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	pthread_t readers[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&readers[i], NULL, storm_read, &storm), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		char *to = at == home ? away : home;

		storm_give_back(&storm, i);
		CHECK(mremap(at, MOVED * PAGE, MOVED * PAGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
		at = to;
		CHECK_EQ(image_wrong(at + i % MOVED * PAGE, KEPT + GIVEN + i % MOVED, 1),
			 0);
		if (i % 20 == 0)
			storm_fork(&storm);
	}
	storm.over = true;
	for (int i = 0; i < 4; i++) {
		void *wrong;

		pthread_join(readers[i], &wrong);
		CHECK_EQ((uintptr_t)wrong, 0);
	}
	CHECK_EQ(image_wrong(storm.memory.base, 0, KEPT), 0);
	CHECK_EQ(image_wrong(at, KEPT + GIVEN, MOVED), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

void suite_events(void)
{
	add_case(case_removed, NULL, "lazymem/events/removed");
	add_case(case_removed_ahead, NULL, "lazymem/events/removed-ahead");
	add_case(case_balloon, &page_by_page, "lazymem/events/balloon");
	add_case(case_balloon, &by_sixteen, "lazymem/events/balloon-16");
	add_case(case_removed_unheard, NULL, "lazymem/events/removed-unheard");
	add_case(case_unmapped, NULL, "lazymem/events/unmapped");
	add_case(case_moved, NULL, "lazymem/events/moved");
	add_case(case_moved_onto, NULL, "lazymem/events/moved-onto");
	add_case(case_forked, NULL, "lazymem/events/forked");
	add_case(case_forked_too_many, NULL, "lazymem/events/forked-too-many");
	add_case(case_moved_and_grown, NULL, "lazymem/events/moved-and-grown");
	add_case(case_moved_and_kept, NULL, "lazymem/events/moved-and-kept");
	add_case(case_storm, &fast, "lazymem/events/storm");
	add_case(case_storm, &slow, "lazymem/events/storm-slow-source");
}
