/* SPDX-License-Identifier: GPL-2.0-only */
/* What hmm_range_fault() gets wrong. */
#ifndef _COMPAT_ENTRIES_H
#define _COMPAT_ENTRIES_H

#include <linux/hmm.h>
#include <linux/memremap.h>
#include <linux/mm.h>

#include "compound.h"

#if HMMU_HAS_LARGE_DEVICE_FOLIOS
/*
 * 7.2 and 7.3 report a huge page of private device memory from its first page on, wherever
 * in the huge page @range begins. The address says which page it is, for both are aligned.
 */
static inline void hmmu_correct_entries(struct hmm_range *range)
{
	unsigned long offset = (range->start & ~PMD_MASK) >> PAGE_SHIFT;
	unsigned long *entry = range->hmm_pfns, first = *entry;
	unsigned long i, n;

	if (!offset || !(first & HMM_PFN_VALID) ||
	    hmm_pfn_to_map_order(first) != PMD_SHIFT - PAGE_SHIFT ||
	    !is_device_private_page(hmm_pfn_to_page(first)))
		return;
	first = ALIGN_DOWN(first & ~HMM_PFN_FLAGS, PTRS_PER_PTE) + offset;
	n = min(PTRS_PER_PTE - offset, (range->end - range->start) >> PAGE_SHIFT);
	for (i = 0; i < n; i++)
		entry[i] = (entry[i] & HMM_PFN_FLAGS) | (first + i);
}
#else
static inline void hmmu_correct_entries(struct hmm_range *range)
{
}
#endif

#endif
