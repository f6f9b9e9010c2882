/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How devices in software access a page that they have mapped.
 *
 * A page of memfd_secret is mapped by its process and missing from the kernel's direct
 * map, so reading it faults. Each access therefore reads first by
 * copy_from_kernel_nofault(), which fails instead.
 */
#ifndef _DEVICES_PAGE_H
#define _DEVICES_PAGE_H

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

/*
 * The caller holds the lock that unmap() takes, so the page stays. Returns 0, or
 * -EFAULT if the kernel cannot read the page.
 */
static inline int device_read_page(void *to, struct page *page, size_t offset,
				   size_t length)
{
	void *from = kmap_local_page(page);
	int ret = copy_from_kernel_nofault(to, from + offset, length);

	kunmap_local(from);
	return ret;
}

/* Locking and errors as device_read_page(). Marks the page dirty. */
static inline int device_write_page(struct page *page, size_t offset,
				    const void *from, size_t length)
{
	char probe;
	int ret = device_read_page(&probe, page, offset, sizeof(probe));

	if (ret)
		return ret;
	memcpy_to_page(page, offset, from, length);
	if (!PageDirty(page))
		set_page_dirty(page);
	return 0;
}

#endif
