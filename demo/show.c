// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdio.h>

#include "content.h"
#include "show.h"

#define BAR	40

static bool plain;

void show_plain(void)
{
	plain = true;
}

static void show_bar(size_t done, size_t all)
{
	size_t full = done * BAR / all;

	printf("\r  [");
	for (size_t i = 0; i < BAR; i++)
		putchar(i < full ? '#' : '.');
	printf("] %3zu%%  %zu of %zu MiB ", done * 100 / all,
	       done * PAGE >> 20, all * PAGE >> 20);
	if (done == all)
		putchar('\n');
	fflush(stdout);
}

void show_progress(size_t done, size_t all)
{
	static size_t shown;
	size_t tenth = done * 10 / all;

	if (!plain) {
		show_bar(done, all);
	} else if (tenth != shown) {
		printf("  %zu0%% of %zu MiB\n", tenth, all * PAGE >> 20);
		fflush(stdout);
		shown = tenth;
	}
}

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
