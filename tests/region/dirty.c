// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log of /dev/hmm_region: the pages the guest has written to since the last
 * log, and no others.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "area.h"
#include "guest.h"
#include "harness.h"
#include "suites.h"

#define PAGES		64

/*
 * Each written page is logged once, whatever happens to the page in the meantime; no
 * other page is.
 */
static void dirty_kinds(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, guest_pages_of(kind));
	struct guest g = guest_new(&area, 16, 0, REGION_RW);
	uint64_t expected[area.pages / 64];

	area_fill(&area);
	guest_dirty_is(&g, 0, area.pages, NULL);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	area.at[9 * PAGE] = area.at[9 * PAGE];
	guest_dirty_is(&g, 0, area.pages, NULL);

	memset(expected, 0, sizeof(expected));
	for (size_t i = 3; i < area.pages; i += 37) {
		expected[i / 64] |= 1ULL << i % 64;
		CHECK_EQ(guest_touch_write(&g, i), 0);
		CHECK_EQ(guest_touch_read(&g, i - 1), 0);
	}
	CHECK_EQ(guest_touch_write(&g, 3), 0);
	CHECK_EQ(mprotect(area.at, area.pages * PAGE, PROT_READ), 0);
	CHECK_EQ(guest_mapped(&g), 0);
	CHECK_EQ(guest_touch_write(&g, 4), -EPERM);
	guest_dirty_is(&g, 64, 128, expected + 1);
	memset(expected + 1, 0, 16);
	guest_dirty_is(&g, 0, area.pages, expected);
	guest_dirty_is(&g, 0, area.pages, NULL);
	CHECK_EQ(mprotect(area.at, area.pages * PAGE, PROT_READ | PROT_WRITE),
		 0);

	/* One write across a page boundary makes two pages dirty. */
	CHECK_EQ(guest_touch_write(&g, 5), 0);
	guest_dirty_is(&g, 0, 64, (uint64_t[]) { 1ULL << 5 });
	struct hmm_region_access across = {
		.guest_pfn = GUEST + 63, .offset = PAGE - 1, .length = 2,
		.access = HMM_REGION_WRITE, .data = (uintptr_t)area.at,
	};
	CHECK_EQ(region_access(g.fd, &across), 0);
	guest_dirty_is(&g, 0, 128, (uint64_t[]) { 1ULL << 63, 1 });
}

/* Regions that begin and end anywhere in the log; what lies between them is not dirty. */
static void dirty_regions(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = { .fd = region_partition(0, 0), .area = area };
	char byte = 1;

	CHECK_EQ(region_set(g.fd, GUEST + 60, 8, area.at, REGION_RW), 0);
	CHECK_EQ(region_set(g.fd, GUEST + 70, 8, area.at + 8 * PAGE, REGION_RW),
		 0);
	CHECK_EQ(region_set(g.fd, GUEST + 700, 1, area.at, REGION_RW), 0);
	for (size_t i = 60; i < 68; i++)
		CHECK_EQ(guest_access(g.fd, HMM_REGION_WRITE, GUEST + i, &byte,
				      1), 0);
	CHECK_EQ(guest_access(g.fd, HMM_REGION_WRITE, GUEST + 70, &byte, 1), 0);
	CHECK_EQ(guest_access(g.fd, HMM_REGION_WRITE, GUEST + 700, &byte, 1), 0);
	guest_dirty_is(&g, 128, 512, NULL);
	guest_dirty_is(&g, 0, 128, (uint64_t[]) { 0xfULL << 60, 0xf | 1 << 6 });

	/*
	 * A region that is unset and set again begins clean; the others keep their
	 * bits.
	 */
	CHECK_EQ(guest_access(g.fd, HMM_REGION_WRITE, GUEST + 61, &byte, 1), 0);
	CHECK_EQ(guest_access(g.fd, HMM_REGION_WRITE, GUEST + 71, &byte, 1), 0);
	CHECK_EQ(region_unset(g.fd, GUEST + 60, 8), 0);
	CHECK_EQ(guest_mapped(&g), 9);
	CHECK_EQ(region_set(g.fd, GUEST + 60, 8, area.at, REGION_RW), 0);
	guest_dirty_is(&g, 0, 128, (uint64_t[]) { 0, 1 << 7 });
	guest_dirty_is(&g, 640, 64, (uint64_t[]) { 1ULL << 60 });
}

/* No bit is lost if the log cannot be copied out, or only in part. */
static void dirty_bad_address(const void *unused)
{
	struct area area = area_new(&kind_anon, 2 * PAGES);
	struct area where = area_new(&kind_anon, 2);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);
	uint64_t *split = (void *)(where.at + PAGE - 8), rest[2];
	const uint64_t expected[2] = { 1ULL << 3 | 1ULL << 62, 1ULL << 1 };

	area_fill(&where);
	for (size_t i = 0; i < 2 * PAGES; i++)
		if (expected[i / 64] >> i % 64 & 1)
			CHECK_EQ(guest_touch_write(&g, i), 0);
	CHECK_EQ(region_dirty(g.fd, GUEST, 2 * PAGES, (void *)8, NULL), -EFAULT);
	CHECK_EQ(region_dirty(g.fd, GUEST, 2 * PAGES,
			      (void *)0xffff888000000000, NULL), -EFAULT);
	CHECK_EQ(munmap(where.at + PAGE, PAGE), 0);
	*split = 0;
	CHECK_EQ(region_dirty(g.fd, GUEST, 2 * PAGES, split, NULL), -EFAULT);
	CHECK_EQ(region_dirty(g.fd, GUEST, 2 * PAGES, rest, NULL), 0);
	CHECK_EQ(*split | rest[0], expected[0]);
	CHECK_EQ(rest[1], expected[1]);
	guest_dirty_is(&g, 0, 2 * PAGES, NULL);
}

#define WRITERS		4
#define LOGS		200

/* Writer p % WRITERS writes to page p. */
struct log {
	struct guest g;
	atomic_bool stop;
	atomic_uint begun[PAGES_IN_HUGE], ended[PAGES_IN_HUGE];
	uint64_t logged;
};

static struct log the_log;

static void *log_writer(void *arg)
{
	unsigned int seed = (uintptr_t)arg, page;

	while (!the_log.stop) {
		page = rand_r(&seed) % (PAGES_IN_HUGE / WRITERS) * WRITERS +
		       (uintptr_t)arg;
		the_log.begun[page]++;
		CHECK_EQ(guest_touch_write(&the_log.g, page), 0);
		the_log.ended[page]++;
	}
	return NULL;
}

static void counts_copy(const atomic_uint *counts, unsigned int *to)
{
	for (size_t i = 0; i < PAGES_IN_HUGE; i++)
		to[i] = counts[i];
}

/*
 * A page must be in the log if a write to it began after the last log and ended before
 * this one. It must not be in the log if no write ended after the last log began and
 * none is running.
 */
static void log_once(void)
{
	static unsigned int ended_before[2][PAGES_IN_HUGE];
	static unsigned int begun_after[2][PAGES_IN_HUGE];
	uint64_t bitmap[PAGES_IN_HUGE / 64], dirty;

	counts_copy(the_log.ended, ended_before[1]);
	CHECK_EQ(region_dirty(the_log.g.fd, GUEST, PAGES_IN_HUGE, bitmap,
			      &dirty), 0);
	counts_copy(the_log.begun, begun_after[1]);
	for (size_t i = 0; i < PAGES_IN_HUGE; i++) {
		if (bitmap[i / 64] >> i % 64 & 1) {
			CHECK_REL(begun_after[1][i], >, ended_before[0][i]);
			dirty--;
			the_log.logged++;
		} else {
			CHECK_REL(ended_before[1][i], <=, begun_after[0][i]);
		}
	}
	CHECK_EQ(dirty, 0);
	memcpy(ended_before[0], ended_before[1], sizeof(*ended_before));
	memcpy(begun_after[0], begun_after[1], sizeof(*begun_after));
}

static void dirty_writers(const void *variant)
{
	struct area area = area_new(variant, PAGES_IN_HUGE);
	pthread_t writers[WRITERS];

	area_fill(&area);
	the_log.g = guest_new(&area, 0, 0, REGION_RW);
	for (uintptr_t i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_create(&writers[i], NULL, log_writer,
					(void *)i), 0);
	for (size_t i = 0; i < LOGS || the_log.logged < 4 * LOGS; i++)
		log_once();
	the_log.stop = true;
	for (size_t i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_join(writers[i], NULL), 0);
	log_once();
	guest_dirty_is(&the_log.g, 0, PAGES_IN_HUGE, NULL);
	note("%llu pages logged", (unsigned long long)the_log.logged);
}

void suite_region_dirty(void)
{
	add_guest_kinds(dirty_kinds, "dirty");
	add_case(dirty_regions, NULL, "region/dirty-regions");
	add_case(dirty_bad_address, NULL, "region/dirty-bad-address");
	add_case(dirty_writers, &kind_anon, "region/dirty-writers/anon");
	add_case(dirty_writers, &kind_thp, "region/dirty-writers/thp");
}
