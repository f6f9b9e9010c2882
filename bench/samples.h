/* SPDX-License-Identifier: GPL-2.0-only */
/* The values of one figure, one for each run. Counts are exact up to 2^53. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#define SAMPLES_MAX	8192

struct samples {
	unsigned int n;
	double values[SAMPLES_MAX];
};

void samples_add(struct samples *samples, double value);

double samples_min(const struct samples *samples);
double samples_median(const struct samples *samples);
double samples_max(const struct samples *samples);

#endif
