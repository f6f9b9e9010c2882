// SPDX-License-Identifier: GPL-2.0-only
/* Bytes a second; see rate.h. */
#include <stdatomic.h>
#include <stdlib.h>

#include "due.h"
#include "lazymem.h"
#include "rate.h"
#include "slot.h"

/**
 * struct lazymem_rate - a bucket
 * @bytes: a second
 * @full_at: when it is full, clock_ns(). It holds something if that is less than what
 *	     SLOT_BYTES take from now
 */
struct lazymem_rate {
	uint64_t bytes;
	_Atomic uint64_t full_at;
};

struct lazymem_rate *lazymem_rate_new(uint64_t bytes_per_second)
{
	struct lazymem_rate *rate = bytes_per_second ? calloc(1, sizeof(*rate)) : NULL;

	if (rate)
		rate->bytes = bytes_per_second;
	return rate;
}

void lazymem_rate_free(struct lazymem_rate *rate)
{
	free(rate);
}

/* Nothing is brought in one go that overflows: 2 MiB times 10^9 fit. */
static uint64_t rate_time(const struct lazymem_rate *rate, uint64_t bytes)
{
	return bytes * SECOND / rate->bytes;
}

uint64_t rate_due(struct lazymem_rate *rate)
{
	uint64_t full_at = rate->full_at, whole = rate_time(rate, SLOT_BYTES);

	return full_at > whole ? full_at - whole : 0;
}

bool rate_allows(struct lazymem_rate *rate, uint64_t now)
{
	return !rate || rate_due(rate) <= now;
}

void rate_take(struct lazymem_rate *rate, uint64_t bytes, uint64_t now)
{
	uint64_t full_at, then;

	if (!rate)
		return;
	full_at = rate->full_at;
	do
		then = (full_at > now ? full_at : now) + rate_time(rate, bytes);
	while (!atomic_compare_exchange_weak(&rate->full_at, &full_at, then));
}
