// SPDX-License-Identifier: GPL-2.0-only
/* The engine's two calls, and the loop of a driver round one. */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "fault/call.h"

/* Writers wait for one read; memory in the model is too small to show how long. */
_Static_assert(HMMU_CHUNK_SIZE_HUGE <= 8 * PMD_SIZE,
	       "longer than a table of single pages: see docs/fault-engine.md");

static int check_unlocked(int ret, const struct hmm_unlocked_counters *counters)
{
	tell("subject", "returns %s", error_name(ret));
	contract_returned(ret, false, counters);
	if (ret == -EBUSY)
		contract_timed_out();
	if (!ret)
		contract_collected();
	return ret;
}

static void run_unlocked(void)
{
	struct hmm_unlocked_counters counters;

	contract_call_begins();
	tell("subject", "calls hmm_range_fault_unlocked_timeout(), limit %lu",
	     scenario.timeout);
	check_unlocked(hmmu_range_fault_unlocked(&world.range, scenario.timeout,
						 &counters), &counters);
}

const struct subject subject_unlocked = {
	.name = "unlocked",
	.run = run_unlocked,
	.help = "hmm_range_fault_unlocked_timeout(), once",
};

/* Under the driver's lock, which invalidate() takes: one step. */
static bool map_if_valid(void)
{
	if (mmu_interval_read_retry(&world.notifier, world.range.notifier_seq))
		return false;
	device_map();
	return true;
}

/* The loop of the README, given up at any error. */
static void run_driver(void)
{
	do {
		contract_call_begins();
		if (check_unlocked(hmm_range_fault_unlocked_timeout(&world.range,
						scenario.timeout), NULL))
			return;
		point();
	} while (!map_if_valid() && !fatal_signal_pending(current));
}

const struct subject subject_driver = {
	.name = "driver",
	.run = run_driver,
	.help = "that in a driver's loop, which maps what was collected",
};

static void run_unlockable(void)
{
	struct hmm_unlocked_counters counters;
	int locked = 1, ret;

	world.range.notifier_seq = mmu_interval_read_begin(&world.notifier);
	if (mmap_read_lock_killable(&world.mm))
		return;
	contract_call_begins();
	tell("subject", "calls hmm_range_fault_unlockable()");
	ret = hmmu_range_fault_unlockable(&world.range, &locked, &counters);
	tell("subject", "returns %s, lock %s", error_name(ret),
	     locked ? "held" : "dropped");
	contract_returned(ret, locked, &counters);
	if (ret == -EBUSY)
		contract_invalidated();
	if (!locked)
		contract_came_back_unlocked(ret);
	else if (!ret && world.call.completed)
		violated("a fault has completed, and the lock is held");
	else if (!ret)
		contract_collected();
	if (locked)
		mmap_read_unlock(&world.mm);
}

const struct subject subject_unlockable = {
	.name = "unlockable",
	.run = run_unlockable,
	.help = "hmm_range_fault_unlockable(), once",
};
