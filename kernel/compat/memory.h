/* SPDX-License-Identifier: GPL-2.0-only */
/* Device memory on each kernel. */
#ifndef _COMPAT_MEMORY_H
#define _COMPAT_MEMORY_H

#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/version.h>

#if !IS_ENABLED(CONFIG_DEVICE_MIGRATION)
#error "this kernel is built without CONFIG_DEVICE_MIGRATION: it has no migrate_vma_setup()"
#endif

static inline struct dev_pagemap *hmmu_pagemap_of(const struct page *page)
{
	return page->pgmap;
}

/* Private device memory, and exclusive access to any: a kernel has both or neither. */
static inline bool hmmu_has_device_private(void)
{
	return IS_ENABLED(CONFIG_DEVICE_PRIVATE);
}

/* Returns how many of @pages are told of, each locked or NULL; or an errno. */
static inline int hmmu_make_exclusive(struct mm_struct *mm, unsigned long start,
				      unsigned long end, struct page **pages,
				      void *owner)
{
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
	return make_device_exclusive_range(mm, start, end, pages, owner);
#else
	return -EOPNOTSUPP;
#endif
}

#endif
