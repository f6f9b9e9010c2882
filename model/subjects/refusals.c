// SPDX-License-Identifier: GPL-2.0-only
/* What the engine hands on or turns down before it does anything. */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/state.h"

static int stock_calls RUN_STATE;

/* The whole range, given to the kernel's own call: what it answers is not ours. */
int subject_stock_call(void)
{
	stock_calls++;
	return choose(2) ? -EBUSY : 0;
}

static void run_stock(void)
{
	int ret;

	stock_calls = 0;
	world.lock.ours = 1 << SUBJECT;
	ret = hmmu_range_fault_unlockable(&world.range, NULL, NULL);
	if (stock_calls != 1 || (ret && ret != -EBUSY))
		violated("without locked it is not hmm_range_fault(): %d calls, %s",
			 stock_calls, error_name(ret));
	world.lock.ours = 0;
}

const struct subject subject_stock = {
	.name = "stock",
	.run = run_stock,
	.help = "hmm_range_fault_unlockable() with locked == NULL",
};

static void break_range(struct hmm_range *range, unsigned int how)
{
	struct mmu_interval_notifier *n = range->notifier;

	switch (how) {
	case 0:
		range->notifier = NULL;
		break;
	case 1:
		range->hmm_pfns = NULL;
		break;
	case 2:
		range->start++;
		break;
	case 3:
		range->end--;
		break;
	case 4:
		range->end = range->start;
		break;
	case 5:
		range->start = n->interval_tree.start - PAGE_SIZE;
		break;
	case 6:
		range->end = n->interval_tree.last + 1 + PAGE_SIZE;
		break;
	}
}

/* Both calls say -EINVAL and touch nothing, not even the counters. */
static void run_malformed(void)
{
	struct hmm_unlocked_counters counters = { .n[0] = 4711 };
	unsigned int how = choose(8);
	int locked = how < 7, ret;

	break_range(&world.range, how);
	if (how == 7)
		world.call.broke_rules = true;
	world.lock.ours = 1 << SUBJECT;
	ret = hmmu_range_fault_unlockable(&world.range, &locked, &counters);
	world.lock.ours = 0;
	if (ret != -EINVAL || locked != (how < 7) || counters.n[0] != 4711)
		violated("malformed in way %u: hmm_range_fault_unlockable() returns %s",
			 how, error_name(ret));
	if (how == 7)
		return;
	ret = hmmu_range_fault_unlocked(&world.range, 0, &counters);
	if (ret != -EINVAL || counters.n[0] != 4711)
		violated("malformed in way %u: hmm_range_fault_unlocked_timeout() returns %s",
			 how, error_name(ret));
}

const struct subject subject_malformed = {
	.name = "malformed",
	.run = run_malformed,
	.help = "both calls with each kind of malformed range",
};
