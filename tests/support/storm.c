// SPDX-License-Identifier: GPL-2.0-only
/* The threads of storms. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "content.h"
#include "harness.h"
#include "storm.h"

static atomic_bool storms_stop;

static void *storm_thread(void *arg)
{
	struct storm *storm = arg;

	while (!storms_stop)
		storm->invalidate(storm, storm->rounds++);
	return NULL;
}

void storms_begin(struct storm *storms, size_t n)
{
	storms_stop = false;
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&storms[i].thread, NULL, storm_thread,
					&storms[i]), 0);
	for (size_t i = 0; i < n; i++)
		while (storms[i].rounds < 2)
			sched_yield();
}

void storms_end(struct storm *storms, size_t n)
{
	storms_stop = true;
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(pthread_join(storms[i].thread, NULL), 0);
}

void storm_discard(struct storm *storm, unsigned long round)
{
	if (madvise(storm->at, storm->pages * PAGE, MADV_DONTNEED))
		FAIL("the storm has died: %s", strerror(errno));
}
