// SPDX-License-Identifier: GPL-2.0-only
/* The calls of the probe device, and the engine's counters. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "content.h"
#include "fail.h"
#include "probe.h"
#include "stats.h"

#define STATS	"/sys/kernel/debug/hmm_unlocked/stats"

int probe_open(void)
{
	int fd = open("/dev/" HMMU_PROBE_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die_errno("cannot open /dev/" HMMU_PROBE_DEVICE
			  " (is hmm_unlocked_probe.ko loaded?)");
	return fd;
}

struct hmmu_probe_run probe_range(enum hmmu_probe_call call, const void *start,
				  size_t pages, uint64_t request)
{
	return (struct hmmu_probe_run) {
		.call = call,
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + pages * PAGE,
		.default_flags = request,
	};
}

int probe_try(int fd, struct hmmu_probe_run *run)
{
	return ioctl(fd, HMMU_PROBE_RUN, run) ? -errno : run->error;
}

int probe_run(int fd, struct hmmu_probe_run *run)
{
	int ret;

	do {
		ret = ioctl(fd, HMMU_PROBE_RUN, run);
	} while (ret && errno == EINTR);
	if (ret)
		die_errno("the probe refused a run");
	return run->error;
}

/* The range is empty, which each call refuses. */
bool probe_has_call(int fd, enum hmmu_probe_call call)
{
	struct hmmu_probe_run run = probe_range(call, NULL, 0, 0);

	return probe_try(fd, &run) != -EOPNOTSUPP;
}

#define COUNTER_NAME(id, name, how, help) #name,

static const char * const names[] = { HMM_UNLOCKED_COUNTERS(COUNTER_NAME) };

const char *counter_name(enum hmm_unlocked_counter which)
{
	return names[which];
}

uint64_t counter_total(enum hmm_unlocked_counter which)
{
	return stats_sum(STATS, names[which]);
}
