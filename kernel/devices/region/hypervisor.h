/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a region needs of a hypervisor: the guest's page table, behind calls.
 *
 * A hypervisor keeps the guest page table where only it can change it, so all of this
 * is in the shape of hypercalls: some mappings at a time, and memory is given to it
 * before it needs any. soft.c is one in software; a driver for another fills in the
 * same table.
 */
#ifndef _REGION_HYPERVISOR_H
#define _REGION_HYPERVISOR_H

#include <linux/types.h>

#include "../../include/uapi/hmm_region.h"

struct hv;

/**
 * struct hv_batch - mappings of one size and of one kind
 * @gpfn: guest page of the first, a multiple of HMM_REGION_LARGE_PAGES if large
 * @n: how many
 * @large: each maps HMM_REGION_LARGE_PAGES pages
 * @access: HMM_REGION_READ and what else the guest may do
 * @pfns: first page frame of each
 */
struct hv_batch {
	u64 gpfn;
	unsigned int n;
	bool large;
	u32 access;
	const u64 *pfns;
};

/**
 * struct hv_access - a step of a virtual CPU in one page
 * @gpfn: the page
 * @offset: in it
 * @length: bytes, within it
 * @access: one of HMM_REGION_READ, _WRITE, _EXECUTE
 * @data: to be written, or what was read
 * @first: (out) the first one since the page was mapped
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
	 * @create: required. A guest without memory; takes @batch mappings at a time.
	 * Sleeps.
	 *
	 * Return: the guest, or an ERR_PTR().
	 */
	struct hv *(*create)(unsigned int batch);

	/** @destroy: required. Nothing is mapped any more. Sleeps. */
	void (*destroy)(struct hv *hv);

	/**
	 * @prepare: required. Have memory for all that [@gpfn, @end) may need to be
	 * mapped, and unmapped again in any pieces. Sleeps.
	 *
	 * Return: 0 or -ENOMEM.
	 */
	int (*prepare)(struct hv *hv, u64 gpfn, u64 end);

	/**
	 * @map: required. Map, in place of what is mapped there. Does not sleep.
	 *
	 * Return: 0; -ENOMEM if it has to be prepared first; or another errno. If it
	 * is not 0, @done of the mappings have been made.
	 */
	int (*map)(struct hv *hv, const struct hv_batch *batch,
		   unsigned int *done);

	/**
	 * @has: required. Is exactly this mapped there, in whatever size? Does not
	 * sleep.
	 */
	bool (*has)(struct hv *hv, u64 gpfn, u64 pfn, u32 access);

	/**
	 * @unmap: required. Take access from the guest in [@gpfn, @end), as many
	 * mappings as a batch has. What it wrote is in the pages when this returns.
	 * Can't fail and does not sleep; splits a large mapping if it has to.
	 *
	 * Return: the first guest page that may still be mapped, or @end.
	 */
	u64 (*unmap)(struct hv *hv, u64 gpfn, u64 end);

	/**
	 * @forget: required. Nothing is mapped in [@gpfn, @end), nor will be before
	 * it is prepared again: give its memory back, and what was written to it is
	 * no longer dirty. Sleeps.
	 */
	void (*forget)(struct hv *hv, u64 gpfn, u64 end);

	/**
	 * @access: required. The guest accesses memory. May sleep.
	 *
	 * Return: 0; -ENOENT if it is not mapped, or not for this; -EFAULT if it is
	 * mapped and can't be accessed all the same.
	 */
	int (*access)(struct hv *hv, struct hv_access *access);

	/**
	 * @take_dirty: required. Move the dirty bits of up to
	 * HMM_REGION_LARGE_PAGES pages from @gpfn on, all of one large page, to
	 * @bits. Sleeps.
	 */
	void (*take_dirty)(struct hv *hv, u64 gpfn, unsigned int pages,
			   unsigned long *bits);

	/** @put_dirty: required. The opposite: none is lost that was set since. */
	void (*put_dirty)(struct hv *hv, u64 gpfn, unsigned int pages,
			  const unsigned long *bits);

	/** @query: required. Add what is known here. Sleeps. */
	void (*query)(struct hv *hv, struct hmm_region_query *query);

	/** @fail: required. Fail as asked; see struct hmm_region_fail. */
	void (*fail)(struct hv *hv, const struct hmm_region_fail *fail);
};

extern const struct hv_ops hv_soft;

#endif
