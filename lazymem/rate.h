/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bound for what is brought unasked: bytes a second, for all sessions that share it.
 *
 * A bucket that fills at that rate, and holds what one read brings. Taking may leave it
 * below zero; then nothing more may be taken until it has filled up again. It is kept as
 * the time at which it is full, so one atomic number is all there is.
 */
#ifndef LAZYMEM_RATE_H
#define LAZYMEM_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct lazymem_rate;

/* Whether something may be taken at @now. True without a bound (NULL). */
bool rate_allows(struct lazymem_rate *rate, uint64_t now);
/* When it may. */
uint64_t rate_due(struct lazymem_rate *rate);
/* Take @bytes. */
void rate_take(struct lazymem_rate *rate, uint64_t bytes, uint64_t now);

#endif
