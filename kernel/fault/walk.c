// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pass over the range.
 *
 * A pass is a circle: it begins at call->from, goes to the end of the range and
 * on from its start, and is complete when it comes round. If the sequence moves,
 * the next pass begins at the chunk that was under way, so pages that were made
 * present there are collected before it may happen again. Breaking COW
 * invalidates: passes that all began at the start would read the first chunk once
 * for each chunk of the range. A page server that lifts write protection
 * invalidates too, at each page: if the sequence moved while a fault waited, the
 * next pass begins with a small chunk and grows from there. Of hugetlb memory several
 * tables are read ahead at once, unless pages are short there: then one, two, ...
 *
 * How many pages to fault before reading again is learned in each chunk. One
 * fault may fill one page (lone 4 KiB faults), some (fault-around, a page server
 * that answers in batches) or all of the chunk (THP, hugetlb). So:
 * - after a run read what it faulted, and one page more that was short before
 * - was that one filled along: read on in growing steps, fault singly
 * - was it not: fault twice as many next time
 * - has a fault dropped the lock: whatever was short may have been brought, so
 *   begin again to fault singly, and to read ahead no more than to fault; and the
 *   other pages of the table that are short wait together, see crew.c
 * Without a moved sequence N pages cost 3 N entries at most, whatever a fault
 * fills; 4 N if some faults drop the lock and others do not.
 */
#include <linux/hugetlb.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "call.h"

#define BATCH_MAX	64U

/*
 * Read again from @addr, where a run began. On input @next is the next page that
 * was short before the run, on output the next that is short now. It is read with
 * @ahead - 1 pages that follow it.
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
		/* Short, but by an entry older than the run. */
		step *= 2;
		addr = *next;
		stop = addr + min(step, end - addr);
	}
}

/* Some of them may have been there before, so it is not to be believed blindly. */
static unsigned int count_filled(unsigned long addr, unsigned long next)
{
	return min_t(unsigned long, (next - addr) >> PAGE_SHIFT, BATCH_MAX);
}

/*
 * Fault some of the pages that are short, from @addr on, and read again. @next
 * becomes the next page that is short.
 */
static int fault_and_read(struct hmmu_call *call, unsigned long addr,
			  unsigned long *next, unsigned long end)
{
	unsigned int ahead = 1;
	unsigned long peek;
	int ret;

	*next = addr;
	ret = hmmu_call_fault_run(call, next, end, call->batch);
	if (ret)
		return ret;

	peek = *next;
	call->batch = call->known ? min(2 * call->batch, BATCH_MAX) : 1;
	if (peek >= call->known)
		ahead = call->batch;
	ret = read_back(call, addr, next, end, ahead);
	if (*next != peek)
		call->batch = 1;
	if (call->waited)
		call->fill = *next > peek ? count_filled(addr, *next) : 1;
	return ret;
}

/* The same for several at a time, from @next on: but for a page to be tried again. */
static int fault_together(struct hmmu_call *call, unsigned long *next,
			  unsigned long end)
{
	unsigned long addr = *next;
	int ret;

	call->waited = false;
	ret = hmmu_call_crew_run(call, call->tried == addr ? addr + PAGE_SIZE : addr,
			    end);
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

/* Fault what is short of [@addr, @end), which is part of one page table. */
static int walk_table(struct hmmu_call *call, unsigned long addr,
		      unsigned long end)
{
	unsigned long next = addr;
	unsigned int attempts = 0;
	int ret = 0;

	call->waited = false;
	/* Read before the lock was dropped last: it may have been brought. */
	if (addr < end && addr >= call->known)
		ret = read_back(call, addr, &next, end, 1);
	if (ret)
		return ret;

	for (addr = next; addr < end; addr = next) {
		note_furthest(call, addr);
		ret = fault_and_read(call, addr, &next, end);
		if (!ret && call->waited && next > addr) {
			note_furthest(call, next);
			ret = fault_together(call, &next, end);
		}
		if (ret)
			return ret;

		if (next == addr && call->tried != addr) {
			ret = hmmu_call_back_off(call, ++attempts);
			if (ret == HMMU_STUCK && hmmu_call_request_lower(call, addr, 0))
				ret = 0;
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

/*
 * Up to where there are no pages mapped one by one, or else the end of the page
 * table. Looked up behind a huge page only: elsewhere the price would show.
 */
static unsigned long tables_end(const struct hmmu_call *call,
				unsigned long addr)
{
	struct vm_area_struct *vma;

	if (addr > call->range->start &&
	    hmmu_entry_is_huge(*hmmu_call_entry(call, addr - PAGE_SIZE))) {
		vma = vma_lookup(call->mm, addr);
		if (vma && vma_kernel_pagesize(vma) >= HMMU_CHUNK_SIZE)
			return vma->vm_end;
	}
	return hmmu_table_end(addr);
}

/* The end of the range, of the page tables, of what to read at once. */
static unsigned long chunk_end(const struct hmmu_call *call,
			       unsigned long addr, unsigned long end)
{
	unsigned long most = call->chunk_size > HMMU_CHUNK_SIZE ?
			     tables_end(call, addr) : hmmu_table_end(addr);

	return addr + min3(end - addr, most - addr, call->chunk_size);
}

/* Read from @addr on; *@ahead becomes the end of that. */
static int read_chunk(struct hmmu_call *call, unsigned long addr,
		      unsigned long *ahead, unsigned long end)
{
	*ahead = chunk_end(call, addr, end);
	return hmmu_call_snapshot(call, addr, *ahead);
}

/*
 * Go on from @addr, where all before *@ahead was read, to the end of the page table
 * that holds the next page that is short, or to *@ahead: that is @stop.
 */
static int walk_on(struct hmmu_call *call, unsigned long addr,
		   unsigned long *ahead, unsigned long *stop, unsigned long end)
{
	unsigned long next;
	int ret;

	if (addr == *ahead) {
		ret = read_chunk(call, addr, ahead, end);
		if (ret)
			return ret;
	}

	next = hmmu_call_plan_first(call, addr, *ahead);
	*stop = min(*ahead, hmmu_table_end(next));
	if (next < *ahead)
		call->chunk_size = min(call->chunk_size, HMMU_CHUNK_SIZE);
	if (next >= hmmu_table_end(addr))
		call->batch = 1;
	ret = walk_table(call, next, *stop);
	if (!ret && *stop == *ahead)
		call->chunk_size = min(2 * call->chunk_size,
				       HMMU_CHUNK_SIZE_HUGE);
	return ret;
}

static int walk_span(struct hmmu_call *call, unsigned long addr,
		     unsigned long end)
{
	unsigned long ahead = addr, stop;
	int ret;

	for (; addr < end; addr = stop) {
		/* Unless the pass begins here. */
		if (addr != call->from) {
			call->from = addr;
			ret = hmmu_call_yield(call);
			if (ret)
				return ret;
			if (!(addr % HMMU_CHUNK_SIZE))
				call->batch = 1;
		}
		ret = walk_on(call, addr, &ahead, &stop, end);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * hmmu_call_walk() - collect all entries of the range under one sequence
 * @call: the call
 *
 * Context: mmap lock held for read on entry. On return call->locked tells.
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
