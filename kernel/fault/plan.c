// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages are short of their request, by what was read of them last.
 */
#include <linux/minmax.h>

#include "call.h"

/*
 * Entries that are tested together: 64. Testing them one by one takes several times as long,
 * which shows where the kernel has little to do.
 */
#define MANY	(PTRS_PER_PTE / 8)

/* Do many entries have all bits of @need? */
static __always_inline bool many_have(const unsigned long *entry, unsigned long need)
{
	unsigned long all = need;

#pragma GCC unroll 64
	for (unsigned int i = 0; i < MANY; i++)
		all &= entry[i];
	return all == need;
}

/* Has none of many entries any bit of @bits? */
static __always_inline bool many_lack(const unsigned long *entry, unsigned long bits)
{
	unsigned long any = 0;

#pragma GCC unroll 64
	for (unsigned int i = 0; i < MANY; i++)
		any |= entry[i];
	return !(any & bits);
}

/*
 * For requests that are all alike: the common case, whose speed counts. The last entries are
 * tested together with some before them.
 */
static unsigned long entries_next_short(const unsigned long *entry, unsigned long n,
					unsigned long need)
{
	unsigned long i = 0;

	while (i + MANY <= n && many_have(entry + i, need))
		i += MANY;
	if (i < n && n >= MANY && i + MANY > n && many_have(entry + n - MANY, need))
		return n;
	while (i < n && !(~entry[i] & need))
		i++;
	return i;
}

static unsigned long entries_next_with(const unsigned long *entry, unsigned long n,
				       unsigned long bits)
{
	unsigned long i = 0;

	while (i + MANY <= n && many_lack(entry + i, bits))
		i += MANY;
	if (i < n && n >= MANY && i + MANY > n && many_lack(entry + n - MANY, bits))
		return n;
	while (i < n && !(entry[i] & bits))
		i++;
	return i;
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
