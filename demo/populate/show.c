// SPDX-License-Identifier: GPL-2.0-only
/* Prints the table that compares the calls. */
#include <stdio.h>

#include "show.h"

void show_table_head(void)
{
	printf("\n  %-26s %8s %8s %8s %9s %13s %8s\n", "", "pages", "faults",
	       "drops", "restarts", "entries read", "pages/s");
}

void show_table_row(const char *name, size_t pages,
		    const struct hmmu_probe_run *run)
{
	printf("  %-26s %8zu %8llu %8llu %9llu %13llu %8.0f\n", name, pages,
	       counted(run, HMM_UNLOCKED_FAULTS) + 0ULL,
	       counted(run, HMM_UNLOCKED_LOCK_DROPS) + 0ULL,
	       counted(run, HMM_UNLOCKED_RESTARTS) + 0ULL,
	       counted(run, HMM_UNLOCKED_ENTRIES_READ) + 0ULL,
	       pages * 1e9 / run->ns);
	fflush(stdout);
}
