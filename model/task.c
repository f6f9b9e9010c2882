// SPDX-License-Identifier: GPL-2.0-only
/*
 * The subject as a task: signals, time, memory, and what it complains about.
 *
 * Time stands still unless the scenario is a timed one; then it moves when the
 * subject sleeps, and when an actor says so.
 */
#include <sanitizer/asan_interface.h>

#include "contract.h"
#include "scenario.h"
#include "schedule.h"

#define JIFFIES_BEFORE_WRAP	2UL

struct task_struct *model_current(void)
{
	return &world.task;
}

bool fatal_signal_pending(const struct task_struct *task)
{
	point();
	return world.killed;
}

void usleep_range_state(unsigned long least, unsigned long most,
			unsigned int state)
{
	model_assert_unlocked();
	if (state != TASK_KILLABLE)
		violated("a sleep that a kill does not end");
	tell("subject", "sleeps for %lu us", most);
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
		point();
	/* As in the kernel it wraps soon after the start. */
	return world.now / TICK_NSEC - JIFFIES_BEFORE_WRAP;
}

u64 ktime_get_ns(void)
{
	if (scenario.timed)
		point();
	return world.now;
}

static bool allocation_refused(void)
{
	if (!scenario.refusals || !world.trouble_left || !choose(2))
		return false;
	world.trouble_left--;
	tally.acted = true;
	contract_may_fail(-ENOMEM);
	return true;
}

/* Memory at the same addresses in each run; outside of what was asked for, poison. */
#define MEMORY_PIECES	4
#define PIECE_SIZE	(MEMORY_SIZE / MEMORY_PIECES)

static char memory[MEMORY_PIECES][PIECE_SIZE] __attribute__((aligned(16)));

const char *memory_contents(void)
{
	return memory[0];
}

void memory_reset(void)
{
	ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
	world.memory_used = 0;
}

unsigned int memory_in_use(void)
{
	return __builtin_popcount(world.memory_used);
}

static void *allocate(size_t size, char fill)
{
	if (allocation_refused()) {
		tell("subject", "is refused %zu bytes", size);
		return NULL;
	}
	for (int i = 0; i < MEMORY_PIECES && size <= PIECE_SIZE; i++) {
		if (world.memory_used >> i & 1)
			continue;
		world.memory_used |= 1 << i;
		ASAN_UNPOISON_MEMORY_REGION(memory[i], size);
		return memset(memory[i], fill, size);
	}
	violated("%zu bytes were asked for, with %u pieces in use", size,
		 memory_in_use());
}

void *kvcalloc(size_t n, size_t size, unsigned int gfp)
{
	return allocate(n * size, 0);
}

void *kmalloc_array(size_t n, size_t size, unsigned int gfp)
{
	return allocate(n * size, 0x6b);
}

void kvfree(const void *freed)
{
	size_t piece = ((const char *)freed - memory[0]) / PIECE_SIZE;

	if (!freed)
		return;
	if (piece >= MEMORY_PIECES || freed != memory[piece] ||
	    !(world.memory_used >> piece & 1))
		violated("memory was freed that was not allocated");
	world.memory_used &= ~(1 << piece);
	ASAN_POISON_MEMORY_REGION(memory[piece], PIECE_SIZE);
}

void model_warn(const char *condition)
{
	tell("subject", "warns: %s", condition);
	contract_warned(condition);
}
