// SPDX-License-Identifier: GPL-2.0-only
/* Fills and compares pages, a word at a time. */
#include <string.h>

#include "content.h"

#define WORDS	(PAGE / sizeof(uint64_t))

/* One multiply-xorshift step for each word: cheap, and no two pages are equal. */
static uint64_t page_word(uint64_t seed, uint64_t page, size_t i)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15ULL +
		     page * 0xd1342543de82ef95ULL + i;

	x ^= x >> 32;
	x *= 0xff51afd7ed558ccdULL;
	return x ^ x >> 29;
}

void content_fill(void *to, uint64_t seed, uint64_t first, size_t pages)
{
	uint64_t *words = to;

	for (size_t p = 0; p < pages; p++)
		for (size_t i = 0; i < WORDS; i++)
			*words++ = page_word(seed, first + p, i);
}

static bool page_is(const uint64_t *words, uint64_t seed, uint64_t page)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != page_word(seed, page, i))
			return false;
	return true;
}

size_t content_wrong(const void *at, uint64_t seed, uint64_t first, size_t pages)
{
	const uint64_t *words = at;
	size_t wrong = 0;

	for (size_t p = 0; p < pages; p++)
		wrong += !page_is(words + p * WORDS, seed, first + p);
	return wrong;
}

size_t content_not_zero(const void *at, size_t pages)
{
	static const char zeros[PAGE];
	size_t n = 0;

	for (size_t p = 0; p < pages; p++)
		n += memcmp((const char *)at + p * PAGE, zeros, PAGE) != 0;
	return n;
}
