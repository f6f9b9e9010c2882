// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pass over the range.
 *
 * A pass is a circle: it begins at call->from, goes to the end of the range and
 * on from its start, and is complete when it comes round. If the sequence moves,
 * the next pass begins at the chunk that was under way, so pages that were made
 * present there are collected before it may happen again. (Breaking COW
 * invalidates: passes that all began at the start would read the first chunk
 * once for each chunk of the range.)
 *
 * How many pages to fault before reading again is learned in each chunk. One
 * fault may fill one page (lone 4 KiB faults), some (fault-around, a page server
 * that answers in batches) or all of the chunk (THP, hugetlb). So:
 * - after a run read what it faulted, and one page more that was short before
 * - was that one filled along: read on in growing steps, fault singly
 * - was it not: fault twice as many next time
 * Each entry is read at most twice, and once more for each run.
 */
#include <linux/sched/signal.h>

#include "call.h"

#define BATCH_MAX	64

/*
 * Read again from @addr, where a run began. On input @next is the next page that
 * was short before the run, on output the next that is short now.
 */
static int read_back(struct hmmu_call *call, unsigned long addr,
		     unsigned long *next, unsigned long end)
{
	unsigned long stop = min(*next + PAGE_SIZE, end);
	unsigned long step = PAGE_SIZE;
	int ret;

	for (;;) {
		ret = hmmu_snapshot(call, addr, stop);
		if (ret)
			return ret;
		*next = hmmu_plan_next(call, addr, end);
		if (*next < stop || *next == end)
			return 0;
		/* Short, but by an entry older than the run. */
		step *= 2;
		addr = *next;
		stop = min(addr + step, end);
	}
}

/* All before @addr has been satisfied at one time or another. */
static void got_to(struct hmmu_call *call, unsigned long addr)
{
	if (addr <= call->furthest)
		return;
	call->furthest = addr;
	hmmu_limit_start(&call->limit, call->limit.allowed);
}

static int walk_chunk(struct hmmu_call *call, unsigned long addr,
		      unsigned long end)
{
	unsigned int batch = 1, attempts = 0;
	unsigned long next, peek;
	int ret;

	ret = hmmu_snapshot(call, addr, end);
	if (ret)
		return ret;

	for (addr = hmmu_plan_next(call, addr, end); addr < end; addr = next) {
		got_to(call, addr);
		next = addr;
		ret = hmmu_fault_run(call, &next, end, batch);
		if (ret)
			return ret;
		peek = next;
		ret = read_back(call, addr, &next, end);
		if (ret)
			return ret;

		batch = next == peek ? min(2 * batch, BATCH_MAX) : 1;
		if (next > addr || call->tried == addr)
			attempts = 0;
		else if (++attempts == HMMU_ATTEMPTS_MAX)
			return HMMU_STUCK;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	got_to(call, end);
	return 0;
}

static int walk_span(struct hmmu_call *call, unsigned long start,
		     unsigned long end)
{
	unsigned long addr, next;
	int ret;

	for (addr = start; addr < end; addr = next) {
		next = min(end, ALIGN_DOWN(addr, HMMU_CHUNK_SIZE) +
				HMMU_CHUNK_SIZE);
		call->from = addr;
		ret = walk_chunk(call, addr, next);
		if (!ret)
			ret = hmmu_yield(call);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * hmmu_walk() - collect all entries of the range under one sequence
 * @call: the call
 *
 * Context: mmap lock held for read on entry. On return call->locked tells.
 * Return: %0 with all entries true and each request satisfied; %-EBUSY if the
 * sequence has moved; HMMU_STUCK; else as hmmu_fault_run().
 */
int hmmu_walk(struct hmmu_call *call)
{
	unsigned long from = call->from;
	int ret;

	ret = walk_span(call, from, call->range->end);
	if (!ret)
		ret = walk_span(call, call->range->start, from);
	if (!ret)
		ret = hmmu_check(call, HMM_UNLOCKED_MOVED_HELD);
	return ret;
}
