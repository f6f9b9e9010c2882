/* SPDX-License-Identifier: GPL-2.0-only */
/* Device memory: what differs between kernels. */
#ifndef _COMPAT_MEMORY_H
#define _COMPAT_MEMORY_H

#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/version.h>

#if !IS_ENABLED(CONFIG_DEVICE_MIGRATION)
#error "this kernel is built without CONFIG_DEVICE_MIGRATION: it has no migrate_vma_setup()"
#endif

/* Kernels before 6.15. */
static inline struct dev_pagemap *hmmu_pagemap_of(const struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	return page->pgmap;
#else
	return page_pgmap(page);
#endif
}

static inline bool hmmu_page_mapped(struct page *page)
{
	return folio_mapped(page_folio(page));
}

static inline void hmmu_device_page_init(struct page *page, struct dev_pagemap *pagemap)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	zone_device_page_init(page);
#else
	zone_device_page_init(page, pagemap, 0);
#endif
}

/* A kernel has both private device memory and exclusive access, or neither. */
static inline bool hmmu_has_device_private(void)
{
	return IS_ENABLED(CONFIG_DEVICE_PRIVATE);
}

/* Returns the number of entries of @pages filled in, each locked or NULL; or an errno. */
static inline int hmmu_make_exclusive(struct mm_struct *mm, unsigned long start,
				      unsigned long end, struct page **pages,
				      void *owner)
{
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	int n = 0;

	for (; start < end; start += PAGE_SIZE, n++) {
		struct folio *folio;
		struct page *page = make_device_exclusive(mm, start, owner, &folio);

		pages[n] = IS_ERR(page) ? NULL : page;
	}
	return n;
#elif IS_ENABLED(CONFIG_DEVICE_PRIVATE)
	return make_device_exclusive_range(mm, start, end, pages, owner);
#else
	return -EOPNOTSUPP;
#endif
}

#endif
