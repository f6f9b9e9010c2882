// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compiled without sanitizers: it reads the redzones of the stack as well, and
 * they are as good as any other byte.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "run.h"
#include "scenario.h"
#include "state.h"

#define SCRUBBED	8192

/* Between its frame address and its own variables a function keeps its caller's. */
#define SAVED_REGISTERS	(5 * sizeof(long))

#define TABLE_FIRST	(1UL << 16)
#define TABLE_MAX	(1UL << 28)

static const char *stack_end, *stack_here;
static const struct hmm_unlocked_counters *counters;

static uint64_t *table;
static size_t table_size, table_used;

void state_stack_begins(const void *frame)
{
	stack_end = frame;
	counters = NULL;
}

void state_stack_ends(const void *frame)
{
	stack_here = (const char *)frame - SAVED_REGISTERS;
}

void state_counters(const struct hmm_unlocked_counters *of_call)
{
	counters = of_call;
}

static uint64_t hash_bytes(const void *from, const void *to, uint64_t hash)
{
	return XXH3_64bits_withSeed(from, (const char *)to - (const char *)from,
				    hash);
}

/* What lies below the stack is left from calls that have returned. */
static __attribute__((noinline)) void scrub(void)
{
	volatile char below[SCRUBBED];

	memset((char *)below, 0, sizeof(below));
}

static uint64_t hash_stack(void)
{
	if (!counters)
		return hash_bytes(stack_here, stack_end, 0);
	return hash_bytes(counters + 1, stack_end,
			  hash_bytes(stack_here, counters, 0));
}

static uint64_t hash_call_counters(uint64_t hash)
{
	const struct hmm_unlocked_counters *before = &world.mirror.engine;
	const uint64_t difference[] = {
		counters->n[HMM_UNLOCKED_ENTRIES_READ] - tally.entries_read +
			before->n[HMM_UNLOCKED_ENTRIES_READ],
		counters->n[HMM_UNLOCKED_FAULTS] - tally.faults +
			before->n[HMM_UNLOCKED_FAULTS],
		counters->n[HMM_UNLOCKED_LOCK_DROPS] - tally.drops +
			before->n[HMM_UNLOCKED_LOCK_DROPS],
	};

	return hash_bytes(difference, difference + 3, hash);
}

static uint64_t hash_mirror_counters(uint64_t hash)
{
	uint64_t difference[HMMU_MIRROR_NR_COUNTERS];

	for (int i = 0; i < HMMU_MIRROR_NR_COUNTERS; i++)
		difference[i] = world.mirror.counters[i] - tally.mirror[i];
	return hash_bytes(difference, difference + HMMU_MIRROR_NR_COUNTERS, hash);
}

/* What the mirror counts stands in the middle of it, and is left out likewise. */
static uint64_t hash_world(uint64_t hash)
{
	_Static_assert(offsetof(struct hmmu_mirror, engine) ==
		       offsetof(struct hmmu_mirror, counters) +
		       sizeof(world.mirror.counters), "one follows the other");

	if (!world.mirror.mm)
		return hash_bytes(&world, &world + 1, hash);
	hash = hash_mirror_counters(hash);
	hash = hash_bytes(&world, world.mirror.counters, hash);
	return hash_bytes(&world.mirror.engine + 1, &world + 1, hash);
}

uint64_t state_hash(void)
{
	const struct hmm_range *range = &world.range;
	uint64_t hash;

	scrub();
	hash = hash_stack();
	if (counters)
		hash = hash_call_counters(hash);
	hash = hash_world(hash);
	hash = hash_bytes(range->hmm_pfns, range->hmm_pfns +
			  (range->end - range->start) / PAGE_SIZE, hash);
	return hash_bytes(memory_contents(), memory_contents() + MEMORY_SIZE,
			  hash) ?: 1;
}

static bool table_add(uint64_t hash)
{
	size_t i = hash & (table_size - 1);

	while (table[i] && table[i] != hash)
		i = (i + 1) & (table_size - 1);
	if (table[i])
		return false;
	table[i] = hash;
	table_used++;
	return true;
}

static void table_grow(void)
{
	uint64_t *old = table;
	size_t old_size = table_size;

	table_size = old ? 2 * old_size : TABLE_FIRST;
	table_used = 0;
	table = table_size <= TABLE_MAX ? calloc(table_size, sizeof(*table)) : NULL;
	if (!table)
		give_up("more than %zu states to remember; lower the number of actions",
			old_size / 2);
	for (size_t i = 0; i < old_size; i++)
		if (old[i])
			table_add(old[i]);
	free(old);
}

bool states_seen(uint64_t hash)
{
	if (2 * table_used >= table_size)
		table_grow();
	return !table_add(hash);
}

size_t states_count(void)
{
	return table_used;
}
