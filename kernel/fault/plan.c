// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages are short of their request, by what was read of them last.
 */
#include <linux/minmax.h>

#include "call.h"

/*
 * For requests that are all alike: the common case, whose speed counts. Present huge
 * pages are read so fast that testing entries one by one would show.
 */
static unsigned long entries_next_short(const unsigned long *entry, unsigned long n,
					unsigned long need)
{
	unsigned long i = 0;

	for (; i + 8 <= n; i += 8)
		if (~(entry[i] & entry[i + 1] & entry[i + 2] & entry[i + 3] &
		      entry[i + 4] & entry[i + 5] & entry[i + 6] &
		      entry[i + 7]) & need)
			break;
	while (i < n && !(~entry[i] & need))
		i++;
	return i;
}

/**
 * hmmu_call_plan_next() - the first page that is short of its request
 * @call: the call
 * @addr: where to begin, in the call's range
 * @end: where to stop
 *
 * Return: its address, or @end.
 */
unsigned long hmmu_call_plan_next(const struct hmmu_call *call,
				  unsigned long addr, unsigned long end)
{
	if (!call->requests.saved)
		return addr + (entries_next_short(hmmu_call_entry(call, addr),
						  (end - addr) >> PAGE_SHIFT,
						  call->requests.every)
			       << PAGE_SHIFT);

	for (; addr < end; addr += PAGE_SIZE)
		if (~*hmmu_call_entry(call, addr) & hmmu_call_request(call, addr))
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

/**
 * hmmu_call_plan_fills_one() - does a fault of this page change no other page?
 * @call: the call
 * @addr: a page that is short
 *
 * A page that has an entry of its own lacks write permission only, which is given page
 * by page. Where nothing is mapped a fault may bring a huge page, or map neighbours.
 */
bool hmmu_call_plan_fills_one(const struct hmmu_call *call, unsigned long addr)
{
	unsigned long entry = *hmmu_call_entry(call, addr);

	return (entry & HMM_PFN_VALID) && !hmm_pfn_to_map_order(entry);
}
