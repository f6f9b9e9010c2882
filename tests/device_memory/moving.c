// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices and CPUs use the same pages while these move to and fro: what one has written
 * all others read, wherever the page is.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "suites.h"

#define WORDS	(PAGE / sizeof(uint64_t))
#define MOVES	200

/* EBUSY: the call lost the pages to other moves for one second. Retry. */
static void access_page(int fd, unsigned long number, const void *at, void *buffer)
{
	int ret;

	do
		ret = dmirror_call(fd, number, at, 1, buffer, NULL);
	while (ret == -EBUSY);
	CHECK_EQ(ret, 0);
}

/**
 * struct count - ascending numbers that a device writes to a page
 * @fd: the device
 * @at: the page
 * @written: the last number that was written
 * @stop: stop writing
 */
struct count {
	int fd;
	uint64_t *at;
	atomic_ulong written;
	atomic_bool stop;
};

static void *count_thread(void *arg)
{
	uint64_t out[WORDS] = {}, in[WORDS];
	struct count *c = arg;

	while (!c->stop) {
		out[0] = ++out[WORDS - 1];
		access_page(c->fd, HMM_DMIRROR_WRITE, c->at, out);
		access_page(c->fd, HMM_DMIRROR_READ, c->at, in);
		CHECK_EQ(in[0], out[0]);
		CHECK_EQ(in[WORDS - 1], out[0]);
		c->written = out[0];
	}
	return NULL;
}

/* The CPU never sees a number below that written before it looked. */
static void *look_thread(void *arg)
{
	const volatile uint64_t *at;
	struct count *c = arg;
	uint64_t least, seen = 0;

	for (at = c->at; !c->stop; ) {
		least = c->written;
		if (least <= seen) {
			sched_yield();
			continue;
		}
		seen = at[0];
		CHECK_REL(seen, >=, least);
	}
	return NULL;
}

/* What the device writes while its page moves is in the page afterwards. */
static void moving_counts(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, 1);
	struct count c = { device_new(d, 0), (uint64_t *)area.at };
	uint8_t write = HMM_DMIRROR_PROT_WRITE, byte;
	size_t n, moved = 0, populated = 0;
	pthread_t threads[2];

	memset(area.at, 0, PAGE);
	CHECK_EQ(pthread_create(&threads[0], NULL, count_thread, &c), 0);
	CHECK_EQ(pthread_create(&threads[1], NULL, look_thread, &c), 0);
	for (size_t i = 0; i < MOVES || !moved || !populated; i++) {
		byte = write;
		if (i % 2 && !device_populate(c.fd, area.at, 1, &byte, &n))
			populated += n;
		else
			device_take(c.fd, area.at, 1);
		CHECK_EQ(device_give(c.fd, area.at, 1, &n), 0);
		moved += n;
	}
	c.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	note("%lu numbers, moved %zu times", c.written, moved);
	CHECK_EQ(c.at[0], c.written);
	CHECK_EQ(c.at[WORDS - 1], c.written);
}

#define SECONDS	10
#define PAGES	64
#define USERS	4

/**
 * struct page - one of the pages
 * @lock: held while the content is accessed, but not while the page moves
 * @series: the content it holds
 */
struct page {
	pthread_mutex_t lock;
	uint64_t series;
};

/*
 * Evicting device-exclusive pages by migrate_device_range() makes the kernel lose count
 * of their references: remove_migration_ptes() takes their entries for migration
 * entries. With memory that the CPU can reach, a page is either exclusive or in that
 * memory.
 */
static struct crossing {
	struct area area;
	struct page pages[PAGES];
	int fds[2];
	unsigned int seed;
	bool alone;
	atomic_bool stop;
	atomic_ulong accesses, had_alone, moved;
} crossing;

static void read_page(size_t i, unsigned int how)
{
	char buffer[PAGE], *at = crossing.area.at + i * PAGE;
	const char *seen = buffer;

	if (how % 3 == 2)
		seen = at;
	else
		access_page(crossing.fds[how % 3], HMM_DMIRROR_READ, at, buffer);
	if (content_wrong(seen, crossing.pages[i].series, i, 1))
		FAIL("page %zu has not what was written (read by %u)", i,
		     how % 3);
}

static void write_page(size_t i, unsigned int how)
{
	char buffer[PAGE], *at = crossing.area.at + i * PAGE;
	char *to = how % 3 == 2 ? at : buffer;

	content_fill(to, ++crossing.pages[i].series, i, 1);
	if (to == buffer)
		access_page(crossing.fds[how % 3], HMM_DMIRROR_WRITE, at, buffer);
}

static void have_alone(size_t i, unsigned int which)
{
	char buffer[PAGE] = "";
	int ret = dmirror_call(crossing.fds[which], HMM_DMIRROR_EXCLUSIVE,
			       crossing.area.at + i * PAGE, 1, buffer, NULL);

	CHECK(!ret || ret == -EBUSY);
	if (!ret)
		CHECK_EQ(content_wrong(buffer, crossing.pages[i].series, i, 1), 0);
	crossing.had_alone += !ret;
}

static void *use_thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg, how;
	size_t i;

	while (!crossing.stop) {
		i = rand_r(&seed) % PAGES;
		how = rand_r(&seed) % 9;
		pthread_mutex_lock(&crossing.pages[i].lock);
		if (crossing.alone && how == 8)
			have_alone(i, i % 2);
		else if (how % 2)
			write_page(i, how / 2);
		read_page(i, rand_r(&seed) % 3);
		pthread_mutex_unlock(&crossing.pages[i].lock);
		crossing.accesses++;
	}
	return NULL;
}

static void move_some(unsigned int *seed)
{
	size_t first = rand_r(seed) % PAGES, n = 1 + rand_r(seed) % (PAGES - first);
	char *at = crossing.area.at + first * PAGE;
	int fd = crossing.fds[rand_r(seed) % 2], ret;
	size_t moved = 0;
	uint8_t bytes[PAGES];

	switch (rand_r(seed) % 8) {
	case 0:
		ret = device_take(fd, at, n);
		CHECK(!ret || ret == -ENOENT);
		break;
	case 1:
		CHECK_EQ(device_give(fd, at, n, NULL), 0);
		break;
	case 2:
		ret = dmirror_call(fd, HMM_DMIRROR_RELEASE, at, 1, NULL, NULL);
		CHECK(!ret || ret == -EBUSY);
		break;
	default:
		for (size_t i = 0; i < n; i++)
			bytes[i] = rand_r(seed) % 3;
		ret = device_populate(fd, at, n, bytes, &moved);
		CHECK(!ret || ret == -EBUSY);
		if (!ret)
			crossing.moved += moved;
	}
}

static void *move_thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!crossing.stop)
		move_some(&seed);
	return NULL;
}

static void crossing_begin(const struct device *d)
{
	crossing.area = area_new(&kind_anon, PAGES);
	for (size_t i = 0; i < ARRAY_SIZE(crossing.fds); i++)
		crossing.fds[i] = i ? device_open(d, 1) : device_new(d, 0);
	crossing.alone = dmirror_call(crossing.fds[0],
				      HMM_DMIRROR_CHECK_EXCLUSIVE,
				      crossing.area.at, 1, NULL, NULL) == 0;
	for (size_t i = 0; i < PAGES; i++) {
		pthread_mutex_init(&crossing.pages[i].lock, NULL);
		crossing.pages[i].series = SERIES;
	}
	area_fill(&crossing.area);
}

static void crossing_end(void)
{
	note("%lu accesses, %lu pages moved, %lu had alone", crossing.accesses,
	     crossing.moved, crossing.had_alone);
	CHECK_REL(crossing.accesses, >, 0);
	CHECK_REL(crossing.moved, >, 0);
	/* An exclusive page is not mapped for the CPU until the CPU touches it. */
	for (size_t i = 0; i < PAGES; i++)
		read_page(i, 2);
	for (size_t i = 0; i < ARRAY_SIZE(crossing.fds); i++)
		device_is_exact(crossing.fds[i], crossing.area.at, PAGES);
}

/* Four threads use the pages by both devices and the CPU; one moves them. */
static void moving_all_at_once(const void *variant)
{
	struct timespec span = { .tv_sec = SECONDS };
	pthread_t threads[USERS + 1];
	uintptr_t seed = time(NULL);

	note("seed %lu", (unsigned long)seed);
	crossing_begin(variant);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, i < USERS ?
					use_thread : move_thread,
					(void *)(seed + i)), 0);
	nanosleep(&span, NULL);
	crossing.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	crossing_end();
}

void suite_moving(void)
{
	add_device_cases(moving_counts, NULL, "moving/counts");
	add_slow_device_cases(300, moving_all_at_once, NULL, "moving/all-at-once");
}
