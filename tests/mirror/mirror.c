// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror kit: which invalidations make a populate retry and which do not, what a
 * populate asks for, and how it can end early.
 *
 * Storms invalidate memory beside or inside the range that is populated. The kit's
 * counters tell apart retries and retries avoided, so "no retry" is checked exactly and
 * not by time.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "area.h"
#include "cpus.h"
#include "dmirror.h"
#include "harness.h"
#include "knob.h"
#include "suites.h"
#include "storm.h"

#define PAGES		1024
#define POPULATES	300

static void unmap_map_protect(struct storm *storm, unsigned long round)
{
	size_t length = storm->pages * PAGE;

	if (munmap(storm->at, length) ||
	    mmap(storm->at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) != storm->at ||
	    mprotect(storm->at, length, PROT_READ))
		FAIL("the storm has died: %s", strerror(errno));
}

static void discard_and_touch(struct storm *storm, unsigned long round)
{
	storm_discard(storm, round);
	for (size_t i = 0; i < storm->pages; i++)
		((volatile char *)storm->at)[i * PAGE] = round;
}

/*
 * Memory with one present page in each page table, which a storm then discards for
 * ever.
 */
static char *sparse_new(size_t pages)
{
	char *at = area_reserve(pages * PAGE);

	CHECK(mmap(at, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == at);
	CHECK_EQ(madvise(at, pages * PAGE, MADV_NOHUGEPAGE), 0);
	for (size_t i = 0; i < pages; i += PAGES_IN_HUGE)
		at[i * PAGE] = 1;
	return at;
}

/* What populates have seen of invalidations, from the kit's counters. */
struct tally {
	uint64_t retries, avoided, invalidations;
};

static struct tally tally_now(void)
{
	return (struct tally) {
		.retries = mirror_retries(),
		.avoided = mirror_total("retries_avoided"),
		.invalidations = mirror_total("invalidations"),
	};
}

static struct tally tally_since(struct tally then)
{
	struct tally now = tally_now();

	return (struct tally) {
		.retries = now.retries - then.retries,
		.avoided = now.avoided - then.avoided,
		.invalidations = now.invalidations - then.invalidations,
	};
}

/*
 * The storms are outside of @area: no populate may retry. At least @under_way populates
 * must end while an invalidation is running.
 */
static void populate_in_peace(int fd, const struct area *area,
			      unsigned int under_way)
{
	struct tally seen, before = tally_now();
	unsigned int i, running = 0;

	for (i = 0; i < POPULATES || !seen.avoided || running < under_way; i++) {
		CHECK_EQ(dmirror_populate(fd, area->at, area->pages, 0), 0);
		running += mirror_total("invalidations_running") > 0;
		seen = tally_since(before);
	}

	note("%u populates, an invalidation running after %u of them",
	     i, running);
	note("%llu invalidations elsewhere, %llu retries, %llu avoided",
	     (unsigned long long)seen.invalidations,
	     (unsigned long long)seen.retries, (unsigned long long)seen.avoided);
	CHECK_EQ(seen.retries, 0);
	CHECK_REL(seen.invalidations, >, 0);
}

static void mirror_elsewhere(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct area other = area_new(&kind_anon, PAGES);
	struct storm storm = { unmap_map_protect, other.at, PAGES };
	int fd = dmirror_open(0);

	area_fill(&area);
	storms_begin(&storm, 1);
	populate_in_peace(fd, &area, 0);
	storms_end(&storm, 1);
}

#define STORMS		4
#define STORM_PAGES	(256 * PAGES_IN_HUGE)

static void mirror_never_quiet(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct storm storms[STORMS];
	int fd = dmirror_open(0);

	area_fill(&area);
	for (size_t i = 0; i < STORMS; i++)
		storms[i] = (struct storm) {
			storm_discard, sparse_new(STORM_PAGES), STORM_PAGES
		};
	storms_begin(storms, STORMS);
	populate_in_peace(fd, &area, POPULATES);
	storms_end(storms, STORMS);
}

/* The storms invalidate the pages right before and right behind: exact to the page. */
static void mirror_next_page(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct storm storms[] = {
		{ discard_and_touch, area.at, 1 },
		{ discard_and_touch, area.at + (PAGES - 1) * PAGE, 1 },
	};
	struct area inner = area;
	int fd = dmirror_open(0);

	area_fill(&area);
	inner.at += PAGE;
	inner.pages -= 2;
	storms_begin(storms, 2);
	populate_in_peace(fd, &inner, 0);
	storms_end(storms, 2);
}

static void mirror_overlapping(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct storm storm = { discard_and_touch, area.at + 700 * PAGE, 8 };
	struct tally seen, before;
	int fd = dmirror_open(0);
	size_t wrong;
	int ret;

	area_fill(&area);
	storms_begin(&storm, 1);
	before = tally_now();
	do {
		ret = dmirror_populate(fd, area.at, PAGES, 0);
		CHECK(!ret || ret == -EBUSY);
		dmirror_mapped(fd, area.at, PAGES, &wrong);
		CHECK_EQ(wrong, 0);
		seen = tally_since(before);
	} while (seen.retries < 5);
	storms_end(&storm, 1);
	CHECK_REL(seen.retries, <=, seen.invalidations);
}

/*
 * A real-time task that shares its only CPU with the thread that invalidates: where
 * both collide, it waits for a task that can only run if it sleeps.
 */
static void mirror_real_time(const void *unused)
{
	const struct itimerspec ms = { .it_value = { 0, 1000000 } };
	const struct sched_param high = { .sched_priority = 50 };
	struct area area = area_new(&kind_anon, PAGES);
	struct storm storm = { discard_and_touch, area.at, 64 };
	int fd = dmirror_open(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t waits, ticks, rounds;
	unsigned int populates = 0;

	area_fill(&area);
	cpus_pin();
	knob_lend("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	waits = mirror_total("waits");
	storms_begin(&storm, 1);
	rounds = storm.rounds;
	CHECK_EQ(sched_setscheduler(0, SCHED_FIFO, &high), 0);
	while (populates < POPULATES || mirror_total("waits") == waits) {
		CHECK_EQ(timerfd_settime(timer, 0, &ms, NULL), 0);
		CHECK_EQ(read(timer, &ticks, sizeof(ticks)), sizeof(ticks));
		CHECK_EQ(dmirror_populate(fd, area.at, PAGES, 0), 0);
		populates++;
	}
	note("%u populates, %llu waits, %llu rounds of invalidations", populates,
	     (unsigned long long)(mirror_total("waits") - waits),
	     (unsigned long long)(storm.rounds - rounds));
	CHECK_REL(storm.rounds, >, rounds);
	storms_end(&storm, 1);
}

/* WAITING populates wait for a page server that does not answer. */
#define WAITING	3

struct waiting {
	int fd;
	struct area area;
	int uffd;
	pthread_t threads[WAITING];
};

static void *wait_in_populate(void *arg)
{
	struct waiting *w = arg;

	return (void *)(intptr_t)dmirror_populate(w->fd, w->area.at, PAGES, 0);
}

static struct waiting waiting_new(void)
{
	struct waiting w = {
		.fd = dmirror_open(0),
		.area = area_new(&kind_anon, PAGES),
		.uffd = uffd_need(0, "missing faults"),
	};

	CHECK_EQ(uffd_register(w.uffd, w.area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	return w;
}

static void all_wait(struct waiting *w, size_t n)
{
	struct uffd_msg msg;

	for (size_t i = 0; i < n; i++)
		CHECK(uffd_next(w->uffd, &msg, 10000));
	CHECK_EQ(mirror_total("in_flight"), n);
	CHECK_EQ(mirror_total("faults_outstanding"), n);
}

static void mirror_cancel(const void *unused)
{
	struct waiting w = waiting_new();
	uint64_t cancelled = mirror_total("cancelled");
	void *ret;

	for (size_t i = 0; i < WAITING; i++)
		CHECK_EQ(pthread_create(&w.threads[i], NULL, wait_in_populate,
					&w), 0);
	all_wait(&w, WAITING);
	CHECK_EQ(dmirror_cancel(w.fd), 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
	for (size_t i = 0; i < WAITING; i++) {
		CHECK_EQ(pthread_join(w.threads[i], &ret), 0);
		CHECK_EQ((intptr_t)ret, -ECANCELED);
	}
	CHECK_EQ(mirror_total("cancelled") - cancelled, WAITING);
}

static void mirror_prefetch(const void *unused)
{
	struct waiting w = waiting_new();
	uint64_t series = SERIES, prefetches = mirror_total("prefetches");
	struct server server = {
		.uffd = w.uffd, .base = w.area.at, .pages = PAGES,
		.fill = server_fill_series, .arg = &series,
	};
	size_t ended, failed, wrong;

	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(dmirror_prefetch(w.fd, w.area.at + i * PAGES / 4 * PAGE,
					  PAGES / 4, 0), 0);
	server_start(&server);
	CHECK_EQ(dmirror_wait(w.fd, &ended, &failed), 0);
	CHECK_EQ(ended, 4);
	CHECK_EQ(failed, 0);
	CHECK_EQ(dmirror_mapped(w.fd, w.area.at, PAGES, &wrong), PAGES);
	CHECK_EQ(wrong, 0);
	server_stop(&server);
	CHECK_EQ(server.served, PAGES);
	CHECK_EQ(mirror_total("prefetches") - prefetches, 4);
}

static void mirror_prefetch_fails(const void *unused)
{
	struct area area = area_new(&kind_anon, 4);
	int fd = dmirror_open(0);
	size_t ended, failed, wrong;

	area_fill(&area);
	CHECK_EQ(munmap(area.at + 2 * PAGE, PAGE), 0);
	CHECK_EQ(dmirror_prefetch(fd, area.at, 4, 0), 0);
	CHECK_EQ(dmirror_prefetch(fd, area.at, 2, 0), 0);
	CHECK_EQ(dmirror_wait(fd, &ended, &failed), 0);
	CHECK_EQ(ended, 2);
	CHECK_EQ(failed, 1);
	CHECK_EQ(dmirror_mapped(fd, area.at, 4, &wrong), 2);
}

/* One prefetch waits for a page server, the others are queued. */
static void mirror_cancel_prefetches(const void *unused)
{
	struct waiting w = waiting_new();
	size_t ended, failed;

	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(dmirror_prefetch(w.fd, w.area.at + i * PAGE, 1, 0), 0);
	all_wait(&w, 1);
	CHECK_EQ(dmirror_cancel(w.fd), 0);
	CHECK_EQ(dmirror_wait(w.fd, &ended, &failed), 0);
	CHECK_EQ(ended, 3);
	CHECK_EQ(failed, 3);

	CHECK_EQ(uffd_zeropage(w.uffd, w.area.at, PAGE), 0);
	CHECK_EQ(dmirror_prefetch(w.fd, w.area.at, 1, 0), 0);
	CHECK_EQ(dmirror_wait(w.fd, &ended, &failed), 0);
	CHECK_EQ(ended, 1);
	CHECK_EQ(failed, 0);
}

/*
 * Reading keeps COW sharing; writing breaks COW in the requested pages, and only there.
 */
static void mirror_access_intent(const void *unused)
{
	struct area area = area_new(&kind_anon, 8);
	uint64_t before[8], after[8];
	int fd = dmirror_open(0);

	area_fill(&area);
	fork_sharer();
	pagemap_read(area.at, 8, before);
	CHECK_EQ(dmirror_populate(fd, area.at, 8, 0), 0);
	pagemap_read(area.at, 8, after);
	CHECK(!memcmp(before, after, sizeof(before)));

	CHECK_EQ(dmirror_populate(fd, area.at + 2 * PAGE, 3,
				  HMM_DMIRROR_POPULATE_WRITE), 0);
	pagemap_read(area.at, 8, after);
	for (size_t i = 0; i < 8; i++)
		CHECK((PAGEMAP_PFN(before[i]) == PAGEMAP_PFN(after[i])) ==
		      (i < 2 || i >= 5));
}

/*
 * A write window over memory of all kinds: writable pages are mapped for write; pages
 * that can only be read are mapped for read and not copied; missing memory is left out.
 */
static void mirror_best_effort(const void *unused)
{
	char *at = area_reserve(5 * 16 * PAGE);
	struct area writable = area_at(at, &kind_anon, 16);
	struct area file = area_at(at + 16 * PAGE, &kind_file_private, 16);
	struct area none = area_at(at + 48 * PAGE, &kind_anon, 16);
	uint64_t before[16], after[16], best = HMM_DMIRROR_POPULATE_WRITE |
					       HMM_DMIRROR_POPULATE_BEST;
	int fd = dmirror_open(0);
	size_t wrong;
	uint8_t seen[16];

	area_fill(&writable);
	area_fill_file(&file);
	area_fill(&none);
	CHECK_EQ(mprotect(file.at, 16 * PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(none.at, 16 * PAGE, PROT_NONE), 0);
	CHECK_EQ(content_wrong(file.at, SERIES, 0, 8), 0);
	pagemap_read(file.at, 16, before);

	CHECK_EQ(dmirror_populate(fd, at, 80, best & ~HMM_DMIRROR_POPULATE_BEST),
		 -EPERM);
	CHECK_EQ(dmirror_populate(fd, at, 80, best), 0);
	CHECK_EQ(dmirror_mapped(fd, at, 80, &wrong), 32);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(dmirror_mapped(fd, file.at, 16, &wrong), 16);
	pagemap_read(file.at, 16, after);
	CHECK(!memcmp(before, after, 8 * sizeof(*before)));
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, file.at, 16, seen, NULL),
		 0);
	for (size_t i = 0; i < 16; i++)
		CHECK_EQ(seen[i], HMM_DMIRROR_PROT_READ);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, at, 16,
			      memset(malloc(16 * PAGE), 0, 16 * PAGE), NULL), 0);
}

#define TRACING	"/sys/kernel/tracing"

/* The tracepoint gives the cause as text. */
static void mirror_traced(const void *unused)
{
	struct area area = area_new(&kind_anon, 64);
	struct storm storm = { discard_and_touch, area.at, 64 };
	char line[512];
	int fd = dmirror_open(0);
	bool seen = false;
	uint64_t before;
	FILE *f;

	area_fill(&area);
	knob_write(TRACING "/trace", "0");
	knob_lend(TRACING "/events/hmmu_mirror/enable", "1");
	storms_begin(&storm, 1);
	before = mirror_total("retry_clear");
	while (mirror_total("retry_clear") == before)
		CHECK_EQ(dmirror_populate(fd, area.at, 64, 0), 0);
	storms_end(&storm, 1);
	knob_write(TRACING "/events/hmmu_mirror/enable", "0");

	f = fopen(TRACING "/trace", "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		seen |= strstr(line, "hmmu_mirror_retry:") &&
			strstr(line, "cause=clear");
	fclose(f);
	knob_write(TRACING "/trace", "0");
	CHECK(seen);
}

void suite_mirror(void)
{
	add_case(mirror_elsewhere, NULL, "mirror/elsewhere");
	add_case(mirror_never_quiet, NULL, "mirror/never-quiet");
	add_case(mirror_next_page, NULL, "mirror/next-page");
	add_case(mirror_overlapping, NULL, "mirror/overlapping");
	add_case(mirror_real_time, NULL, "mirror/real-time");
	add_case(mirror_cancel, NULL, "mirror/cancel");
	add_case(mirror_prefetch, NULL, "mirror/prefetch");
	add_case(mirror_prefetch_fails, NULL, "mirror/prefetch-fails");
	add_case(mirror_cancel_prefetches, NULL, "mirror/cancel-prefetches");
	add_case(mirror_access_intent, NULL, "mirror/access-intent");
	add_case(mirror_best_effort, NULL, "mirror/best-effort");
	add_case(mirror_traced, NULL, "mirror/traced");
}
