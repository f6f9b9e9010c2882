// SPDX-License-Identifier: GPL-2.0-only
/* Two ways, measured by use; see tried.h. */
#include "tried.h"

/* Of this many times TRIED_TIMES are spent on the slower way. */
#define AGAIN		256
/* What times are kept for: times of reads of any length compare. */
#define UNIT		(64UL << 10)

/* The best time; the maximum if none is known. */
static uint64_t tried_cost(const uint64_t last[TRIED_TIMES])
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < TRIED_TIMES; i++)
		if (last[i] && last[i] < least)
			least = last[i];
	return least;
}

/* First a few times each way; then the better, and in turns of AGAIN the other. */
bool tried_use_second(const struct tried *tried)
{
	uint64_t first = tried_cost(tried->last[0]), second = tried_cost(tried->last[1]);
	bool better = second < first - first / 8;

	if (tried->times < 2 * TRIED_TIMES)
		return tried->times >= TRIED_TIMES;
	return tried->times % AGAIN < TRIED_TIMES ? !better : better;
}

void tried_note(struct tried *tried, bool second, size_t bytes, uint64_t ns)
{
	tried->times++;
	if (bytes)
		tried->last[second][tried->next[second]++ % TRIED_TIMES] =
			ns * UNIT / bytes + 1;
}
