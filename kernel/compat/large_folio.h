/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Large folios in private device memory, which kernels have from about 6.19.
 *
 * Coherent memory has small pages on all kernels. 7.2 and 7.3 map a large coherent folio,
 * but they cannot split one: splitting puts its pages on an LRU list, whose links overlay
 * the page's pagemap. A migration of a part of it splits it, and so does the shrinker after
 * a part was unmapped.
 */
#ifndef _COMPAT_LARGE_FOLIO_H
#define _COMPAT_LARGE_FOLIO_H

#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>

#include "compound.h"

#if HMMU_HAS_LARGE_DEVICE_FOLIOS

static inline void hmmu_device_folio_init(struct page *page, struct dev_pagemap *pagemap,
					  unsigned int order)
{
	zone_device_folio_init(page_folio(page), pagemap, order);
}

/*
 * Makes small pages of a large folio that nobody uses any more. The kernel leaves its marks:
 * a free page would look like a part of what its first page is used for next.
 */
static inline void hmmu_device_folio_dissolve(struct folio *folio)
{
	struct dev_pagemap *pagemap = folio->pgmap;
	unsigned long i, pages = folio_nr_pages(folio);
	struct page *page;

	folio_reset_order(folio);
	ClearPageCompound(&folio->page);
	for (i = 1; i < pages; i++) {
		page = &folio->page + i;
		clear_compound_head(page);
		page->mapping = NULL;
		/* Where the head was. */
		((struct folio *)page)->pgmap = pagemap;
	}
}

/* A page that the kernel has just split off has no pagemap. */
static inline void hmmu_device_folio_split_off(struct folio *head, struct folio *tail)
{
	tail->pgmap = head->pgmap;
	tail->mapping = head->mapping;
}

static inline bool hmmu_folio_mapped_once(struct folio *folio)
{
	return folio_mapcount(folio) == 1;
}

/* @vma may be NULL. */
static inline struct folio *hmmu_folio_alloc(gfp_t gfp, unsigned int order,
					     struct vm_area_struct *vma, unsigned long addr)
{
	return vma ? vma_alloc_folio(gfp, order, vma, addr) : folio_alloc(gfp, order);
}

/* It has no page table entry if a whole huge page is touched. */
static inline bool hmmu_fault_is_huge(const struct vm_fault *fault)
{
	return !fault->pte;
}

#define HMMU_FOLIO_SPLIT(function)	.folio_split = function,

#else

static inline void hmmu_device_folio_init(struct page *page, struct dev_pagemap *pagemap,
					  unsigned int order)
{
}

static inline void hmmu_device_folio_dissolve(struct folio *folio)
{
}

static inline void hmmu_device_folio_split_off(struct folio *head, struct folio *tail)
{
}

static inline bool hmmu_folio_mapped_once(struct folio *folio)
{
	return false;
}

static inline struct folio *hmmu_folio_alloc(gfp_t gfp, unsigned int order,
					     struct vm_area_struct *vma, unsigned long addr)
{
	return NULL;
}

static inline bool hmmu_fault_is_huge(const struct vm_fault *fault)
{
	return false;
}

#define HMMU_FOLIO_SPLIT(function)

#endif

#endif
