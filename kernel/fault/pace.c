// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many faults to have in flight: 1, 4, 16, or as many as are allowed.
 *
 * Principle: try the next number up or down, and keep it if pages come faster. A step
 * up must cut the time per page by 25%; a step down is kept if it costs less than 6%.
 * A try lasts for about as many pages as are in flight. After a step up that was kept,
 * the next step up is tried at once. After a try that was not kept, nothing is tried
 * for 32 times as long as the try took, then 64 times, up to 256 times: where one fault
 * at a time is best, trying must cost next to nothing.
 *
 * No try comes before 8 ms of waiting since the last one, but for a step up right after
 * another. Where tries in vain turned out to be dear, it takes 32 times their price
 * instead, at most 16 ms. The price is mostly that of waking threads: some microseconds,
 * or half a millisecond under emulation. All calls learn the price together, for most
 * calls end before they could learn it alone.
 *
 * Nothing here knows why a number is better. A server that is a millisecond away answers
 * as many faults as it gets; a server that is slower the more faults wait gets few.
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

/*
 * What a try in vain has cost lately, in ns: the time that its pages took, less the time
 * that they take one at a time. Shared by all calls.
 */
static unsigned long price_in_vain;

static unsigned int level_of(unsigned int width)
{
	unsigned int log = ilog2(width);

	return min((log + 1) / 2, HMMU_PACE_LEVELS - 1);
}

/* The highest level is the limit itself: rounds at the limit are noted there. */
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
 * hmmu_pace_next() - how many faults in the next round?
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
 * A step up right after another gets twice as many pages: the server may have to get
 * ready for so many.
 *
 * Return: as many as a try needs if @width is tried, else no limit.
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

/* Two calls may do this at once; then what one of them has learned is lost. */
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
 * hmmu_pace_note() - learn from a round, or from a fault that waited alone
 * @pace: what was learned
 * @width: how many were in flight
 * @pages: how many pages were faulted
 * @ns: how long it took
 *
 * The first fault that waits in a page table is always alone, and is noted too: so one at
 * a time never has to be tried.
 */
void hmmu_pace_note(struct hmmu_pace *pace, unsigned int width,
		    unsigned int pages, u64 ns)
{
	unsigned int level = level_of(width);

	/* An older try may have met a server that stalled: judge this try alone. */
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
