/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a region needs from a hypervisor: the guest's page table, behind calls.
 *
 * Only the hypervisor can change the guest page table, so all calls have the shape of
 * hypercalls: a batch of mappings at a time, and the hypervisor is given memory before
 * it needs any. soft.c implements one in software; a driver for another hypervisor
 * fills in the same struct hv_ops.
 */
#ifndef _REGION_HYPERVISOR_H
#define _REGION_HYPERVISOR_H

#include <linux/types.h>

#include "../../include/uapi/hmm_region.h"

struct hv;

/**
 * struct hv_batch - consecutive mappings of one size and one access
 * @gpfn: guest page of the first, a multiple of HMM_REGION_LARGE_PAGES if @large
 * @n: number of mappings
 * @large: each mapping has HMM_REGION_LARGE_PAGES pages, else one
 * @access: what the guest may do: HMM_REGION_READ and other HMM_REGION_*
 * @pfns: first page frame of each mapping
 */
struct hv_batch {
	u64 gpfn;
	unsigned int n;
	bool large;
	u32 access;
	const u64 *pfns;
};

/**
 * struct hv_access - an access of a virtual CPU within one page
 * @gpfn: the guest page
 * @offset: offset in the page, in bytes
 * @length: bytes; does not reach beyond the page
 * @access: one of HMM_REGION_READ, _WRITE, _EXECUTE
 * @data: what is written, or buffer for what is read
 * @first: (out) this is the first access since the page was mapped
 */
struct hv_access {
	u64 gpfn;
	size_t offset;
	size_t length;
	u32 access;
	void *data;
	bool first;
};

/**
 * struct hv_ops - a hypervisor
 *
 * All guest page numbers are below HMM_REGION_GUEST_PAGES.
 */
struct hv_ops {
	/**
	 * @create: required. Create a guest without memory, which takes at most
	 * @batch mappings at a time. Sleeps.
	 *
	 * Return: the guest, or an ERR_PTR().
	 */
	struct hv *(*create)(unsigned int batch);

	/** @destroy: required. End the guest; nothing is mapped any more. Sleeps. */
	void (*destroy)(struct hv *hv);

	/**
	 * @prepare: required. Allocate all memory that mapping [@gpfn, @end) may
	 * need, and that unmapping it again in any pieces may need. Sleeps.
	 *
	 * Return: 0 or -ENOMEM.
	 */
	int (*prepare)(struct hv *hv, u64 gpfn, u64 end);

	/**
	 * @map: required. Map; replaces what is mapped there. Does not sleep.
	 *
	 * Return: 0; -ENOMEM if @prepare must be called first; or another errno. On
	 * an error the first @done mappings have been made.
	 */
	int (*map)(struct hv *hv, const struct hv_batch *batch,
		   unsigned int *done);

	/**
	 * @has: required. Is @pfn mapped at @gpfn with exactly @access, in a mapping
	 * of any size? Does not sleep.
	 */
	bool (*has)(struct hv *hv, u64 gpfn, u64 pfn, u32 access);

	/**
	 * @unmap: required. Unmap at most one batch of mappings in [@gpfn, @end).
	 * What the guest has written there is in the pages when this returns. Cannot
	 * fail and does not sleep; splits a large mapping if necessary.
	 *
	 * Return: the first guest page that may still be mapped, or @end.
	 */
	u64 (*unmap)(struct hv *hv, u64 gpfn, u64 end);

	/**
	 * @forget: required. Free the memory that @prepare has allocated for
	 * [@gpfn, @end), and clear its dirty bits. Nothing is mapped there, and
	 * nothing will be mapped before the next @prepare. Sleeps.
	 */
	void (*forget)(struct hv *hv, u64 gpfn, u64 end);

	/**
	 * @access: required. The guest accesses memory. May sleep.
	 *
	 * Return: 0; -ENOENT if the page is not mapped, or not for this access;
	 * -EFAULT if the page is mapped and the kernel cannot access it.
	 */
	int (*access)(struct hv *hv, struct hv_access *access);

	/**
	 * @take_dirty: required. Move the dirty bits of @pages pages from @gpfn on to
	 * @bits, and clear them in the log. All are in one large page. Sleeps.
	 */
	void (*take_dirty)(struct hv *hv, u64 gpfn, unsigned int pages,
			   unsigned long *bits);

	/** @put_dirty: required. Set the dirty bits @bits again, and clear none. Sleeps. */
	void (*put_dirty)(struct hv *hv, u64 gpfn, unsigned int pages,
			  const unsigned long *bits);

	/** @query: required. Add the numbers that the hypervisor knows. Sleeps. */
	void (*query)(struct hv *hv, struct hmm_region_query *query);

	/** @fail: required. Fail on purpose; see struct hmm_region_fail. */
	void (*fail)(struct hv *hv, const struct hmm_region_fail *fail);
};

extern const struct hv_ops hv_soft;

#endif
