/* SPDX-License-Identifier: GPL-2.0-only */
/* Exclusive access as 7.3 has it, on older kernels. */
#ifndef _COMPAT_EXCLUSIVE_H
#define _COMPAT_EXCLUSIVE_H

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <kernel_has.h>

#if !IS_ENABLED(CONFIG_DEVICE_PRIVATE)
/* Without CONFIG_DEVICE_PRIVATE it is declared at most. */
static inline struct page *hmmu_make_device_exclusive(struct mm_struct *mm,
						      unsigned long addr,
						      void *owner,
						      struct folio **foliop)
{
	return ERR_PTR(-EOPNOTSUPP);
}
#define make_device_exclusive hmmu_make_device_exclusive

#elif !HMMU_HAS_MAKE_DEVICE_EXCLUSIVE
/* Before 6.15 there was a call for a range. It tries page locks, and refuses huge pages. */
static inline struct page *make_device_exclusive(struct mm_struct *mm,
						 unsigned long addr, void *owner,
						 struct folio **foliop)
{
	struct page *page = NULL;
	int n = make_device_exclusive_range(mm, addr, addr + PAGE_SIZE, &page,
					    owner);

	if (n < 0)
		return ERR_PTR(n);
	if (!page)
		return ERR_PTR(-EBUSY);
	*foliop = page_folio(page);
	return page;
}
#endif

/*
 * Before 6.15 the entry of an exclusive page did not count as a mapping of it, and
 * check_pte() took it for a migration entry, which leaks a reference if the page is moved.
 * Both changed with make_device_exclusive().
 */
static inline bool hmmu_exclusive_unmaps(void)
{
	return !HMMU_HAS_MAKE_DEVICE_EXCLUSIVE;
}

#endif
