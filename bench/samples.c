// SPDX-License-Identifier: GPL-2.0-only
/* Values are sorted when they are added, so the median is in the middle. */
#include "fail.h"
#include "samples.h"

void samples_add(struct samples *samples, double value)
{
	unsigned int i;

	if (samples->n == SAMPLES_MAX)
		die("more than %d samples: raise SAMPLES_MAX", SAMPLES_MAX);
	for (i = samples->n++; i && samples->values[i - 1] > value; i--)
		samples->values[i] = samples->values[i - 1];
	samples->values[i] = value;
}

double samples_min(const struct samples *samples)
{
	return samples->values[0];
}

double samples_median(const struct samples *samples)
{
	return (samples->values[(samples->n - 1) / 2] +
		samples->values[samples->n / 2]) / 2;
}

double samples_max(const struct samples *samples)
{
	return samples->values[samples->n - 1];
}
