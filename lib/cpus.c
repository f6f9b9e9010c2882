// SPDX-License-Identifier: GPL-2.0-only
/* Pins a thread to the CPU it runs on. */
#include "cpus.h"
#include "fail.h"

cpu_set_t cpus_pin(void)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		die_errno("sched_getaffinity");
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	cpus_restore(&one);
	return all;
}

void cpus_restore(const cpu_set_t *cpus)
{
	if (sched_setaffinity(0, sizeof(*cpus), cpus))
		die_errno("sched_setaffinity");
}
