// SPDX-License-Identifier: GPL-2.0-only
/* The calls of hmm_dmirror, and the kit's counters. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "content.h"
#include "dmirror.h"
#include "fail.h"
#include "stats.h"

#define STATS	"/sys/kernel/debug/hmm_unlocked/mirrors"

int dmirror_open(unsigned int n)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/hmm_dmirror%u", n);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die_errno("cannot open %s (is hmm_dmirror.ko loaded?)", path);
	return fd;
}

int dmirror_call(int fd, unsigned long number, const void *at, size_t pages,
		 const void *ptr, struct hmm_dmirror_cmd *cmd)
{
	struct hmm_dmirror_cmd own;

	cmd = cmd ?: &own;
	*cmd = (struct hmm_dmirror_cmd) {
		.addr = (uintptr_t)at,
		.ptr = (uintptr_t)ptr,
		.npages = pages,
	};
	return ioctl(fd, number, cmd) ? -errno : 0;
}

int dmirror_populate(int fd, const void *at, size_t pages, uint64_t flags)
{
	return dmirror_call(fd, HMM_DMIRROR_POPULATE, at, pages,
			    (void *)(uintptr_t)flags, NULL);
}

int dmirror_prefetch(int fd, const void *at, size_t pages, uint64_t flags)
{
	return dmirror_call(fd, HMM_DMIRROR_PREFETCH, at, pages,
			    (void *)(uintptr_t)flags, NULL);
}

int dmirror_wait(int fd, size_t *ended, size_t *failed)
{
	struct hmm_dmirror_cmd cmd;
	int ret = dmirror_call(fd, HMM_DMIRROR_WAIT, NULL, 1, NULL, &cmd);

	*ended = cmd.cpages;
	*failed = cmd.faults;
	return ret;
}

int dmirror_cancel(int fd)
{
	return dmirror_call(fd, HMM_DMIRROR_CANCEL, NULL, 1, NULL, NULL);
}

size_t dmirror_mapped(int fd, const void *at, size_t pages, size_t *wrong)
{
	struct hmm_dmirror_cmd cmd;
	int ret = dmirror_call(fd, HMM_DMIRROR_COMPARE, at, pages, NULL, &cmd);

	if (ret) {
		errno = -ret;
		die_errno("HMM_DMIRROR_COMPARE");
	}
	*wrong = cmd.faults;
	return cmd.cpages;
}

uint64_t mirror_total(const char *name)
{
	return stats_sum(STATS, name);
}

uint64_t mirror_retries(void)
{
	return stats_sum(STATS, "retry_*");
}
