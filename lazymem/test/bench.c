// SPDX-License-Identifier: GPL-2.0-only
/* lazymem-test --bench RUNS: rate.c again and again, in turn; medians and spread. */
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"
#include "fixture.h"
#include "rate.h"

#define PAGES		32768
#define RUNS_MOST	100

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Without pages of zeros, which are brought in another way, and faster. */
static const char *full_image(void)
{
	const char *path = path_of("full");
	FILE *file = fopen(path, "we");
	char page[PAGE];

	for (size_t i = 0; file && i < PAGES; i++) {
		content_fill(page, 1, i, 1);
		fwrite(page, 1, PAGE, file);
	}
	if (!file || fclose(file))
		die_errno("%s", path);
	return path;
}

void bench(unsigned int runs)
{
	static double samples[RATES + 1][RUNS_MOST];
	const char *image = full_image();

	for (unsigned int i = 0; i < runs; i++) {
		double rates[RATES];

		rate_measure(image, PAGES, rates);
		for (unsigned int j = 0; j < RATES; j++)
			samples[j][i] = rates[j];
		samples[RATES][i] = rates[RATE_LAZYMEM] / rates[RATE_BARE];
	}
	printf("%u runs of %u pages; medians (least..most)\n", runs, PAGES);
	for (unsigned int j = 0; j <= RATES; j++) {
		double *s = samples[j];

		qsort(s, runs, sizeof(*s), compare);
		if (j < RATES)
			printf("%-16s %9.0f pages/s (%.0f..%.0f)\n", rate_names[j],
			       s[runs / 2], s[0], s[runs - 1]);
		else
			printf("%-16s %9.2f of %s (%.2f..%.2f), at least 0.80 is meant\n",
			       rate_names[RATE_LAZYMEM], s[runs / 2],
			       rate_names[RATE_BARE], s[0], s[runs - 1]);
	}
}
