/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that may have only so much memory, of version 2 and seen by the case alone. */
#ifndef TESTS_CGROUP_H
#define TESTS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_WHY	256

/*
 * One called @name, of @bytes of memory and @swap of swap, "max" for any. Returns false and
 * says in @why what is missing if there is no such thing here.
 */
bool cgroup_new(const char *name, const char *bytes, const char *swap,
		char why[CGROUP_WHY]);

/* Put @pid there, 0: who calls. Returns false as the last. */
bool cgroup_enter(const char *name, pid_t pid, char why[CGROUP_WHY]);

/* How often somebody there was killed for want of memory. */
uint64_t cgroup_killed(const char *name);

#endif
