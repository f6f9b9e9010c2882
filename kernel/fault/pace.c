// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many faults to have in flight: 1, 4, 16 or as many as are allowed.
 *
 * Principle: try, and keep what brings more pages per time. The next more have to save
 * a quarter of the time that a page takes, the next fewer may cost a sixteenth more. A
 * number is tried for about as many pages; while more are better still more are tried.
 * What was no better is left alone for 32 times as long as it was tried, then 64 times,
 * ...: where one at a time is best, trying is to cost next to nothing.
 *
 * Nor is anything tried before 8 ms were spent on waiting, or where trying in vain is
 * dear 32 times its price_in_vain, 16 ms at most. That is mostly what waking threads costs, which
 * nobody can tell before: some microseconds, or half a millisecond under emulation. All
 * calls together learn it, for most are over before they could.
 *
 * Nothing here knows why it is so. A server that is a millisecond away takes as many
 * as it is given; one that is the slower the more wait is asked by few.
 */
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "pace.h"

#define WAITED_MIN	(8 * NSEC_PER_MSEC)
#define HOLD_SHIFT_MIN	5U
#define HOLD_SHIFT_MAX	8U
#define PRICE_MAX	(NSEC_PER_MSEC / 2)

/* What trying in vain has cost lately, beyond what its pages take one at a time. In ns. */
static unsigned long price_in_vain;

static unsigned int level_of(unsigned int width)
{
	unsigned int log = ilog2(width);

	return min((log + 1) / 2, HMMU_PACE_LEVELS - 1);
}

/* A limit has the level that its rounds are noted at. */
static unsigned int width_of(unsigned int level, unsigned int limit)
{
	return level < level_of(limit) ? 1U << 2 * level : limit;
}

static bool pace_may_try(const struct hmmu_pace *pace)
{
	u64 first = max(READ_ONCE(price_in_vain) << HOLD_SHIFT_MIN, WAITED_MIN);

	return pace->eager || pace->waited >= max(pace->hold, first);
}

/**
 * hmmu_pace_next() - how many in the next round?
 * @pace: what was learned
 * @limit: at most so many, at least 1
 */
unsigned int hmmu_pace_next(const struct hmmu_pace *pace, unsigned int limit)
{
	unsigned int width = width_of(pace->level, limit);
	unsigned int more = width_of(pace->level + 1, limit);

	if (!pace_may_try(pace))
		return width;
	if (more > width && !pace->down)
		return more;
	if (pace->level > 1 && !pace->eager)
		return width_of(pace->level - 1, limit);
	return width;
}

/**
 * hmmu_pace_pages() - how many pages in a round?
 * @pace: what was learned
 * @width: how many are to be in flight
 *
 * More than ever before are tried twice each: what answers them may have to get ready
 * for so many.
 *
 * Return: enough to learn from where @width is tried, else no limit.
 */
unsigned int hmmu_pace_pages(const struct hmmu_pace *pace, unsigned int width)
{
	if (level_of(width) == pace->level)
		return UINT_MAX;
	return pace->eager ? 2 * width : width;
}

static void cost_learn(u64 *cost, u64 now)
{
	*cost = *cost ? *cost - *cost / 4 + now / 4 : now;
}

static bool level_is_better(const struct hmmu_pace *pace, unsigned int level)
{
	u64 now = pace->cost[pace->level], then = pace->cost[level];

	return level > pace->level ? then < now - now / 4 : then < now + now / 16;
}

/* Calls may learn at the same time; what one of them has learned is lost then. */
static void price_learn(const struct hmmu_pace *pace, unsigned int pages, u64 ns)
{
	u64 alone = pages * pace->cost[0], old = READ_ONCE(price_in_vain);

	WRITE_ONCE(price_in_vain, old - old / 4 +
			  min(ns - min(ns, alone), PRICE_MAX) / 4);
}

static void pace_take_level(struct hmmu_pace *pace, unsigned int level)
{
	pace->eager = level > pace->level;
	pace->down = false;
	pace->level = level;
	pace->patience = HOLD_SHIFT_MIN;
	pace->waited = 0;
	pace->hold = 0;
}

static void pace_leave_level_alone(struct hmmu_pace *pace, u64 ns)
{
	pace->patience = clamp(pace->patience, HOLD_SHIFT_MIN, HOLD_SHIFT_MAX);
	pace->hold = ns << pace->patience++;
	pace->waited = 0;
	pace->eager = false;
	pace->down = pace->level > 1 && !pace->down;
}

/**
 * hmmu_pace_note() - learn from a round
 * @pace: what was learned
 * @width: how many were in flight
 * @pages: how many pages were faulted
 * @ns: how long it took
 *
 * The first fault that waits in a page table is always alone, and noted too: one at a time
 * never has to be tried.
 */
void hmmu_pace_note(struct hmmu_pace *pace, unsigned int width,
		    unsigned int pages, u64 ns)
{
	unsigned int level = level_of(width);

	/* The last try may be long ago, and have met a server that stalled. */
	if (level && level != pace->level)
		pace->cost[level] = 0;
	cost_learn(&pace->cost[level], max_t(u64, div_u64(ns, pages), 1));
	pace->noted++;
	if (level == pace->level) {
		pace->waited += ns;
		pace->eager = false;
	} else if (level_is_better(pace, level)) {
		pace_take_level(pace, level);
	} else if (level) {
		if (!pace->level)
			price_learn(pace, pages, ns);
		pace_leave_level_alone(pace, ns);
	}
}
