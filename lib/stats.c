// SPDX-License-Identifier: GPL-2.0-only
/* Sums lines of files of counters. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"
#include "stats.h"

static bool name_matches(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (length && pattern[length - 1] == '*')
		return !strncmp(name, pattern, length - 1);
	return !strcmp(name, pattern);
}

uint64_t stats_sum(const char *path, const char *name)
{
	unsigned long long value, sum = 0;
	unsigned int lines = 0;
	char line[128], this[64];
	FILE *f = fopen(path, "re");

	if (!f)
		die_errno("cannot open %s", path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %llu", this, &value) != 2 ||
		    !name_matches(name, this))
			continue;
		sum += value;
		lines++;
	}
	fclose(f);
	if (!lines)
		die("%s has no line for %s", path, name);
	return sum;
}
