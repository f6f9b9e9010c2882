/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The limit of a call is a stopwatch, not a deadline: it bounds the time that a
 * moving sequence may cost and nothing else. Waiting is taken off: for a fault
 * that dropped the lock (a slow page server is no reason to give up) or was tried
 * again after that; for fault threads, whatever they do; for the lock, and standing aside from it, if the sequence has
 * not moved meanwhile. And the watch goes back to 0 whenever the walk gets further
 * than ever before.
 *
 * Time passed is compared with time allowed; nothing is subtracted from the
 * limit, so a remainder that rounds to 0 cannot come to mean "no limit".
 */
#ifndef _FAULT_LIMIT_H
#define _FAULT_LIMIT_H

#include <linux/jiffies.h>

/**
 * struct hmmu_limit - stopwatch of a call
 * @allowed: time that may be lost, in jiffies, 0 for no limit
 * @since: when the watch was last set to 0, in jiffies
 * @waited: what is to be taken off, in ns: waits of less than a jiffy add up
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
 * Never cut short: the watch may have been set to 0 shortly before a tick, hence
 * more than @allowed, and what was waited is rounded up.
 */
static inline bool hmmu_limit_exceeded(const struct hmmu_limit *limit)
{
	unsigned long passed = jiffies - limit->since;
	unsigned long waited = nsecs_to_jiffies(limit->waited + TICK_NSEC - 1);

	return limit->allowed && passed > waited &&
	       passed - waited > limit->allowed;
}

#endif
