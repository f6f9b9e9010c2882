// SPDX-License-Identifier: GPL-2.0-only
/* Prints the bar, or a line for each tenth. */
#include <stdbool.h>
#include <stdio.h>

#include "content.h"
#include "progress.h"

#define BAR	40

static bool plain;

void progress_plain(void)
{
	plain = true;
}

static void progress_bar(size_t done, size_t all)
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

void progress_show(size_t done, size_t all)
{
	static size_t shown;
	size_t tenth = done * 10 / all;

	if (!plain) {
		progress_bar(done, all);
	} else if (tenth != shown) {
		printf("  %zu0%% of %zu MiB\n", tenth, all * PAGE >> 20);
		fflush(stdout);
		shown = tenth;
	}
}
