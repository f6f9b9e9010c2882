/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The limit of a call is a stopwatch, not a deadline: it bounds the time that a
 * moving sequence may cost and nothing else. The wait of a fault that dropped the
 * lock is taken off, since a slow page server is no reason to give up, and the
 * watch goes back to 0 whenever the walk gets further than ever before.
 *
 * Time passed is compared with time allowed; nothing is subtracted from the
 * limit, so a remainder that rounds to 0 cannot come to mean "no limit".
 */
#ifndef _FAULT_LIMIT_H
#define _FAULT_LIMIT_H

#include <linux/jiffies.h>
#include <linux/minmax.h>

/**
 * struct hmmu_limit - stopwatch of a call, all in jiffies
 * @allowed: time that may be lost, 0 for no limit
 * @since: when the watch stood at 0, moved on by each wait taken off
 */
struct hmmu_limit {
	unsigned long allowed;
	unsigned long since;
};

static inline void hmmu_limit_start(struct hmmu_limit *limit,
				    unsigned long allowed)
{
	limit->allowed = allowed;
	limit->since = jiffies;
}

/* @waited lies after @since, but was not measured in jiffies: never overtake. */
static inline void hmmu_limit_take_off(struct hmmu_limit *limit,
				       unsigned long waited)
{
	limit->since += min(waited, jiffies - limit->since);
}

static inline bool hmmu_limit_exceeded(const struct hmmu_limit *limit)
{
	return limit->allowed && jiffies - limit->since >= limit->allowed;
}

#endif
