// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that end in all ways with the device open and populates in flight.
 *
 * After the end no call may be in flight, and no reference on the modules may be left.
 * A process that was given the file must be refused.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"
#include "dmirror.h"
#include "fail.h"
#include "harness.h"
#include "suites.h"
#include "module.h"
#include "victim.h"

#define PAGES		VICTIM_PAGES
#define POPULATING	4

struct populate {
	int fd;
	char *at;
};

static void *populate_thread(void *arg)
{
	const struct populate *p = arg;

	dmirror_populate(p->fd, p->at, 1, HMM_DMIRROR_POPULATE_WRITE);
	return NULL;
}

static int populates_begin(const struct area *area, size_t waiting)
{
	static struct populate populates[POPULATING];
	int fd = dmirror_open(0);
	pthread_t thread;

	for (size_t i = 0; i < waiting; i++) {
		populates[i] = (struct populate) { fd, area->at + i * PAGE };
		if (pthread_create(&thread, NULL, populate_thread,
				   &populates[i]))
			die("no thread");
	}
	for (size_t i = 0; i < 3; i++)
		if (dmirror_prefetch(fd, area->at + (8 + i) * PAGE, 1, 0))
			die("no prefetch");
	return fd;
}

/* One of the three prefetches is in flight, the others are queued. */
static const struct victim_use populating = { populates_begin, .beside = 1 };

static void teardown_in_flight(const void *variant)
{
	struct victim v = victim_new(&populating, POPULATING, variant);

	close(v.fd);
	victim_ends(&v);
	victim_memory_is_gone(&v);
	close(v.uffd);
	CHECK_EQ(module_references(DMIRROR_MODULE), 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
	modules_unload();
	modules_load();
}

/* A process that was given the file can do nothing with it, and keeps no memory alive. */
static void teardown_passed_on(const void *variant)
{
	struct victim v = victim_new(&populating, 0, variant);
	struct area own = area_new(&kind_anon, 1);

	CHECK_EQ(dmirror_populate(v.fd, own.at, 1, 0), -EACCES);
	CHECK_EQ(dmirror_cancel(v.fd), -EACCES);
	victim_ends(&v);
	victim_memory_is_gone(&v);
	CHECK_EQ(dmirror_populate(v.fd, own.at, 1, 0), -EACCES);
	CHECK_EQ(mirror_total("in_flight"), 0);
	CHECK_REL(module_references(DMIRROR_MODULE), >, 0);
	close(v.fd);
	CHECK_EQ(module_references(DMIRROR_MODULE), 0);
}

static void teardown_unload_refused(const void *variant)
{
	struct victim v = victim_new(&populating, POPULATING, variant);

	close(v.fd);
	CHECK_EQ(module_unload(DMIRROR_MODULE), -EAGAIN);
	CHECK_EQ(module_unload(ENGINE_MODULE), -EAGAIN);
	victim_ends(&v);
	modules_unload();
	modules_load();
}

/* Closing ends a prefetch that waits for a page server. */
static void teardown_close_ends_prefetch(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int fd = dmirror_open(0), uffd = uffd_need(0, "missing faults");
	struct uffd_msg msg;

	CHECK_EQ(uffd_register(uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(dmirror_prefetch(fd, area.at, PAGES, 0), 0);
	CHECK_EQ(dmirror_prefetch(fd, area.at, PAGES, 0), 0);
	CHECK(uffd_next(uffd, &msg, 10000));
	close(fd);
	CHECK_EQ(mirror_total("in_flight"), 0);
}

#define RACES	200

struct race {
	struct area area;
	pthread_barrier_t begin;
	int fd;
};

static void *race_populate(void *arg)
{
	struct race *race = arg;
	int ret;

	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&race->begin);
		/* EBADF: the file was closed before this thread used it. */
		ret = dmirror_populate(race->fd, race->area.at, PAGES,
				       HMM_DMIRROR_POPULATE_WRITE);
		CHECK(!ret || ret == -EFAULT || ret == -EBADF ||
		      ret == -ECANCELED);
		pthread_barrier_wait(&race->begin);
	}
	return NULL;
}

static void *race_unmap(void *arg)
{
	struct race *race = arg;
	size_t length = PAGES * PAGE;

	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&race->begin);
		CHECK_EQ(munmap(race->area.at, length), 0);
		CHECK(mmap(race->area.at, length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		      race->area.at);
		pthread_barrier_wait(&race->begin);
	}
	return NULL;
}

/* Open, use, unmap and close, all at the same time. */
static void teardown_races(const void *unused)
{
	struct race race = { .area = area_new(&kind_anon, PAGES) };
	pthread_t threads[2];

	pthread_barrier_init(&race.begin, NULL, 3);
	CHECK_EQ(pthread_create(&threads[0], NULL, race_populate, &race), 0);
	CHECK_EQ(pthread_create(&threads[1], NULL, race_unmap, &race), 0);
	for (int i = 0; i < RACES; i++) {
		race.fd = dmirror_open(i % HMM_DMIRROR_NDEVICES);
		CHECK_EQ(dmirror_prefetch(race.fd, race.area.at, PAGES, 0), 0);
		pthread_barrier_wait(&race.begin);
		if (i % 2)
			sched_yield();
		CHECK_EQ(close(race.fd), 0);
		pthread_barrier_wait(&race.begin);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(module_references(DMIRROR_MODULE), 0);
}

void suite_teardown(void)
{
	for (size_t i = 0; i < NR_ENDS; i++) {
		add_case(teardown_in_flight, &ends[i], "teardown/%s", ends[i].name);
		add_case(teardown_passed_on, &ends[i], "teardown/passed-on/%s",
			 ends[i].name);
	}
	add_case(teardown_unload_refused, &ends[END_EXIT], "teardown/unload-refused");
	add_case(teardown_close_ends_prefetch, NULL, "teardown/close-ends-prefetch");
	add_case(teardown_races, NULL, "teardown/races");
}
