// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages are short of their request, by what was read of them last.
 */
#include <linux/minmax.h>

#include "call.h"

/*
 * Entries that are tested together: 64, and then 8. Testing them one by one takes several
 * times as long, which shows where the kernel has little to do.
 */
#define MANY	(PTRS_PER_PTE / 8)
#define SOME	DIV_ROUND_UP(MANY, 8)

/* The first index from @i on where an entry lacks a bit of @need, rounded down to @step. */
static __always_inline unsigned long skip_fine(const unsigned long *entry,
					       unsigned long i, unsigned long n,
					       unsigned long need, unsigned int step)
{
	for (; i + step <= n; i += step) {
		unsigned long all = need;

#pragma GCC unroll 64
		for (unsigned int k = 0; k < step; k++)
			all &= entry[i + k];
		if (all != need)
			break;
	}
	return i;
}

/* The first index from @i on where an entry has a bit of @bits, rounded down to @step. */
static __always_inline unsigned long skip_missing(const unsigned long *entry,
						  unsigned long i, unsigned long n,
						  unsigned long bits, unsigned int step)
{
	for (; i + step <= n; i += step) {
		unsigned long any = 0;

#pragma GCC unroll 64
		for (unsigned int k = 0; k < step; k++)
			any |= entry[i + k];
		if (any & bits)
			break;
	}
	return i;
}

/* For requests that are all alike: the common case, whose speed counts. */
static unsigned long entries_next_short(const unsigned long *entry, unsigned long n,
					unsigned long need)
{
	unsigned long i;

	i = skip_fine(entry, 0, n, need, MANY);
	i = skip_fine(entry, i, n, need, SOME);
	return skip_fine(entry, i, n, need, 1);
}

static unsigned long entries_next_with(const unsigned long *entry, unsigned long n,
				       unsigned long bits)
{
	unsigned long i;

	i = skip_missing(entry, 0, n, bits, MANY);
	i = skip_missing(entry, i, n, bits, SOME);
	return skip_missing(entry, i, n, bits, 1);
}

/**
 * hmmu_call_plan_missing() - the end of pages that are missing
 * @call: the call
 * @addr: where to begin, in the call's range
 * @end: where to stop
 *
 * Return: the address of the first page that is there or cannot be, or @end.
 */
unsigned long hmmu_call_plan_missing(const struct hmmu_call *call,
				     unsigned long addr, unsigned long end)
{
	if (addr >= end)
		return end;
	return addr + (entries_next_with(hmmu_call_entry(call, addr),
					 (end - addr) >> PAGE_SHIFT,
					 HMM_PFN_VALID | HMM_PFN_ERROR)
		       << PAGE_SHIFT);
}

/**
 * hmmu_call_plan_search() - hmmu_call_plan_next() where few pages are short
 * @call: the call
 * @addr: where to begin, in the call's range
 * @end: where to stop
 *
 * Return: as hmmu_call_plan_next().
 */
unsigned long hmmu_call_plan_search(const struct hmmu_call *call,
				    unsigned long addr, unsigned long end)
{
	if (!call->requests.saved)
		return addr + (entries_next_short(hmmu_call_entry(call, addr),
						  (end - addr) >> PAGE_SHIFT,
						  call->requests.every)
			       << PAGE_SHIFT);

	for (; addr < end; addr += PAGE_SIZE)
		if (hmmu_call_page_is_short(call, addr))
			break;
	return addr;
}

/* In one page table, or a part of one: if the first page is of a huge page, all are. */
static unsigned long first_in_table(const struct hmmu_call *call,
				    unsigned long addr, unsigned long end)
{
	unsigned long entry = *hmmu_call_entry(call, addr);

	if (call->requests.saved || !hmmu_entry_is_huge(entry))
		return hmmu_call_plan_next(call, addr, end);
	return ~entry & call->requests.every ? addr : end;
}

/**
 * hmmu_call_plan_first() - hmmu_call_plan_next() for what one snapshot has just read
 * @call: the call
 * @addr: where the snapshot began
 * @end: where it ended
 *
 * Where one huge page fills a page table its entries are alike: the first answers for
 * all. So huge pages cost one test instead of 512.
 *
 * Return: as hmmu_call_plan_next().
 */
unsigned long hmmu_call_plan_first(const struct hmmu_call *call,
				   unsigned long addr, unsigned long end)
{
	unsigned long table_end, next;

	for (; addr < end; addr = table_end) {
		table_end = min(end, hmmu_table_end(addr));
		next = first_in_table(call, addr, table_end);
		if (next < table_end)
			return next;
	}
	return end;
}
