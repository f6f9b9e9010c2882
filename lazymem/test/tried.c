// SPDX-License-Identifier: GPL-2.0-only
/* Which of two ways is kept, by made-up times. */
#include "fixture.h"
#include "tried.h"

#define BYTES	(1UL << 20)
#define TIMES	4000

/* How often the slower way may be taken. */
#define TRIED	(TIMES / 64 + 8)

/* Nanoseconds for BYTES in each way, and whether the second must be kept. */
struct ways {
	uint64_t ns[2];
	bool second;
};

static const struct ways ways[] = {
	{ { 1000000, 500000 }, true },
	{ { 1000000, 860000 }, true },
	{ { 1000000, 950000 }, false },
	{ { 1000000, 2000000 }, false },
};

#define NR_WAYS	(sizeof(ways) / sizeof(*ways))

/*
 * Do it TIMES times. Returns how often the second way was taken. Each @bad-th time takes ten
 * times as long, as when an interrupt comes between.
 */
static unsigned int ways_take(const struct ways *ways, struct tried *tried,
			      unsigned int bad)
{
	unsigned int taken = 0;

	for (unsigned int i = 0; i < TIMES; i++) {
		bool second = tried_use_second(tried);

		tried_note(tried, second, BYTES, ways->ns[second] * (i % bad ? 1 : 10));
		taken += second;
	}
	return taken;
}

/* The other way must be tried now and then, but not too often. */
static void ways_expect_kept(unsigned int taken, bool second)
{
	if (second)
		taken = TIMES - taken;
	CHECK_REL(taken, >, 4);
	CHECK_REL(taken, <, TRIED);
}

static void case_keeps_faster(const void *variant)
{
	for (size_t i = 0; i < NR_WAYS; i++) {
		struct tried tried = {};

		ways_expect_kept(ways_take(&ways[i], &tried, 7), ways[i].second);
	}
}

/* The machine changes, and what is kept with it, in both directions. */
static void case_changes(const void *variant)
{
	struct tried tried = {};

	ways_expect_kept(ways_take(&ways[0], &tried, 7), true);
	CHECK_REL(ways_take(&ways[3], &tried, TIMES + 1), <, TRIED);
	CHECK_REL(ways_take(&ways[0], &tried, TIMES + 1), >, TIMES - TRIED - 256);
}

/* The second way always fails, so the first is kept. */
static void case_no_measure(const void *variant)
{
	struct tried tried = {};
	unsigned int taken = 0;

	for (unsigned int i = 0; i < TIMES; i++) {
		bool second = tried_use_second(&tried);

		tried_note(&tried, second, second ? 0 : BYTES, 1000);
		taken += second;
	}
	ways_expect_kept(taken, false);
}

void suite_tried(void)
{
	add_case(case_keeps_faster, NULL, "lazymem/tried/keeps-faster");
	add_case(case_changes, NULL, "lazymem/tried/changes");
	add_case(case_no_measure, NULL, "lazymem/tried/no-measure");
}
