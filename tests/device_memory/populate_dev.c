// SPDX-License-Identifier: GPL-2.0-only
/*
 * Populating with migration: POPULATE_DEV faults missing pages, by whatever page
 * server, and moves them to the device's memory in the same call. What was not asked
 * for is neither faulted nor moved.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "cpus.h"
#include "device.h"
#include "suites.h"

#define PAGES	640	/* more than one page table maps */
#define FEW	64

#define ASK_NONE	HMM_DMIRROR_PROT_NONE
#define ASK_READ	HMM_DMIRROR_PROT_READ
#define ASK_WRITE	HMM_DMIRROR_PROT_WRITE

static const uint8_t ask_read = ASK_READ, ask_write = ASK_WRITE;

static void all_are(const uint8_t *bytes, size_t pages, uint8_t place)
{
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(bytes[i], place);
}

/* A server brings the missing pages one by one, and one call moves them all. */
static void populate_dev_served(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	uint64_t series = SERIES, moved;
	struct server server = {
		.uffd = uffd_need(0, "missing faults"), .base = area.at,
		.pages = PAGES, .fill = server_fill_series, .arg = &series,
		.threads = 4,
	};
	int fd = device_new(d, 0);
	uint8_t bytes[PAGES];
	size_t there;

	CHECK_EQ(uffd_register(server.uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&server);
	memset(bytes, *(const uint8_t *)d->of, PAGES);
	moved = mirror_total("pages_moved");
	CHECK_EQ(device_populate(fd, area.at, PAGES, bytes, &there), 0);
	server_stop(&server);

	CHECK_EQ(there, PAGES);
	all_are(bytes, PAGES, HMM_DMIRROR_AT_DEVICE);
	CHECK_EQ(device_has(d, fd, area.at, PAGES), PAGES);
	CHECK_EQ(devices_in_use(), 1 + PAGES);
	CHECK_EQ(server.served, PAGES);
	CHECK_EQ(mirror_total("pages_moved"), moved + PAGES);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, PAGES, 0), 0);
	device_is_exact(fd, area.at, PAGES);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
}

/* The zero page cannot be moved; a page of zeros can. */
static void populate_dev_served_zeros(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int fd = device_new(d, 0), uffd = uffd_need(0, "missing faults");
	uint8_t bytes[FEW];
	uint64_t stayed;

	CHECK_EQ(uffd_register(uffd, area.at, FEW * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(uffd_zeropage(uffd, area.at, FEW * PAGE), 0);
	memset(bytes, ASK_READ, FEW);
	memset(bytes, ASK_WRITE, FEW / 2);
	stayed = mirror_total("pages_stayed");
	CHECK_EQ(device_populate(fd, area.at, FEW, bytes, NULL), 0);
	all_are(bytes, FEW / 2, HMM_DMIRROR_AT_DEVICE);
	all_are(bytes + FEW / 2, FEW / 2, HMM_DMIRROR_AT_SYSTEM);
	CHECK_EQ(mirror_total("pages_stayed"), stayed + FEW / 2);
	CHECK_EQ(content_not_zero(area.at, FEW), 0);
}

struct writing {
	int fd;
	char *at;
	atomic_bool done;
};

static void *write_thread(void *arg)
{
	struct writing *w = arg;

	device_fill(w->fd, w->at, OTHER_SERIES, 0, FEW, ANY_FAULTS);
	w->done = true;
	return NULL;
}

/* Lift the protection where the device waits; returns how often it waited. */
static size_t writing_unprotect(int uffd, const struct writing *w)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;
	size_t waits = 0;

	while (!w->done) {
		if (poll(&fd, 1, 10) != 1 ||
		    read(uffd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
		CHECK_EQ(uffd_write_protect(uffd, (void *)(uintptr_t)
					    msg.arg.pagefault.address, PAGE,
					    false), 0);
		waits++;
	}
	return waits;
}

/* A write to a write-protected page waits, wherever the page is. */
static void populate_dev_write_protected(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int fd = device_new(d, 0);
	int uffd = uffd_need(UFFD_FEATURE_PAGEFAULT_FLAG_WP, "write protection");
	struct writing w = { .fd = fd, .at = area.at };
	pthread_t thread;

	CHECK_EQ(uffd_register(uffd, area.at, FEW * PAGE,
			       UFFDIO_REGISTER_MODE_WP), 0);
	area_fill(&area);
	CHECK_EQ(uffd_write_protect(uffd, area.at, FEW * PAGE, true), 0);
	CHECK_EQ(device_populate_all(fd, area.at, FEW, ASK_READ), FEW);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, FEW, 0), 0);

	CHECK_EQ(pthread_create(&thread, NULL, write_thread, &w), 0);
	CHECK_EQ(writing_unprotect(uffd, &w), FEW);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	device_is_exact(fd, area.at, FEW);
	CHECK_EQ(device_populate_all(fd, area.at, FEW, ASK_WRITE), FEW);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, FEW), 0);
}

enum { ABSENT, ABSENT_READ, ABSENT_WRITE, FILLED, FILLED_READ, STATES };

/* Each page gets the access that was asked for it, and nothing more. */
static void populate_dev_accesses(const void *variant)
{
	static const uint8_t asked[STATES] = {
		[ABSENT_READ] = ASK_READ, [ABSENT_WRITE] = ASK_WRITE,
		[FILLED_READ] = ASK_READ,
	};
	const struct device *d = variant;
	const size_t pages = 100 * STATES;
	struct area area = area_new(&kind_anon, pages);
	int fd = device_new(d, 0);
	uint64_t moved, before[pages], after[pages];
	uint8_t bytes[pages], seen[pages];
	size_t there, wrong;

	for (size_t i = 0; i < pages; i++) {
		bytes[i] = asked[i % STATES];
		if (i % STATES >= FILLED)
			content_fill(area.at + i * PAGE, SERIES, i, 1);
	}
	pagemap_read(area.at, pages, before);
	moved = mirror_total("pages_moved");
	CHECK_EQ(device_populate(fd, area.at, pages, bytes, &there), 0);
	CHECK_EQ(there, 3 * pages / STATES);
	CHECK_EQ(mirror_total("pages_moved"), moved + there);
	CHECK_EQ(devices_in_use(), 1 + there);
	CHECK_EQ(dmirror_mapped(fd, area.at, pages, &wrong), there);
	CHECK_EQ(wrong, 0);

	pagemap_read(area.at, pages, after);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, area.at, pages, seen,
			      NULL), 0);
	for (size_t i = 0; i < pages; i++) {
		CHECK_EQ(bytes[i], asked[i % STATES] ? HMM_DMIRROR_AT_DEVICE :
						       HMM_DMIRROR_AT_NONE);
		if (i % STATES == ABSENT)
			CHECK_EQ(seen[i], HMM_DMIRROR_PROT_NONE);
		if (i % STATES == FILLED)
			CHECK_EQ(after[i], before[i]);
		if (i % STATES >= FILLED)
			CHECK_EQ(content_wrong(area.at + i * PAGE, SERIES, i, 1),
				 0);
		else
			CHECK_EQ(content_not_zero(area.at + i * PAGE, 1), 0);
	}
}

static void sharer_of(const struct device *d, const struct area *area, int heard)
{
	char token;
	int fd;

	CHECK_EQ(read(heard, &token, 1), 1);
	fd = dmirror_open(d->number);
	CHECK_EQ(device_has(d, fd, area->at, area->pages), area->pages / 2);
	CHECK_EQ(content_wrong(area->at, SERIES, 0, area->pages), 0);
	fflush(stdout);
	_exit(0);
}

/*
 * Reading moves a shared page for all processes that share it; writing breaks COW
 * first.
 */
static void populate_dev_shared(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	char *written = area.at + FEW / 2 * PAGE;
	int fd = device_new(d, 0), say[2];
	uint8_t bytes[FEW];
	pid_t pid;

	area_fill(&area);
	CHECK_EQ(pipe(say), 0);
	pid = child_fork();
	if (!pid)
		sharer_of(d, &area, say[0]);
	memset(bytes, ASK_READ, FEW);
	memset(bytes + FEW / 2, ASK_WRITE, FEW / 2);
	CHECK_EQ(device_populate(fd, area.at, FEW, bytes, NULL), 0);
	all_are(bytes, FEW, HMM_DMIRROR_AT_DEVICE);
	CHECK_EQ(devices_in_use(), 1 + FEW);
	device_fill(fd, written, OTHER_SERIES, FEW / 2, FEW / 2, 0);
	CHECK_EQ(write(say[1], "", 1), 1);
	child_passes(pid);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, FEW / 2), 0);
	CHECK_EQ(content_wrong(written, OTHER_SERIES, FEW / 2, FEW / 2), 0);
}

static void populate_dev_read_only(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int fd = device_new(d, 0);
	uint8_t bytes[FEW];

	area_fill(&area);
	CHECK_EQ(mprotect(area.at, FEW * PAGE, PROT_READ), 0);
	CHECK_EQ(device_populate_all(fd, area.at, FEW, ASK_READ), FEW);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, FEW, 0), 0);
	memset(bytes, ASK_WRITE, FEW);
	CHECK_EQ(device_populate(fd, area.at, FEW, bytes, NULL), -EPERM);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, FEW), 0);
	device_is_exact(fd, area.at, FEW);
}

/* A gap and an unreadable page: a request for either fails the call. */
static void populate_dev_holes(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	static const size_t without[] = { 5, 7 };
	int fd = device_new(d, 0);
	uint8_t bytes[FEW];

	area_fill(&area);
	CHECK_EQ(munmap(area.at + without[0] * PAGE, PAGE), 0);
	CHECK_EQ(mprotect(area.at + without[1] * PAGE, PAGE, PROT_NONE), 0);
	for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
		memset(bytes, ASK_READ, FEW);
		bytes[without[i]] = ASK_NONE;
		CHECK_EQ(device_populate(fd, area.at, FEW, bytes, NULL), -EFAULT);
	}
	memset(bytes, ASK_READ, FEW);
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		bytes[without[i]] = ASK_NONE;
	CHECK_EQ(device_populate(fd, area.at, FEW, bytes, NULL), 0);
	for (size_t i = 0; i < FEW; i++)
		CHECK_EQ(bytes[i], i == without[0] || i == without[1] ?
			 HMM_DMIRROR_AT_NONE : HMM_DMIRROR_AT_DEVICE);

	bytes[0] = ASK_WRITE + 1;
	CHECK_EQ(device_populate(fd, area.at, 1, bytes, NULL), -EINVAL);
	CHECK_EQ(device_populate(fd, area.at, 1, (void *)8, NULL), -EFAULT);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, without[0]), 0);
}

struct goes {
	const struct kind *kind;
	uint8_t read, write;
};

#define STAYS	HMM_DMIRROR_AT_SYSTEM
#define MOVES	HMM_DMIRROR_AT_DEVICE

static const struct goes goes[] = {
	{ &kind_anon, MOVES, MOVES }, { &kind_thp, MOVES, MOVES },
	{ &kind_shmem, STAYS, STAYS }, { &kind_file, STAYS, STAYS },
	{ &kind_hugetlb, STAYS, STAYS }, { &kind_hugetlb_private, STAYS, STAYS },
	{ &kind_file_private, STAYS, MOVES },
	{ &kind_shmem_private, STAYS, MOVES },
};

/* Of each kind of memory all pages are mapped, and those that can move are moved. */
static void populate_dev_kind(const void *variant)
{
	const struct device *d = variant;
	const struct goes *what = d->of;
	const size_t pages = 2 * PAGES_IN_HUGE;
	struct area area = area_new(what->kind, pages);
	int fd = device_new(d, 0);
	uint8_t bytes[pages];

	if (what->kind->map_flags & MAP_PRIVATE && what->kind->file)
		area_fill_file(&area);
	else
		area_fill(&area);
	memset(bytes, ASK_READ, pages);
	CHECK_EQ(device_populate(fd, area.at, pages, bytes, NULL), 0);
	all_are(bytes, pages, what->read);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, pages, 0), 0);

	memset(bytes, ASK_WRITE, pages);
	CHECK_EQ(device_populate(fd, area.at, pages, bytes, NULL), 0);
	all_are(bytes, pages, what->write);
	CHECK_EQ(device_has(d, fd, area.at, pages),
		 what->write == MOVES ? pages : 0);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, pages, 0), 0);
	device_fill(fd, area.at, OTHER_SERIES, 0, pages, 0);
	device_is_exact(fd, area.at, pages);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, pages), 0);
}

/* From swap to the device, and what the device writes is in the swap in the end. */
static void populate_dev_swapped(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int fd = device_new(d, 0);

	cpus_pin();
	swap_new(4 * FEW * PAGE);
	area_fill(&area);
	area_swap_out(&area);
	CHECK_EQ(device_populate_all(fd, area.at, FEW, ASK_READ), FEW);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, FEW, 0), 0);
	device_fill(fd, area.at, OTHER_SERIES, 0, FEW, ANY_FAULTS);
	CHECK_EQ(device_give(fd, area.at, FEW, NULL), 0);
	area_swap_out(&area);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, FEW), 0);
	CHECK_EQ(swapoff(ZRAM), 0);
}

/* A call for what is already there moves nothing and invalidates nothing. */
static void populate_dev_again(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	int fd = device_new(d, 0);
	uint64_t moved, invalidations;

	area_fill(&area);
	CHECK_EQ(device_populate_all(fd, area.at, PAGES, ASK_WRITE), PAGES);
	moved = mirror_total("pages_moved");
	invalidations = mirror_total("invalidations");
	CHECK_EQ(device_populate_all(fd, area.at, PAGES, ASK_WRITE), PAGES);
	CHECK_EQ(mirror_total("pages_moved"), moved);
	CHECK_EQ(mirror_total("invalidations"), invalidations);
}

#define RIVAL_PAGES	8
#define RIVAL_ROUNDS	500

/**
 * struct rivals - two callers that ask for the same pages again and again
 * @at: the pages
 * @begin: barrier at the begin of each round, if @together
 * @together: both begin a round at the same time; else each goes as fast as it can
 * @starve: two devices with private memory: a call may lose for one second, with -EBUSY
 * @busy: how often that happened
 */
struct rivals {
	char *at;
	pthread_barrier_t begin;
	bool together, starve;
	atomic_ulong busy;
};

struct rival {
	struct rivals *all;
	int fd;
	pthread_t thread;
};

static void rival_populate(const struct rival *r, uint8_t access)
{
	uint8_t bytes[RIVAL_PAGES];
	int ret;

	for (;;) {
		memset(bytes, access, RIVAL_PAGES);
		ret = device_populate(r->fd, r->all->at, RIVAL_PAGES, bytes,
				      NULL);
		if (ret != -EBUSY || !r->all->starve)
			break;
		r->all->busy++;
	}
	CHECK_EQ(ret, 0);
	for (size_t i = 0; i < RIVAL_PAGES; i++)
		CHECK_REL(bytes[i], !=, HMM_DMIRROR_AT_NONE);
}

/* The pages are in one device's memory, or in the system's. */
static void rival_round(const struct rival *r, size_t round)
{
	if (r->all->together)
		pthread_barrier_wait(&r->all->begin);
	rival_populate(r, round % 3 ? ASK_WRITE : ASK_READ);
	if (round % 64 == 0)
		CHECK_EQ(device_wrong(r->fd, r->all->at, SERIES, 0, RIVAL_PAGES,
				      ANY_FAULTS), 0);
	if (r->all->together && pthread_barrier_wait(&r->all->begin) && round % 2)
		CHECK_EQ(device_give(r->fd, r->all->at, RIVAL_PAGES, NULL), 0);
}

static void *rival_thread(void *arg)
{
	for (size_t i = 0; i < RIVAL_ROUNDS; i++)
		rival_round(arg, i);
	return NULL;
}

struct rivalry {
	const char *name;
	bool two_devices, together;
};

static const struct rivalry rivalries[] = {
	{ "one-device", false, true },
	{ "two-devices", true, true },
	{ "two-devices-free", true, false },
};

/* Each call succeeds, whatever the other caller does, and no content is lost. */
static void populate_dev_rivals(const void *variant)
{
	const struct device *d = variant;
	const struct rivalry *what = d->of;
	struct area area = area_new(&kind_anon, RIVAL_PAGES);
	struct rivals all = {
		.at = area.at, .together = what->together,
		.starve = !what->together && !d->reachable,
	};
	struct rival rivals[2] = { { &all, device_new(d, 0) }, { &all } };
	uint64_t moved = mirror_total("pages_moved");

	rivals[1].fd = device_open(d, what->two_devices);
	area_fill(&area);
	pthread_barrier_init(&all.begin, NULL, ARRAY_SIZE(rivals));
	for (size_t i = 0; i < ARRAY_SIZE(rivals); i++)
		CHECK_EQ(pthread_create(&rivals[i].thread, NULL, rival_thread,
					&rivals[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rivals); i++)
		CHECK_EQ(pthread_join(rivals[i].thread, NULL), 0);
	note("%llu pages were moved, busy %lu times", (unsigned long long)
	     mirror_total("pages_moved") - moved, all.busy);
	for (size_t i = 0; i < ARRAY_SIZE(rivals); i++)
		device_is_exact(rivals[i].fd, area.at, RIVAL_PAGES);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, RIVAL_PAGES), 0);
}

void suite_populate_dev(void)
{
	add_device_cases(populate_dev_served, &ask_read, "populate-dev/served/read");
	add_device_cases(populate_dev_served, &ask_write, "populate-dev/served/write");
	add_device_cases(populate_dev_write_protected, NULL, "populate-dev/write-protected");
	add_device_cases(populate_dev_served_zeros, NULL, "populate-dev/served-zeros");
	add_device_cases(populate_dev_accesses, NULL, "populate-dev/accesses");
	add_device_cases(populate_dev_shared, NULL, "populate-dev/shared");
	add_device_cases(populate_dev_read_only, NULL, "populate-dev/read-only");
	add_device_cases(populate_dev_holes, NULL, "populate-dev/holes");
	for (size_t i = 0; i < ARRAY_SIZE(goes); i++)
		add_device_cases(populate_dev_kind, &goes[i], "populate-dev/kind/%s",
				 goes[i].kind->name);
	add_device_cases(populate_dev_swapped, NULL, "populate-dev/swapped");
	add_device_cases(populate_dev_again, NULL, "populate-dev/again");
	for (size_t i = 0; i < ARRAY_SIZE(rivalries); i++)
		add_slow_device_cases(300, populate_dev_rivals, &rivalries[i],
				      "populate-dev/rivals/%s",
				      rivalries[i].name);
}
