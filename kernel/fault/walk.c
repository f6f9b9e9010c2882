// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pass over the range.
 *
 * A pass is a circle: it begins at call->from, goes to the end of the range, goes on
 * from its start, and is complete when it arrives where it began. If the sequence
 * moves, the next pass begins at the chunk that was under way, so the pages that were
 * made present there are collected before it can happen again. Breaking COW
 * invalidates: if each pass began at the start, the first chunk would be read once
 * for each chunk of the range.
 *
 * What makes the result true:
 * - an entry counts only under the sequence of this pass: any step that finds the
 *   sequence moved ends the pass with -EBUSY
 * - a page is faulted only if it was read since the lock was taken (call->known):
 *   after a drop it may be there already
 * - a page whose fault had to wait is read again before anything else is faulted
 *
 * How much is read and faulted at a time is guess.c's business and changes the cost
 * alone.
 */
#include <linux/minmax.h>
#include <linux/mm.h>

#include "call.h"

/*
 * Read again from @addr, where a run began. On input @next is the next page that
 * was short before the run, on output the next that is short now. It is read
 * together with the @ahead - 1 pages that follow it.
 */
static int read_back(struct hmmu_call *call, unsigned long addr,
		     unsigned long *next, unsigned long end, unsigned int ahead)
{
	unsigned long step = ahead * PAGE_SIZE;
	unsigned long stop = *next + min(step, end - *next);
	int ret;

	for (;;) {
		ret = hmmu_call_snapshot(call, addr, stop);
		if (ret)
			return ret;
		*next = hmmu_call_plan_next(call, addr, end);
		if (*next < stop || *next == end)
			return 0;
		/* Short by an entry that is older than the run: read on. */
		step *= 2;
		addr = *next;
		stop = addr + min(step, end - addr);
	}
}

/*
 * Fault some of the pages that are short, from @addr on, and read again. @next
 * becomes the next page that is short.
 */
static int fault_and_read(struct hmmu_call *call, unsigned long addr,
			  unsigned long *next, unsigned long end)
{
	struct hmmu_guess *guess = &call->guess;
	unsigned int ahead = 1;
	unsigned long peek;
	int ret;

	*next = addr;
	ret = hmmu_call_fault_run(call, next, end, guess->batch);
	if (ret)
		return ret;

	peek = *next;
	hmmu_guess_run_ends(guess, !call->known);
	if (peek >= call->known)
		ahead = guess->batch;
	ret = read_back(call, addr, next, end, ahead);
	if (*next != peek)
		hmmu_guess_run_filled_more(guess);
	if (call->waited)
		hmmu_guess_wait_filled(guess, *next > peek ? *next - addr :
				       PAGE_SIZE);
	return ret;
}

/*
 * The same for several pages at a time, from @next on. A page that is to be tried
 * again is left to the call itself: only its own fault carries FAULT_FLAG_TRIED.
 */
static int fault_together(struct hmmu_call *call, unsigned long *next,
			  unsigned long end)
{
	unsigned long addr = *next;
	int ret;

	call->waited = false;
	ret = hmmu_call_crew_run(call, call->tried == addr ? addr + PAGE_SIZE :
				 addr, end);
	if (ret || call->known)
		return ret;
	*next = hmmu_call_plan_next(call, addr, end);
	return *next == end ? 0 : read_back(call, *next, next, end, 1);
}

/* Pages before @addr have all been satisfied at one time or another. */
static void note_furthest(struct hmmu_call *call, unsigned long addr)
{
	if (addr <= call->furthest)
		return;
	call->furthest = addr;
	hmmu_limit_restart(&call->limit);
}

/*
 * The fault of a page has succeeded without effect, @attempt times in a row. An entry that
 * stays an error then is one.
 */
static int wait_for_effect(struct hmmu_call *call, unsigned long addr,
			   unsigned int attempt)
{
	int ret = hmmu_call_back_off(call, attempt);

	if (ret != HMMU_STUCK)
		return ret;
	if (hmmu_call_request_lower(call, addr, 0))
		return 0;
	return *hmmu_call_entry(call, addr) & HMM_PFN_ERROR ? -EFAULT : ret;
}

/* Fault what is short of [@addr, @end), which is part of one page table. */
static int walk_table(struct hmmu_call *call, unsigned long addr,
		      unsigned long end)
{
	unsigned long next;
	unsigned int attempts = 0;
	int ret;

	call->waited = false;
	for (; addr < end; addr = next) {
		note_furthest(call, addr);
		ret = fault_and_read(call, addr, &next, end);
		if (!ret && call->waited && next > addr) {
			note_furthest(call, next);
			ret = fault_together(call, &next, end);
		}
		if (ret)
			return ret;

		if (next == addr && call->tried != addr) {
			ret = wait_for_effect(call, addr, ++attempts);
			if (!ret)
				ret = read_back(call, addr, &next, end, 1);
			if (ret)
				return ret;
		}
		if (next > addr || call->tried == addr)
			attempts = 0;
	}
	note_furthest(call, end);
	return 0;
}

/* Does a huge page end at @addr? Then the next page mostly is huge, too. */
static bool is_behind_huge(const struct hmmu_call *call, unsigned long addr)
{
	return addr > call->range->start &&
	       hmmu_entry_is_huge(*hmmu_call_entry(call, addr - PAGE_SIZE));
}

/*
 * Read from @addr on; *@stop becomes the end of what was read: huge pages as long as they
 * follow each other and are not short, and then one page table. So only the last page
 * table that was read can have short pages.
 */
static int read_chunk(struct hmmu_call *call, unsigned long addr,
		      unsigned long *stop, unsigned long end)
{
	unsigned long size = call->guess.chunk_size;
	unsigned long most = addr + min(end - addr, size);
	int ret;

	if (size >= HMMU_CHUNK_SIZE && is_behind_huge(call, addr)) {
		ret = hmmu_call_snapshot_huge(call, &addr, most);
		*stop = addr;
		if (ret || addr == most || !(addr % HMMU_CHUNK_SIZE))
			return ret;
	}
	*stop = min(most, hmmu_table_end(addr));
	return hmmu_call_snapshot(call, addr, *stop);
}

/* Read from @addr on, and fault what is short of it. @stop becomes the end of that. */
static int walk_on(struct hmmu_call *call, unsigned long addr,
		   unsigned long *stop, unsigned long end)
{
	unsigned long next;
	int ret;

	ret = read_chunk(call, addr, stop, end);
	if (ret)
		return ret;

	next = hmmu_call_plan_first(call, addr, *stop);
	if (next < *stop)
		hmmu_guess_chunk_is_short(&call->guess);
	if (next >= hmmu_table_end(addr))
		hmmu_guess_table_begins(&call->guess);
	ret = walk_table(call, next, *stop);
	if (!ret)
		hmmu_guess_chunk_ends(&call->guess);
	return ret;
}

static int walk_span(struct hmmu_call *call, unsigned long addr,
		     unsigned long end)
{
	unsigned long stop;
	int ret;

	for (; addr < end; addr = stop) {
		/* The chunk at which the pass begins has not been left yet. */
		if (addr != call->from) {
			call->from = addr;
			ret = hmmu_call_yield(call);
			if (ret)
				return ret;
			if (!(addr % HMMU_CHUNK_SIZE))
				hmmu_guess_table_begins(&call->guess);
		}
		ret = walk_on(call, addr, &stop, end);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * hmmu_call_walk() - collect all entries of the range under one sequence
 * @call: the call
 *
 * Context: mmap lock held for read on entry. On return see call->locked.
 * Return: %0 with all entries collected and each request satisfied; %-EBUSY if
 * the sequence has moved; HMMU_STUCK; else as hmmu_call_fault_run().
 */
int hmmu_call_walk(struct hmmu_call *call)
{
	unsigned long from = call->from;
	int ret;

	ret = walk_span(call, from, call->range->end);
	if (!ret)
		ret = walk_span(call, call->range->start, from);
	if (!ret)
		ret = hmmu_call_check(call, HMM_UNLOCKED_MOVED_HELD);
	return ret;
}
