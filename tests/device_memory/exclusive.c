// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device-exclusive access: EXCLUSIVE and CHECK_EXCLUSIVE.
 *
 * A CPU access to an exclusive page ends the exclusive access and finds what the device
 * wrote. CHECK_EXCLUSIVE returns -EPERM for an exclusive page, and 0 where no page is
 * exclusive.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "module.h"
#include "suites.h"

#define PAGES	150	/* more than the driver makes exclusive in one step */

static int exclusive_new(void)
{
	int fd;

	devices_idle();
	fd = dmirror_open(0);
	if (dmirror_call(fd, HMM_DMIRROR_CHECK_EXCLUSIVE, NULL, 1, NULL, NULL) ==
	    -EOPNOTSUPP)
		skip("this kernel has no exclusive access for devices");
	return fd;
}

static int check_exclusive(int fd, const char *at, size_t pages)
{
	return dmirror_call(fd, HMM_DMIRROR_CHECK_EXCLUSIVE, at, pages, NULL,
			    NULL);
}

/* @first: where in the series the pages are. */
static int try_alone_at(int fd, const char *at, size_t first, size_t pages,
			uint64_t series)
{
	char *buffer = calloc(pages, PAGE);
	struct hmm_dmirror_cmd cmd;
	int ret;

	CHECK(buffer);
	ret = dmirror_call(fd, HMM_DMIRROR_EXCLUSIVE, at, pages, buffer, &cmd);
	if (!ret) {
		CHECK_EQ(cmd.cpages, pages);
		CHECK_EQ(content_wrong(buffer, series, first, pages), 0);
	}
	free(buffer);
	return ret;
}

static int try_alone(int fd, const char *at, size_t pages, uint64_t series)
{
	return try_alone_at(fd, at, 0, pages, series);
}

/*
 * The kernel's call for one page also takes parts of huge pages, and it leaves the page
 * mapped. The call for a range, which kernels had before, does neither.
 */
static bool one_page_at_a_time(void)
{
	return kernel_has_function("make_device_exclusive");
}

/* Make all pages exclusive, and check that for each. */
static void have_alone(int fd, const char *at, size_t pages, uint64_t series)
{
	CHECK_EQ(try_alone(fd, at, pages, series), 0);
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(check_exclusive(fd, at + i * PAGE, 1), -EPERM);
}

/* The CPU ends exclusive access of the pages that it touches, and of no others. */
static void exclusive_touched(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	size_t pages = area.pages;
	int fd = exclusive_new();
	uint64_t had = mirror_total("exclusive");

	area_fill(&area);
	CHECK_EQ(check_exclusive(fd, area.at, pages), 0);
	have_alone(fd, area.at, pages, SERIES);
	CHECK_REL(mirror_total("exclusive"), >=, had + pages);
	device_fill(fd, area.at, OTHER_SERIES, 0, pages, 0);
	CHECK_EQ(check_exclusive(fd, area.at, 1), -EPERM);

	for (size_t i = 0; i < pages; i += 2)
		CHECK_EQ(content_wrong(area.at + i * PAGE, OTHER_SERIES, i, 1),
			 0);
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(check_exclusive(fd, area.at + i * PAGE, 1),
			 i % 2 ? -EPERM : 0);
	area_fill(&area);
	CHECK_EQ(check_exclusive(fd, area.at, pages), 0);
	device_is_exact(fd, area.at, pages);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, pages, ANY_FAULTS), 0);
}

/* Missing pages are faulted, by a page server where there is one. */
static void exclusive_served(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	uint64_t series = SERIES;
	int fd = exclusive_new();
	struct server server = {
		.uffd = uffd_need(0, "missing faults"), .base = area.at,
		.pages = PAGES, .fill = server_fill_series, .arg = &series,
	};

	CHECK_EQ(uffd_register(server.uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&server);
	have_alone(fd, area.at, PAGES, SERIES);
	server_stop(&server);
	CHECK_EQ(server.served, PAGES);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
}

static void exclusive_protected(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = calloc(PAGES, PAGE);
	int fd = exclusive_new();

	CHECK(buffer);
	area_fill(&area);
	have_alone(fd, area.at, PAGES, SERIES);
	CHECK_EQ(mprotect(area.at, PAGES * PAGE, PROT_READ), 0);
	CHECK_EQ(check_exclusive(fd, area.at, PAGES), 0);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, area.at, PAGES, buffer,
			      NULL), -EPERM);
	CHECK_EQ(try_alone(fd, area.at, PAGES, SERIES), -EPERM);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);

	CHECK_EQ(mprotect(area.at, PAGES * PAGE, PROT_READ | PROT_WRITE), 0);
	have_alone(fd, area.at, PAGES, SERIES);
}

/* After fork() both processes have what was there when it forked. */
static void exclusive_forked(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int fd = exclusive_new(), say[2];
	char token;
	pid_t pid;

	area_fill(&area);
	CHECK_EQ(pipe(say), 0);
	have_alone(fd, area.at, PAGES, SERIES);
	pid = child_fork();
	if (!pid) {
		CHECK_EQ(read(say[0], &token, 1), 1);
		CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
		area.at[0]++;
		_exit(0);
	}
	CHECK_EQ(check_exclusive(fd, area.at, PAGES), 0);
	have_alone(fd, area.at, PAGES, SERIES);
	device_fill(fd, area.at, OTHER_SERIES, 0, PAGES, 0);
	CHECK_EQ(write(say[1], "", 1), 1);
	child_passes(pid);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
}

/* Two devices ask for the same pages: the later one gets them. */
static void exclusive_two_devices(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int one = exclusive_new(), other = dmirror_open(1);

	area_fill(&area);
	have_alone(one, area.at, PAGES, SERIES);
	have_alone(other, area.at, PAGES, SERIES);
	CHECK_EQ(check_exclusive(one, area.at, PAGES), 0);
	device_fill(other, area.at, OTHER_SERIES, 0, PAGES, 0);
	CHECK_EQ(device_wrong(one, area.at, OTHER_SERIES, 0, PAGES, ANY_FAULTS),
		 0);
	CHECK_EQ(check_exclusive(other, area.at, PAGES), 0);
}

/*
 * Pages in the device's memory can be made exclusive, and the device's writes are kept,
 * wherever the page then is.
 */
static void exclusive_from_memory(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	int fd;

	close(exclusive_new());
	fd = device_new(d, 0);
	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	have_alone(fd, area.at, PAGES, SERIES);
	device_fill(fd, area.at, OTHER_SERIES, 0, PAGES, 0);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES / 2), 0);

	/* And the other direction: exclusive pages can be moved. */
	CHECK_EQ(device_populate_all(fd, area.at, PAGES, HMM_DMIRROR_PROT_WRITE),
		 PAGES);
	CHECK_EQ(check_exclusive(fd, area.at, PAGES), 0);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
}

/*
 * All memory of the device goes home while some pages of it are exclusive. Private ones
 * have come home to be made exclusive, and stay so. Coherent ones go home too, and the
 * device loses them; or they stay until a CPU touches them.
 */
static void exclusive_evicted(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	size_t alone = PAGES / 2;
	bool stays;
	int fd;

	close(exclusive_new());
	stays = d->reachable && !one_page_at_a_time();
	fd = device_new(d, 0);
	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	have_alone(fd, area.at, alone, SERIES);
	device_fill(fd, area.at, OTHER_SERIES, 0, alone, 0);
	CHECK_EQ(devices_in_use(), 1 + PAGES - (d->reachable ? 0 : alone));

	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_RELEASE, area.at, 1, NULL, NULL),
		 stays ? -EBUSY : 0);
	CHECK_EQ(devices_in_use(), 1 + (stays ? alone : 0));
	for (size_t i = 0; i < alone; i++)
		CHECK_EQ(check_exclusive(fd, area.at + i * PAGE, 1),
			 d->reachable && !stays ? 0 : -EPERM);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, alone), 0);
	CHECK_EQ(content_wrong(area.at + alone * PAGE, SERIES, alone,
			       PAGES - alone), 0);

	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_RELEASE, area.at, 1, NULL, NULL), 0);
	CHECK_EQ(devices_in_use(), 1);
	CHECK_EQ(check_exclusive(fd, area.at, PAGES), 0);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, alone), 0);
	device_is_exact(fd, area.at, PAGES);
}

static void is_refused(int fd, const struct area *area)
{
	CHECK_EQ(try_alone(fd, area->at, area->pages, SERIES), -EBUSY);
	CHECK_EQ(check_exclusive(fd, area->at + PAGE, area->pages - 1), 0);
	CHECK_EQ(content_wrong(area->at, SERIES, 0, area->pages), 0);
	device_is_exact(fd, area->at, area->pages);
}

static void exclusive_refused(const void *variant)
{
	struct area area = area_new(variant, PAGES_IN_HUGE);
	int fd = exclusive_new();

	area_fill(&area);
	is_refused(fd, &area);
}

/* A huge page becomes exclusive page by page, where the kernel can do that. */
static void exclusive_thp(const void *unused)
{
	struct area area = area_new(&kind_thp, PAGES_IN_HUGE);
	size_t half = PAGES_IN_HUGE / 2;
	int fd = exclusive_new();

	area_fill(&area);
	if (!one_page_at_a_time()) {
		is_refused(fd, &area);
		return;
	}
	have_alone(fd, area.at, area.pages, SERIES);
	device_fill(fd, area.at, OTHER_SERIES, 0, area.pages, 0);
	CHECK_EQ(content_wrong(area.at + half * PAGE, OTHER_SERIES, half, half),
		 0);
	for (size_t i = 0; i < area.pages; i++)
		CHECK_EQ(check_exclusive(fd, area.at + i * PAGE, 1),
			 i < half ? -EPERM : 0);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, half), 0);
	device_is_exact(fd, area.at, area.pages);
}

static void exclusive_gap(const void *unused)
{
	struct area area = area_new(&kind_anon, 4);
	int fd = exclusive_new();

	area_fill(&area);
	CHECK_EQ(munmap(area.at + 3 * PAGE, PAGE), 0);
	CHECK_EQ(try_alone(fd, area.at, 4, SERIES), -EFAULT);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 3), 0);
}

#define ROUNDS	400

struct rival {
	int fd;
	struct area area;
	atomic_bool stop;
	atomic_size_t touches;
};

static void *touch_thread(void *arg)
{
	struct rival *r = arg;

	while (!r->stop) {
		CHECK_EQ(content_wrong(r->area.at, SERIES, 0, r->area.pages), 0);
		r->touches++;
	}
	return NULL;
}

/*
 * A CPU touches the pages all the time: each call succeeds or returns -EBUSY, and
 * always sees what the pages hold.
 */
static void exclusive_contended(const void *unused)
{
	struct rival r = { .fd = exclusive_new(),
			   .area = area_new(&kind_anon, 4) };
	size_t had = 0, i;
	pthread_t thread;
	int ret;

	area_fill(&r.area);
	CHECK_EQ(pthread_create(&thread, NULL, touch_thread, &r), 0);
	for (i = 0; i < ROUNDS || !had || !r.touches; i++) {
		ret = try_alone(r.fd, r.area.at, r.area.pages, SERIES);
		CHECK(!ret || ret == -EBUSY);
		had += !ret;
	}
	r.stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	note("had %zu times of %zu, touched %zu times", had, i, r.touches);
	device_is_exact(r.fd, r.area.at, r.area.pages);
}

/**
 * struct half - a task that makes half of an area exclusive, again and again
 * @fd: the device
 * @area: the area
 * @first: first page of the half
 * @rounds: how often it has tried
 * @had: how often the device had all pages of the half, and could read them
 */
struct half {
	int fd;
	const struct area *area;
	size_t first;
	atomic_size_t rounds, had;
};

#define HALF_ROUNDS	5

static bool half_is_done(const struct half *h)
{
	return h->rounds >= HALF_ROUNDS && h->had;
}

static void *half_thread(void *arg)
{
	struct half *h = arg;

	while (!half_is_done(h)) {
		int ret = try_alone_at(h->fd, h->area->at + h->first * PAGE,
				       h->first, h->area->pages / 2, SERIES);

		CHECK(!ret || ret == -EBUSY);
		h->had += !ret;
		h->rounds++;
	}
	return NULL;
}

/*
 * Two tasks want the two halves of an area, and a CPU touches the two pages in the middle
 * each time that an eighth of the pages has become exclusive. All pages of a huge page have
 * one lock: a task that held two of them would wait for itself or for the other one.
 */
static void exclusive_halves(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, kind == &kind_thp ? PAGES_IN_HUGE : 32);
	size_t middle = area.pages / 2, touches = 0;
	uint64_t now, next = 0;
	int fd = exclusive_new();
	struct half halves[] = {
		{ .fd = fd, .area = &area }, { .fd = fd, .area = &area, .first = middle },
	};
	pthread_t threads[ARRAY_SIZE(halves)];

	if (kind == &kind_thp && !one_page_at_a_time())
		skip("this kernel makes no part of a huge page exclusive");
	area_fill(&area);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, half_thread,
					&halves[i]), 0);
	while (!half_is_done(&halves[0]) || !half_is_done(&halves[1])) {
		now = mirror_total("exclusive");
		if (now < next)
			continue;
		CHECK_EQ(content_wrong(area.at + (middle - 1) * PAGE, SERIES,
				       middle - 1, 2), 0);
		touches++;
		next = now + area.pages / 8;
	}
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		note("half %zu: had %zu times of %zu", i, halves[i].had,
		     halves[i].rounds);
	}
	note("touched %zu times", touches);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 0);
	device_is_exact(fd, area.at, area.pages);
}

/*
 * Cancelled between two tries. A page of a file is never exclusive, so the call tries
 * again and sleeps in between. Meanwhile the page is taken out of the file, and the page
 * server that is asked for it is silent: a fault that begins after the cancelling would
 * wait for ever, and the cancelling for it.
 */
#define CANCELLED	20

struct tries {
	int fd;
	struct area area;
	atomic_int ret;
};

static void *try_thread(void *arg)
{
	struct tries *t = arg;

	t->ret = try_alone(t->fd, t->area.at, 1, SERIES);
	return NULL;
}

/* Returns what the call does; the cancelling may come too late for it. */
static int cancel_between_tries(struct tries *t)
{
	uint64_t mapped = mirror_total("pages_mapped");
	pthread_t thread;

	t->ret = 1;
	CHECK_EQ(pthread_create(&thread, NULL, try_thread, t), 0);
	while (mirror_total("pages_mapped") == mapped)
		CHECK_EQ(t->ret, 1);
	CHECK_EQ(madvise(t->area.at, PAGE, MADV_REMOVE), 0);
	CHECK_EQ(dmirror_cancel(t->fd), 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	return t->ret;
}

static void exclusive_cancel(const void *unused)
{
	struct tries t = { .fd = exclusive_new(),
			   .area = area_new(&kind_shmem, 1) };
	int uffd = uffd_need(0, "missing faults");
	size_t cancelled = 0, i;
	int ret;

	for (i = 0; cancelled < CANCELLED; i++) {
		area_fill(&t.area);
		CHECK_EQ(uffd_register(uffd, t.area.at, PAGE,
				       UFFDIO_REGISTER_MODE_MISSING), 0);
		ret = cancel_between_tries(&t);
		CHECK(ret == -ECANCELED || ret == -EBUSY);
		cancelled += ret == -ECANCELED;
		CHECK_EQ(uffd_unregister(uffd, t.area.at, PAGE), 0);
	}
	note("cancelled %zu times of %zu", cancelled, i);
}

void suite_exclusive(void)
{
	static const struct kind *const others[] = {
		&kind_file, &kind_shmem, &kind_hugetlb,
	};

	add_case(exclusive_touched, NULL, "exclusive/touched");
	add_case(exclusive_served, NULL, "exclusive/served");
	add_case(exclusive_protected, NULL, "exclusive/protected");
	add_case(exclusive_forked, NULL, "exclusive/forked");
	add_case(exclusive_two_devices, NULL, "exclusive/two-devices");
	add_device_cases(exclusive_from_memory, NULL, "exclusive/from-memory");
	add_device_cases(exclusive_evicted, NULL, "exclusive/evicted");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		add_case(exclusive_refused, others[i], "exclusive/refused/%s",
			 others[i]->name);
	add_case(exclusive_thp, NULL, "exclusive/thp");
	add_case(exclusive_gap, NULL, "exclusive/gap");
	add_case(exclusive_contended, NULL, "exclusive/contended");
	add_case(exclusive_halves, &kind_anon, "exclusive/halves/anon");
	add_case(exclusive_halves, &kind_thp, "exclusive/halves/thp");
	add_case(exclusive_cancel, NULL, "exclusive/cancel");
}
