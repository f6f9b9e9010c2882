/* SPDX-License-Identifier: GPL-2.0-only */
/* Exclusive access as 7.3 has it, on older kernels. */
#ifndef _COMPAT_EXCLUSIVE_H
#define _COMPAT_EXCLUSIVE_H

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <kernel_has.h>

/* Returns the number of entries of @pages filled in, each locked or NULL; or an errno. */
static inline int hmmu_make_exclusive(struct mm_struct *mm, unsigned long start,
				      unsigned long end, struct page **pages,
				      void *owner)
{
#if IS_ENABLED(CONFIG_DEVICE_PRIVATE) && HMMU_HAS_MAKE_DEVICE_EXCLUSIVE
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
