// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once: requesters, page servers, and an address space that keeps
 * changing.
 *
 * One part of the area is behind userfaultfd; its pages are discarded and brought back.
 * The other part maps a file; its mapping is moved away and back. Page n of the area
 * always has content n of the series, or is unavailable: so every success can be
 * checked, whatever happened in the meantime.
 *
 * Hazard: a mapping that is moved away leaves a hole for a moment. Whatever another
 * thread maps then could land in the hole, so all memory is allocated before the storms
 * begin.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "harness.h"
#include "suites.h"
#include "probe.h"
#include "uffd.h"

#define SECONDS		20
#define MISSING_PAGES	768
#define FILE_PAGES	256
#define PAGES		(MISSING_PAGES + FILE_PAGES)
#define REQUESTERS	8
#define STORMS		3
#define RANGE_MAX	96

struct world {
	char *base;
	int file;
	int probe;
	uint64_t series;
	struct server server;
	pthread_barrier_t begin;
	atomic_bool stop;
	atomic_ulong successes, stale, restarts, drops;
	atomic_ulong errors[200];
};

static struct world world;

static void file_map(size_t page, size_t pages)
{
	CHECK(mmap(world.base + page * PAGE, pages * PAGE,
		   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, world.file,
		   (page - MISSING_PAGES) * PAGE) != MAP_FAILED);
}

static void world_begin(void)
{
	static char page[PAGE];

	world.series = 21;
	pthread_barrier_init(&world.begin, NULL, REQUESTERS + STORMS);
	world.probe = probe_open();
	world.base = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(world.base != MAP_FAILED);

	world.file = memfd_create("stress", MFD_CLOEXEC);
	CHECK_REL(world.file, >=, 0);
	for (size_t i = 0; i < FILE_PAGES; i++) {
		content_fill(page, world.series, MISSING_PAGES + i, 1);
		CHECK_EQ(write(world.file, page, PAGE), PAGE);
	}
	file_map(MISSING_PAGES, FILE_PAGES);

	world.server = (struct server) {
		.uffd = uffd_open(0, 0), .base = world.base,
		.pages = MISSING_PAGES, .threads = 4,
		.fill = server_fill_series, .arg = &world.series,
	};
	CHECK_REL(world.server.uffd, >=, 0);
	CHECK_EQ(uffd_register(world.server.uffd, world.base,
			       MISSING_PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&world.server);
}

/* Count an error that the contract allows here; any other fails the case. */
static void error_check(int error)
{
	if (error != -EBUSY && error != -EFAULT && error != -EPERM)
		FAIL("a call gave %d", error);
	world.errors[-error]++;
}

static void success_check(const struct hmmu_probe_run *run, size_t first,
			  size_t pages)
{
	const uint64_t *entries = (void *)run->entries;
	const char *contents = (void *)run->contents;
	size_t wrong;

	for (size_t i = 0; i < pages; i++) {
		CHECK(entries[i] & HMMU_PROBE_VALID);
		if (run->default_flags & HMMU_PROBE_REQ_WRITE)
			CHECK(entries[i] & HMMU_PROBE_WRITE);
	}
	wrong = content_wrong(contents, world.series, first, pages);
	if (wrong)
		FAIL("%zu of %zu pages from %zu have wrong contents", wrong,
		     pages, first);
	world.successes++;
}

static void world_populate(unsigned int *seed, char *contents, uint64_t *entries)
{
	size_t pages = 1 + rand_r(seed) % RANGE_MAX;
	size_t first = rand_r(seed) % (PAGES - pages);
	struct hmmu_probe_run run = probe_range(
		rand_r(seed) % 2 ? HMMU_PROBE_UNLOCKED : HMMU_PROBE_UNLOCKABLE,
		world.base + first * PAGE, pages,
		rand_r(seed) % 2 ? READ_REQUEST : WRITE_REQUEST);

	run.timeout_ms = rand_r(seed) % 3 * 50;
	run.flags = rand_r(seed) % 2 ? HMMU_PROBE_EXACT : 0;
	run.contents = (uintptr_t)contents;
	run.entries = (uintptr_t)entries;
	if (probe_run(world.probe, &run))
		error_check(run.error);
	else if (run.stale || (run.call == HMMU_PROBE_UNLOCKABLE && !run.locked))
		world.stale++;
	else
		success_check(&run, first, pages);
	world.restarts += counted(&run, HMM_UNLOCKED_RESTARTS);
	world.drops += counted(&run, HMM_UNLOCKED_LOCK_DROPS);
}

static void *requester_thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	char *contents = malloc(RANGE_MAX * PAGE);
	uint64_t *entries = malloc(RANGE_MAX * sizeof(*entries));

	CHECK(contents && entries);
	pthread_barrier_wait(&world.begin);
	while (!world.stop)
		world_populate(&seed, contents, entries);
	free(contents);
	free(entries);
	return NULL;
}

static void world_discard(size_t page, size_t pages)
{
	madvise(world.base + page * PAGE, pages * PAGE, MADV_DONTNEED);
}

static void world_protect(size_t page, size_t pages)
{
	static const int ways[] = { PROT_NONE, PROT_READ };
	char *at = world.base + page * PAGE;

	mprotect(at, pages * PAGE, ways[page % 2]);
	mprotect(at, pages * PAGE, PROT_READ | PROT_WRITE);
}

/*
 * Only in the file's part: moved memory loses its userfaultfd. Only one thread does
 * this, or one would move what the other has just put back.
 */
static void world_remap(size_t page, size_t pages)
{
	static char *aside;
	size_t n = pages % 8 + 1;
	size_t at = MISSING_PAGES + page % (FILE_PAGES - n);

	if (!aside)
		aside = mmap(NULL, 8 * PAGE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mremap(world.base + at * PAGE, n * PAGE, n * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, aside) != MAP_FAILED);
	file_map(at, n);
}

static void (* const storms[STORMS])(size_t page, size_t pages) = {
	world_discard, world_protect, world_remap,
};

struct storm {
	unsigned int which, seed;
};

static void *storm_thread(void *arg)
{
	struct storm *s = arg;
	struct timespec pause = { .tv_nsec = 200000 };

	pthread_barrier_wait(&world.begin);
	while (!world.stop) {
		size_t pages = 1 + rand_r(&s->seed) % 32;

		storms[s->which](rand_r(&s->seed) % (MISSING_PAGES - pages),
				 pages);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void world_report(void)
{
	note("%lu successes, %lu stale, EBUSY %lu, EFAULT %lu, EPERM %lu, %lu drops, %lu restarts",
	     world.successes, world.stale, world.errors[EBUSY],
	     world.errors[EFAULT], world.errors[EPERM], world.drops,
	     world.restarts);
	CHECK_REL(world.successes, >, 0);
	CHECK_REL(world.drops, >, 0);
	CHECK_REL(world.restarts, >, 0);
}

static void stress_everything(const void *unused)
{
	unsigned int seed = time(NULL);
	struct timespec span = { .tv_sec = SECONDS };
	static struct storm storm_args[STORMS];
	pthread_t threads[REQUESTERS + STORMS];
	pthread_t *t = threads;

	note("seed %u", seed);
	world_begin();
	for (unsigned int i = 0; i < STORMS; i++) {
		storm_args[i] = (struct storm) { i, seed + i };
		CHECK_EQ(pthread_create(t++, NULL, storm_thread, &storm_args[i]), 0);
	}
	for (uintptr_t i = 0; i < REQUESTERS; i++)
		CHECK_EQ(pthread_create(t++, NULL, requester_thread,
					(void *)(seed + STORMS + i)), 0);
	nanosleep(&span, NULL);
	world.stop = true;
	while (t > threads)
		pthread_join(*--t, NULL);
	server_stop(&world.server);
	world_report();
}

void suite_stress(void)
{
	add_slow_case(300, stress_everything, NULL, "stress/everything");
}
