// SPDX-License-Identifier: GPL-2.0-only
/* The storm's thread: pinned to CPU 1, while what is measured is pinned to CPU 0. */
#include <sys/mman.h>
#include <unistd.h>

#include "content.h"
#include "fail.h"
#include "load_storm.h"
#include "memory.h"

#define OURS	0
#define STORMS	1

static void pin_thread(pthread_t thread, int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (pthread_setaffinity_np(thread, sizeof(cpus), &cpus))
		die("this needs two CPUs: --cpus 2");
}

static bool storm_unmap(char *at, size_t length)
{
	return !munmap(at, length) &&
	       mmap(at, length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
		    MAP_FIXED_NOREPLACE, -1, 0) == at;
}

static bool storm_protect(char *at, size_t length)
{
	return !mprotect(at, length, PROT_READ) &&
	       !mprotect(at, length, PROT_READ | PROT_WRITE);
}

static void *storm_run(void *arg)
{
	struct storm *storm = arg;
	size_t length = storm->pages * PAGE;
	char *at = storm->at ?: memory_map(storm->pages, MADV_NOHUGEPAGE);

	for (; !storm->stop; storm->rounds++) {
		if (!(storm->inside ? storm_protect : storm_unmap)(at, length))
			die_errno("the storm has died");
		if (storm->pause_us)
			usleep(storm->pause_us);
	}
	if (!storm->at)
		memory_unmap(at, storm->pages);
	return NULL;
}

void storm_begin(struct storm *storm)
{
	storm->stop = false;
	storm->rounds = 0;
	if (pthread_create(&storm->thread, NULL, storm_run, storm))
		die("cannot start a thread");
	pin_thread(storm->thread, STORMS);
	while (!storm->rounds)
		sched_yield();
}

void storm_end(struct storm *storm)
{
	storm->stop = true;
	pthread_join(storm->thread, NULL);
}

cpu_set_t storm_leave_cpu(void)
{
	cpu_set_t before;

	if (sched_getaffinity(0, sizeof(before), &before))
		die_errno("sched_getaffinity");
	pin_thread(pthread_self(), OURS);
	return before;
}
