// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that end in all ways with guests of /dev/hmm_region and accesses in flight.
 *
 * Nothing of them may be left: no reference on the module, no call in flight. A process
 * that was given a partition's file must be refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"
#include "dmirror.h"
#include "fail.h"
#include "guest.h"
#include "harness.h"
#include "suites.h"
#include "module.h"
#include "victim.h"

#define VCPUS	4
#define PAGES	VICTIM_PAGES

struct waiting {
	int fd;
	unsigned int n;
	pthread_t thread;
};

static struct waiting waiting[VCPUS];

static void *write_page(void *arg)
{
	const struct waiting *w = arg;
	char byte = 1;

	return (void *)(intptr_t)guest_access(w->fd, HMM_REGION_WRITE,
					      GUEST + w->n, &byte, 1);
}

/* Each virtual CPU waits for a page of its own, in a window of one page. */
static int waiting_begin(const struct area *area, size_t n)
{
	int fd = region_partition(1, 0);

	if (region_set(fd, GUEST, area->pages, area->at, REGION_RW))
		die("no region");
	for (unsigned int i = 0; i < n; i++) {
		waiting[i].fd = fd;
		waiting[i].n = i;
		if (pthread_create(&waiting[i].thread, NULL, write_page,
				   &waiting[i]))
			die("no thread");
	}
	return fd;
}

static const struct victim_use accessing = { waiting_begin };

static void ends_in_access(const void *variant)
{
	struct victim v = victim_new(&accessing, VCPUS, variant);

	close(v.fd);
	victim_ends(&v);
	victim_memory_is_gone(&v);
	close(v.uffd);
	CHECK_EQ(module_references(REGION_MODULE), 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
	modules_unload();
	modules_load();
}

/* A process that was given the file can do nothing with it, and keeps no memory alive. */
static void ends_passed_on(const void *variant)
{
	struct victim v = victim_new(&accessing, 0, variant);
	struct area own = area_new(&kind_anon, 1);
	char byte;

	for (int after = 0; after < 2; after++) {
		CHECK_EQ(guest_access(v.fd, HMM_REGION_READ, GUEST, &byte, 1),
			 -EACCES);
		CHECK_EQ(region_set(v.fd, GUEST + PAGES, 1, own.at, REGION_RO),
			 -EACCES);
		CHECK_EQ(region_unset(v.fd, GUEST, PAGES), -EACCES);
		if (!after)
			victim_ends(&v);
		if (!after)
			victim_memory_is_gone(&v);
	}
	CHECK_EQ(module_unload(REGION_MODULE), -EAGAIN);
	close(v.fd);
	CHECK_EQ(module_references(REGION_MODULE), 0);
}

/* The last user of the file closes the partition. */
static void ends_closed_in_access(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int uffd = uffd_need(0, "missing faults"), fd;
	struct uffd_msg msg;
	void *ret;

	CHECK_EQ(uffd_register(uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	fd = waiting_begin(&area, VCPUS);
	for (unsigned int i = 0; i < VCPUS; i++)
		CHECK(uffd_next(uffd, &msg, 10000));
	CHECK_EQ(close(fd), 0);
	CHECK_REL(module_references(REGION_MODULE), >, 0);
	CHECK_EQ(uffd_zeropage(uffd, area.at, PAGES * PAGE), 0);
	for (unsigned int i = 0; i < VCPUS; i++) {
		CHECK_EQ(pthread_join(waiting[i].thread, &ret), 0);
		CHECK_EQ((intptr_t)ret, 0);
		CHECK_EQ(area.at[i * PAGE], 1);
	}
	CHECK_EQ(module_references(REGION_MODULE), 0);
}

/*
 * A process that sets, unsets, accesses and discards at random. It counts @steps, which
 * the test shares.
 */
struct busy {
	struct guest g;
	atomic_ulong *steps;
	unsigned int seed;
};

static void *busy_access(void *arg)
{
	const struct busy *busy = arg;
	unsigned int seed = busy->seed ^ (uintptr_t)&seed;
	static char buffers[VCPUS][8 * PAGE];
	static atomic_uint number;
	char *buffer = buffers[number++];

	for (;; ++*busy->steps)
		guest_access(busy->g.fd, rand_r(&seed) % 2 ? HMM_REGION_READ :
			     HMM_REGION_WRITE, GUEST + rand_r(&seed) % PAGES,
			     buffer, 1 + rand_r(&seed) % (8 * PAGE));
	return NULL;
}

static void *busy_set(void *arg)
{
	const struct busy *busy = arg;
	const struct area *area = &busy->g.area;
	unsigned int seed = busy->seed;

	for (;; ++*busy->steps) {
		region_unset(busy->g.fd, GUEST, PAGES);
		region_set(busy->g.fd, GUEST, PAGES, area->at, REGION_RW |
			   (rand_r(&seed) % 2 ? HMM_REGION_SET_PREMAP : 0));
		madvise(area->at + rand_r(&seed) % PAGES * PAGE, PAGE,
			MADV_DONTNEED);
		sched_yield();
	}
	return NULL;
}

static void busy_begin(const void *variant, atomic_ulong *steps, unsigned int seed)
{
	struct area area = area_new(&kind_anon, PAGES);
	static struct busy busy;
	pthread_t thread;

	busy = (struct busy) {
		.g = guest_new(&area, 8, 5, REGION_RW),
		.steps = steps, .seed = seed,
	};
	for (unsigned int i = 0; i < VCPUS + 1; i++)
		if (pthread_create(&thread, NULL, i < VCPUS ? busy_access :
				   busy_set, &busy))
			die("no thread");
}

static void busy_over(void)
{
	CHECK_EQ(module_references(REGION_MODULE), 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
}

/* The process ends at any point, and nothing of it is left. */
static void ends_while_busy(const void *variant)
{
	static const struct busy_life life = { 40, 300, busy_begin, busy_over };

	ends_anywhere(&life, NULL, variant);
}

void suite_region_ends(void)
{
	for (size_t i = 0; i < NR_ENDS; i++) {
		add_case(ends_in_access, &ends[i], "region/ends/%s",
			 ends[i].name);
		add_case(ends_passed_on, &ends[i], "region/passed-on/%s",
			 ends[i].name);
		add_case(ends_while_busy, &ends[i], "region/ends-anywhere/%s",
			 ends[i].name);
	}
	add_case(ends_closed_in_access, NULL, "region/closed-in-access");
}
