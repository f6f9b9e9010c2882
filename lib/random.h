/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Randomness that a seed gives again: xorshift, where every number is as good a seed as any
 * other but for 0.
 */
#ifndef LIB_RANDOM_H
#define LIB_RANDOM_H

#include <stdint.h>
#include <sys/random.h>

#include "fail.h"

/* Below @below. */
static inline unsigned int random_draw(uint64_t *random, unsigned int below)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random % below;
}

/* A seed for one of many, the @n-th, which is not like those beside it. */
static inline uint64_t random_branch(uint64_t seed, uint64_t n)
{
	uint64_t x = seed + (n + 1) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return (x ^ x >> 31) | 1;
}

/* @seed, or any if that is 0. Ends the program if there is none. */
static inline uint64_t random_seed(uint64_t seed)
{
	if (!seed && getrandom(&seed, 4, 0) != 4)
		die_errno("no random numbers");
	return seed;
}

#endif
