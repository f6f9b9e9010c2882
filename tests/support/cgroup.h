/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory cgroups of version 2, which only this case sees: processes with little memory.
 */
#ifndef TESTS_CGROUP_H
#define TESTS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_WHY	256

/*
 * Make the cgroup @name with @bytes of memory and @swap of swap, "max" for no limit.
 * Returns false where cgroups are unavailable, and says in @why what is missing.
 */
bool cgroup_new(const char *name, const char *bytes, const char *swap,
		char why[CGROUP_WHY]);

/* Move @pid there, 0: the caller. Returns false as cgroup_new() does. */
bool cgroup_enter(const char *name, pid_t pid, char why[CGROUP_WHY]);

/* How many processes of this cgroup the OOM killer has killed. */
uint64_t cgroup_killed(const char *name);

#endif
