// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that end in all ways with memory on a device, while calls that move memory
 * are running.
 *
 * Nothing of the process may stay in use. A page in device memory is a reference on the
 * module, so the modules can only be unloaded if each page was given back.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "fail.h"
#include "suites.h"
#include "module.h"
#include "victim.h"

#define PAGES	VICTIM_PAGES
#define WAITING	4

/* Set before the process that uses it is forked. */
static const struct device *the_device;

struct waiting {
	int fd;
	char *at;
};

static void *wait_thread(void *arg)
{
	const struct waiting *w = arg;
	uint8_t byte = HMM_DMIRROR_PROT_WRITE;

	device_populate(w->fd, w->at, 1, &byte, NULL);
	return NULL;
}

/* Other memory of the process is on the device already. */
static int waiting_begin(const struct area *area, size_t waiting)
{
	static struct waiting w[WAITING];
	struct area own = area_new(&kind_anon, PAGES);
	int fd = dmirror_open(the_device->number);
	pthread_t thread;

	area_fill(&own);
	device_takes(the_device, fd, &own, SERIES);
	for (size_t i = 0; i < waiting; i++) {
		w[i] = (struct waiting) { fd, area->at + i * PAGE };
		if (pthread_create(&thread, NULL, wait_thread, &w[i]))
			die("no thread");
	}
	return fd;
}

static const struct victim_use waiting = { waiting_begin };

/* The process ends while its populates wait for a page server that never answers. */
static void device_ends(const void *variant)
{
	const struct device *d = variant;
	struct victim v;

	close(device_new(d, 0));
	the_device = d;
	v = victim_new(&waiting, WAITING, d->of);
	CHECK_REL(devices_in_use(), >=, PAGES);
	close(v.fd);
	victim_ends(&v);
	victim_memory_is_gone(&v);
	close(v.uffd);
	devices_idle();
	CHECK_EQ(mirror_total("in_flight"), 0);
	modules_unload();
	modules_load();
}

/**
 * struct busy - a process that moves its memory in all ways
 * @area: the memory
 * @fds: both devices
 * @steps: how many calls it has made; shared with the test
 */
static struct busy {
	struct area area;
	int fds[2];
	atomic_ulong *steps;
} busy;

static void *busy_thread(void *arg)
{
	static const unsigned long numbers[] = {
		HMM_DMIRROR_MIGRATE_TO_DEV, HMM_DMIRROR_MIGRATE_TO_SYS,
		HMM_DMIRROR_POPULATE_DEV, HMM_DMIRROR_POPULATE_DEV,
		HMM_DMIRROR_READ, HMM_DMIRROR_WRITE, HMM_DMIRROR_RELEASE,
		HMM_DMIRROR_EXCLUSIVE,
	};
	unsigned int seed = (uintptr_t)arg;
	char *buffer = calloc(PAGES, PAGE);

	for (;; ++*busy.steps) {
		unsigned long number = numbers[rand_r(&seed) %
						ARRAY_SIZE(numbers)];
		size_t first = rand_r(&seed) % PAGES;

		if (number == HMM_DMIRROR_POPULATE_DEV)
			memset(buffer, HMM_DMIRROR_PROT_WRITE, PAGES);
		dmirror_call(busy.fds[rand_r(&seed) % 2], number,
			     busy.area.at + first * PAGE,
			     1 + rand_r(&seed) % (PAGES - first), buffer, NULL);
		busy.area.at[rand_r(&seed) % PAGES * PAGE]++;
	}
	return NULL;
}

static void busy_begin(const void *variant, atomic_ulong *steps, unsigned int seed)
{
	const struct device *d = variant;
	pthread_t thread;

	busy.area = area_new(&kind_anon, PAGES);
	busy.steps = steps;
	for (size_t i = 0; i < ARRAY_SIZE(busy.fds); i++)
		busy.fds[i] = dmirror_open(d->number + i);
	for (uintptr_t i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, busy_thread, (void *)(seed + i)))
			die("no thread");
}

static void busy_over(void)
{
	devices_idle();
	CHECK_EQ(mirror_total("in_flight"), 0);
}

/* The process ends at any point of any call. */
static void device_ends_anywhere(const void *variant)
{
	static const struct busy_life life = { 2, 60, busy_begin, busy_over };
	const struct device *d = variant;

	close(device_new(d, 0));
	ends_anywhere(&life, d, d->of);
	modules_unload();
	modules_load();
}

static void child_outlives(const struct area *area, int heard, int said)
{
	char token;

	CHECK_EQ(write(said, "", 1), 1);
	CHECK_EQ(read(heard, &token, 1), 1);
	CHECK_EQ(content_wrong(area->at, SERIES, 0, PAGES), 0);
	CHECK_EQ(write(said, "", 1), 1);
	fflush(stdout);
	_exit(0);
}

/* Move memory to the device, share it with a child, and end. */
static void parent_ends(const struct device *d, int heard, int said)
{
	struct area area = area_new(&kind_anon, PAGES);
	int fd = device_open(d, 0);
	const struct end *end = d->of;
	pid_t pid;

	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	pid = child_fork();
	if (!pid) {
		close(fd);
		child_outlives(&area, heard, said);
	}
	end->of();
}

/*
 * A child without a device of its own shares the memory. The pages come back to the
 * system, or keep the module loaded, and the child sees what was written.
 */
static void device_outlived(const void *variant)
{
	const struct device *d = variant;
	int say[2], hear[2];
	char token;
	pid_t pid;

	close(device_new(d, 0));
	CHECK_EQ(pipe(say), 0);
	CHECK_EQ(pipe(hear), 0);
	pid = child_fork();
	if (!pid)
		parent_ends(d, say[0], hear[1]);
	CHECK_EQ(read(hear[0], &token, 1), 1);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	if (devices_in_use())
		CHECK_EQ(module_unload(DMIRROR_MODULE), -EAGAIN);
	CHECK_EQ(write(say[1], "", 1), 1);
	CHECK_EQ(read(hear[0], &token, 1), 1);
	devices_idle();
	modules_unload();
	modules_load();
}

void suite_device(void)
{
	for (size_t i = 0; i < NR_ENDS; i++) {
		add_device_cases(device_ends, &ends[i], "device/ends/%s",
				 ends[i].name);
		add_slow_device_cases(300, device_ends_anywhere, &ends[i],
				      "device/ends-anywhere/%s", ends[i].name);
		add_device_cases(device_outlived, &ends[i], "device/outlived/%s",
				 ends[i].name);
	}
}
