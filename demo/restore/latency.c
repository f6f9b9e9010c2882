// SPDX-License-Identifier: GPL-2.0-only
/* Step n of the histogram has the times below 2^n us, from 2^(n-1) us on. */
#include <stdio.h>

#include "latency.h"

#define BAR	40

static unsigned int latency_step(uint64_t us)
{
	unsigned int n = us ? 64 - __builtin_clzll(us) : 0;

	return n < LATENCY_STEPS ? n : LATENCY_STEPS - 1;
}

void latency_add(struct latency *latency, uint64_t ns)
{
	latency->counts[latency_step(ns / 1000)]++;
}

void latency_add_all(struct latency *to, const struct latency *from)
{
	for (unsigned int i = 0; i < LATENCY_STEPS; i++)
		to->counts[i] += from->counts[i];
}

uint64_t latency_count(const struct latency *latency)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < LATENCY_STEPS; i++)
		n += latency->counts[i];
	return n;
}

static void latency_show_step(unsigned int i, uint64_t count, uint64_t most)
{
	uint64_t from = i ? 1ULL << (i - 1) : 0, to = 1ULL << i;

	if (i < LATENCY_STEPS - 1)
		printf("  %8llu to %8llu us %7llu  ", from + 0ULL, to + 0ULL,
		       count + 0ULL);
	else
		printf("  %8llu us and longer  %7llu  ", from + 0ULL,
		       count + 0ULL);
	for (uint64_t n = 0; n < (count * BAR + most - 1) / most; n++)
		putchar('#');
	putchar('\n');
}

void latency_show(const struct latency *latency)
{
	unsigned int first = LATENCY_STEPS, last = 0;
	uint64_t most = 0;

	for (unsigned int i = 0; i < LATENCY_STEPS; i++) {
		if (!latency->counts[i])
			continue;
		if (first > i)
			first = i;
		last = i;
		if (most < latency->counts[i])
			most = latency->counts[i];
	}
	for (unsigned int i = first; i <= last; i++)
		latency_show_step(i, latency->counts[i], most);
}
