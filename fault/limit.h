/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The limit of a call is a stopwatch, not a deadline: it bounds the time that a
 * moving sequence may cost and nothing else. Waiting is taken off: for a fault
 * that dropped the lock (a slow page server is no reason to give up) or was tried
 * again after that, and for the lock. And the watch goes back to 0 whenever the
 * walk gets further than ever before.
 *
 * Time passed is compared with time allowed; nothing is subtracted from the
 * limit, so a remainder that rounds to 0 cannot come to mean "no limit".
 */
#ifndef _FAULT_LIMIT_H
#define _FAULT_LIMIT_H

#include <linux/jiffies.h>
#include <linux/timekeeping.h>

/**
 * struct hmmu_limit - stopwatch of a call
 * @allowed: time that may be lost, in jiffies, 0 for no limit
 * @since: when the watch stood at 0, in ns, moved on by each wait taken off
 */
struct hmmu_limit {
	unsigned long allowed;
	u64 since;
};

static inline void hmmu_limit_restart(struct hmmu_limit *limit)
{
	limit->since = ktime_get_ns();
}

/* Take off @waited ns that have passed since the watch was last restarted. */
static inline void hmmu_limit_take_off(struct hmmu_limit *limit, u64 waited)
{
	limit->since += waited;
}

static inline bool hmmu_limit_exceeded(const struct hmmu_limit *limit)
{
	return limit->allowed &&
	       nsecs_to_jiffies(ktime_get_ns() - limit->since) >=
		       limit->allowed;
}

#endif
