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

static inline struct dev_pagemap *hmmu_pagemap_of(const struct page *page)
{
	return page->pgmap;
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
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE)
	return make_device_exclusive_range(mm, start, end, pages, owner);
#else
	return -EOPNOTSUPP;
#endif
}

#endif
