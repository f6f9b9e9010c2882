/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The limit of a call is a stopwatch, not a deadline. It measures the time that a
 * moving sequence has cost, and nothing else:
 * - time spent waiting for a fault that dropped the lock, or was tried again after
 *   that, is subtracted (a slow page server is no reason to give up); so is all time
 *   spent waiting for fault threads
 * - time spent waiting for the lock, or standing aside from it, is subtracted unless
 *   the sequence has moved meanwhile
 * - the watch starts again at 0 whenever the walk gets further than ever before
 *
 * The time passed is compared with the time allowed. Nothing is subtracted from the
 * limit, so a remainder that rounds to 0 cannot be taken for "no limit".
 */
#ifndef _FAULT_LIMIT_H
#define _FAULT_LIMIT_H

#include <linux/jiffies.h>

/**
 * struct hmmu_limit - stopwatch of a call
 * @allowed: time that may be lost, in jiffies, 0 for no limit
 * @since: when the watch was last started, in jiffies
 * @waited: time to be subtracted, in ns: waits of less than a jiffy add up
 */
struct hmmu_limit {
	unsigned long allowed;
	unsigned long since;
	u64 waited;
};

static inline void hmmu_limit_restart(struct hmmu_limit *limit)
{
	limit->since = jiffies;
	limit->waited = 0;
}

static inline void hmmu_limit_take_off(struct hmmu_limit *limit, u64 ns)
{
	limit->waited += ns;
}

/*
 * Never too early: the watch may have been started shortly before a tick, hence ">",
 * and the time waited is rounded up.
 */
static inline bool hmmu_limit_exceeded(const struct hmmu_limit *limit)
{
	unsigned long passed = jiffies - limit->since;
	unsigned long waited = nsecs_to_jiffies(limit->waited + TICK_NSEC - 1);

	return limit->allowed && passed > waited &&
	       passed - waited > limit->allowed;
}

#endif
