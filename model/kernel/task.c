// SPDX-License-Identifier: GPL-2.0-only
/*
 * The subject, or a thread, as a task: time, memory, and what it complains about.
 *
 * Time stands still unless the scenario is a timed one; then it moves when the
 * subject sleeps, and when an actor says so.
 */
#include <sanitizer/asan_interface.h>

#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "explorer/state.h"

#define JIFFIES_BEFORE_WRAP	2UL

struct task_struct *model_current(void)
{
	static struct task_struct somebody_else;

	return tally.stepping ? &somebody_else : &me()->task;
}

void usleep_range_state(unsigned long least, unsigned long most,
			unsigned int state)
{
	model_assert_unlocked();
	if (state != TASK_KILLABLE)
		violated("a sleep that a kill does not end");
	tell(stack_name(running), "sleeps for %lu us", most);
	contract_sleeps();
	point();
	let_time_pass(most * 1000);
}

void let_time_pass(u64 ns)
{
	if (!scenario.timed)
		return;
	world.now += ns;
	contract_time_passes(ns);
}

unsigned long model_jiffies(void)
{
	if (scenario.timed)
		point_unless_quiet(PASSES_TIME);
	/* As in the kernel it wraps soon after the start. */
	return world.now / TICK_NSEC - JIFFIES_BEFORE_WRAP;
}

u64 ktime_get_ns(void)
{
	if (scenario.timed)
		point_unless_quiet(PASSES_TIME);
	return world.now;
}

/* One of the scenario's troubles, where it has @possible. */
bool has_trouble(bool possible)
{
	if (!possible || !world.trouble_left || !choose(2))
		return false;
	world.trouble_left--;
	tally.acted = true;
	return true;
}

static bool allocation_refused(void)
{
	if (!has_trouble(scenario.refusals))
		return false;
	contract_may_fail(-ENOMEM);
	return true;
}

/*
 * Memory at the same addresses in each run; outside of what was asked for, poison. What
 * has to be freed at the return comes first, what may be kept beyond it follows.
 */
#define MEMORY_PIECES	4
#define PIECE_SIZE	(MEMORY_FREED_SIZE / MEMORY_PIECES)
#define KEPT_PIECES	(MAX_STACKS - 1)
#define KEPT_PIECE_SIZE	(MEMORY_KEPT_SIZE / 8)

static char memory[MEMORY_SIZE] __attribute__((aligned(16)));

/* How many pieces in a row were allocated as one. */
static u8 pieces_of[MEMORY_PIECES] RUN_STATE;

static const struct pool {
	char *from;
	unsigned int pieces;
	size_t size;
	u8 *used;
} freed_pool = { memory, MEMORY_PIECES, PIECE_SIZE, &world.memory_used },
  kept_pool = { memory + MEMORY_FREED_SIZE, KEPT_PIECES, KEPT_PIECE_SIZE,
		&world.memory_kept };

char *memory_contents(void)
{
	return memory;
}

/* What another run has left there is no part of this one. */
void memory_reset(void)
{
	ASAN_UNPOISON_MEMORY_REGION(memory, sizeof(memory));
	memset(memory, 0, sizeof(memory));
	ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
	world.memory_used = world.memory_kept = 0;
}

unsigned int memory_in_use(void)
{
	return __builtin_popcount(world.memory_used);
}

static void *pool_allocate(const struct pool *pool, size_t size, char fill)
{
	unsigned int n, run;

	if (allocation_refused()) {
		tell(stack_name(running), "is refused %zu bytes", size);
		return NULL;
	}
	n = DIV_ROUND_UP(size, pool->size);
	run = (1 << n) - 1;
	if (n > 1 && pool != &freed_pool)
		violated("%zu bytes were asked for, to be kept", size);
	for (int i = 0; i + n <= pool->pieces; i++) {
		if (*pool->used & run << i)
			continue;
		*pool->used |= run << i;
		if (pool == &freed_pool)
			pieces_of[i] = n;
		ASAN_UNPOISON_MEMORY_REGION(pool->from + i * pool->size, size);
		return memset(pool->from + i * pool->size, fill, size);
	}
	violated("%zu bytes were asked for, with %u pieces in use", size,
		 __builtin_popcount(*pool->used));
}

void *kvcalloc(size_t n, size_t size, unsigned int gfp)
{
	return pool_allocate(&freed_pool, n * size, 0);
}

void *kmalloc_array(size_t n, size_t size, unsigned int gfp)
{
	return pool_allocate(&freed_pool, n * size, 0x6b);
}

void *kzalloc(size_t size, unsigned int gfp)
{
	return pool_allocate(&kept_pool, size, 0);
}

void kvfree(const void *freed)
{
	const struct pool *pool = (const char *)freed < kept_pool.from ?
				  &freed_pool : &kept_pool;
	size_t piece = ((const char *)freed - pool->from) / pool->size;
	unsigned int n = 1;

	if (!freed)
		return;
	if (piece >= pool->pieces ||
	    (const char *)freed != pool->from + piece * pool->size ||
	    !(*pool->used >> piece & 1))
		violated("memory was freed that was not allocated");
	if (pool == &freed_pool)
		n = pieces_of[piece];
	*pool->used &= ~(((1 << n) - 1) << piece);
	ASAN_POISON_MEMORY_REGION(pool->from + piece * pool->size, n * pool->size);
}

void model_warn(const char *condition)
{
	tell(stack_name(running), "warns: %s", condition);
	contract_warned(condition);
}
