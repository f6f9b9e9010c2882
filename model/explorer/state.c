// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compiled without sanitizers: it reads all of a stack, and of what lies around static
 * variables.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/stacks.h"
#include "explorer/state.h"

/* Between its frame address and its own variables a function keeps its caller's. */
#define SAVED_REGISTERS	(5 * sizeof(long))

#define TABLE_FIRST	(1UL << 16)
#define TABLE_MAX	(1UL << 28)

void __asan_get_shadow_mapping(size_t *scale, size_t *offset) __attribute__((weak));

static const char *stack_end[MAX_STACKS] RUN_STATE, *stack_here[MAX_STACKS] RUN_STATE;
static const struct hmm_unlocked_counters *counters RUN_STATE;

static uint64_t *table;
static size_t table_size, table_used;

/* See model/Makefile; there are none if no source has any. */
extern char __start_engine_state[] __attribute__((weak));
extern char __stop_engine_state[] __attribute__((weak));
static char statics[4096];

void state_stack_begins(unsigned int stack, const void *frame)
{
	stack_end[stack] = frame;
	if (stack == SUBJECT)
		counters = NULL;
}

void state_stack_is_empty(unsigned int stack)
{
	stack_end[stack] = stack_here[stack] = NULL;
}

void state_stack_ends(const void *frame)
{
	stack_here[running] = (const char *)frame - SAVED_REGISTERS;
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
__attribute__((noinline)) void state_scrub(void)
{
	volatile char below[SCRUBBED];

	memset((char *)below, 0, sizeof(below));
}

/* Where the sanitizer keeps what may be read of eight bytes: all if 0, the first n. */
static size_t shadow_scale, shadow_offset;

typedef uint64_t unaligned __attribute__((aligned(1), may_alias));

char *state_shadow(const void *address)
{
	return shadow_offset ? (char *)((uintptr_t)address >> shadow_scale) + shadow_offset :
			       NULL;
}

void state_unpoison(char *from, char *to)
{
	volatile char *shadow = state_shadow(from), *end = state_shadow(to);

	for (; shadow + sizeof(uint64_t) <= end; shadow += sizeof(uint64_t))
		*(volatile unaligned *)shadow = 0;
	while (shadow < end)
		*shadow++ = 0;
}

/* Bytes between variables are never written: any value is as good. */
static uint64_t word_readable(const uint64_t *word)
{
	signed char shadow;

	if (!shadow_offset)
		return *word;
	shadow = *(signed char *)(((uintptr_t)word >> shadow_scale) + shadow_offset);
	if (!shadow)
		return *word;
	return shadow < 0 ? 0 : *word & ((1UL << 8 * shadow) - 1);
}

/* Of eight words in a row. */
static bool all_readable(const uint64_t *word)
{
	return !shadow_offset || !*(const unaligned *)state_shadow(word);
}

#define WORDS	1024

/* Frames begin and end at words. */
static uint64_t hash_frames(const void *from, const void *to, uint64_t hash)
{
	static uint64_t words[WORDS];
	const uint64_t *word = from;
	size_t n = 0;

	while (word < (const uint64_t *)to) {
		if (8 * sizeof(*word) <= (const char *)to - (const char *)word &&
		    all_readable(word)) {
			for (int i = 0; i < 8; i++)
				words[n++] = *word++;
		} else {
			words[n++] = word_readable(word++);
		}
		if (n < WORDS - 8)
			continue;
		hash = hash_bytes(words, words + n, hash);
		n = 0;
	}
	return hash_bytes(words, words + n, hash);
}

static uint64_t hash_subjects_stack(void)
{
	if (!counters)
		return hash_frames(stack_here[SUBJECT], stack_end[SUBJECT], 0);
	return hash_frames(counters + 1, stack_end[SUBJECT],
			   hash_frames(stack_here[SUBJECT], counters, 0));
}

static uint64_t hash_stacks(void)
{
	uint64_t hash = hash_subjects_stack();

	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		if (world.stack[i].life == LIVES)
			hash = hash_frames(stack_here[i], stack_end[i], hash);
	return hash;
}

/* Byte by byte, for there are redzones in between. */
static void copy_statics(volatile char *to, const volatile char *from)
{
	for (long i = 0; i < __stop_engine_state - __start_engine_state; i++)
		to[i] = from[i];
}

void state_begins(void)
{
	if (__asan_get_shadow_mapping)
		__asan_get_shadow_mapping(&shadow_scale, &shadow_offset);
	if (__stop_engine_state - __start_engine_state > (long)sizeof(statics))
		give_up("the engine has more static variables than are kept");
	copy_statics(statics, __start_engine_state);
}

void state_statics_restore(void)
{
	copy_statics(__start_engine_state, statics);
}

static uint64_t hash_call_counters(uint64_t hash)
{
	const struct hmm_unlocked_counters *before = &world.mirror_state.engine;
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
		difference[i] = world.mirror_state.counters[i] - tally.mirror[i];
	return hash_bytes(difference, difference + HMMU_MIRROR_NR_COUNTERS, hash);
}

/* What the mirror counts stands in the middle of it, and is left out likewise. */
static uint64_t hash_world(uint64_t hash)
{
	_Static_assert(offsetof(struct hmmu_mirror_state, engine) ==
		       offsetof(struct hmmu_mirror_state, counters) +
		       sizeof(world.mirror_state.counters), "one follows the other");

	const struct stack *end = &world.stack[stacks_made()];

	if (!world.mirror.mm)
		return hash_bytes(&world, end, hash);
	hash = hash_mirror_counters(hash);
	hash = hash_bytes(&world, world.mirror_state.counters, hash);
	return hash_bytes(&world.mirror_state.engine + 1, end, hash);
}

uint64_t state_hash(void)
{
	const struct hmm_range *range = &world.range;
	uint64_t hash;

	hash = hash_stacks();
	if (stacks_made() > 1)
		hash = hash_bytes(__start_engine_state, __stop_engine_state, hash);
	if (counters)
		hash = hash_call_counters(hash);
	hash = hash_world(hash);
	hash = hash_bytes(range->hmm_pfns, range->hmm_pfns +
			  (range->end - range->start) / PAGE_SIZE, hash);
	return hash_bytes(memory_contents(), memory_contents() +
			  (world.memory_kept ? MEMORY_SIZE : MEMORY_FREED_SIZE),
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
