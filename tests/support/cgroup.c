// SPDX-License-Identifier: GPL-2.0-only
/* Cgroups by the files of cgroup2, in a mount that only this case sees. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "harness.h"
#include "stats.h"

#define CGROUPS		"/tmp/cgroups"

/* @name is "" for the root cgroup. */
static bool cgroup_write(const char *name, const char *file, const char *text,
			 char why[CGROUP_WHY])
{
	char path[128];
	int fd;
	bool good;

	snprintf(path, sizeof(path), CGROUPS "/%s/%s", name, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (!good)
		snprintf(why, CGROUP_WHY, "cannot write %s to %s: %s", text, path,
			 strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

/* Without swap there is no limit to set. */
static bool limit_swap(const char *name, const char *swap, char why[CGROUP_WHY])
{
	return !strcmp(swap, "max") || cgroup_write(name, "memory.swap.max", swap, why);
}

bool cgroup_new(const char *name, const char *bytes, const char *swap,
		char why[CGROUP_WHY])
{
	char path[128];

	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK(!mkdir(CGROUPS, 0700) || errno == EEXIST);
	if (mount("none", CGROUPS, "cgroup2", 0, NULL)) {
		snprintf(why, CGROUP_WHY, "no cgroup2: %s", strerror(errno));
		return false;
	}
	if (!cgroup_write("", "cgroup.subtree_control", "+memory", why))
		return false;
	snprintf(path, sizeof(path), CGROUPS "/%s", name);
	CHECK(!mkdir(path, 0700) || errno == EEXIST);
	return cgroup_write(name, "memory.max", bytes, why) && limit_swap(name, swap, why);
}

bool cgroup_enter(const char *name, pid_t pid, char why[CGROUP_WHY])
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pid);
	return cgroup_write(name, "cgroup.procs", number, why);
}

uint64_t cgroup_killed(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), CGROUPS "/%s/memory.events", name);
	return stats_sum(path, "oom_kill");
}
