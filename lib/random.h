/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pseudo-random numbers (xorshift) that a seed reproduces. Every seed is as good as any
 * other, except 0.
 */
#ifndef LIB_RANDOM_H
#define LIB_RANDOM_H

#include <stdint.h>
#include <sys/random.h>

#include "fail.h"

/* Draw a number below @below. */
static inline unsigned int random_draw(uint64_t *random, unsigned int below)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random % below;
}

/* A seed for the @n-th of many, unlike those of its neighbours. */
static inline uint64_t random_branch(uint64_t seed, uint64_t n)
{
	uint64_t x = seed + (n + 1) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return (x ^ x >> 31) | 1;
}

/* @seed, or a random one if that is 0. Ends the program if that is impossible. */
static inline uint64_t random_seed(uint64_t seed)
{
	if (!seed && getrandom(&seed, 4, 0) != 4)
		die_errno("no random numbers");
	return seed;
}

#endif
