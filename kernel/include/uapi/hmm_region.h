/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hmm_region: memory of a process as a guest's memory, demand-mapped.
 *
 * HMM_REGION_CREATE_PARTITION on the device returns the file of a partition: a guest
 * without memory. All other calls are made on that file. Regions give the guest
 * memory of the process that made the partition; nothing of it is mapped for the guest
 * until it is accessed, unless HMM_REGION_SET_PREMAP asks for that.
 *
 * Errors that every call may give:
 *
 *   ENOTTY	no such call of this file
 *   EFAULT	the struct can't be accessed, or memory that it points to
 *   EINVAL	a field has a value that it can't have, or a reserved one is not 0
 *   EACCES	not made by the process that made the partition (a child that was
 *		forked, one that the file was passed on to, or after execve())
 *
 * Those of the single calls stand with them. (in) is read, (out) is written.
 */
#ifndef _UAPI_HMM_REGION_H
#define _UAPI_HMM_REGION_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Frames of a guest and of this interface are 4 KiB, large ones 512 of them. */
#define HMM_REGION_PAGE_SHIFT	12
#define HMM_REGION_LARGE_PAGES	512

/* Guest page numbers are below. */
#define HMM_REGION_GUEST_PAGES	(1ULL << 40)

/* Most regions of a partition: each is told of all that is invalidated. */
#define HMM_REGION_MAX		512

/**
 * struct hmm_region_partition - HMM_REGION_CREATE_PARTITION
 * @window: (in) pages that are populated where one is accessed that is not mapped: a
 *	    power of two, 512 at most; 0: 512
 * @batch: (in) most mappings that the hypervisor takes or drops at a time, 1 to 512; 0:
 *	   512
 * @reserved: (in) 0
 *
 * Returns the file of the partition, which is closed on execve().
 *
 *   EMFILE, ENFILE	too many files
 *   ENOMEM		no memory
 */
struct hmm_region_partition {
	__u32 window;
	__u32 batch;
	__u64 reserved[3];
};

/* What the guest may do in a region, and what an access does. */
#define HMM_REGION_READ		(1U << 0)
#define HMM_REGION_WRITE	(1U << 1)
#define HMM_REGION_EXECUTE	(1U << 2)

/* Map what is present at once, beside pages that a write would have to copy. */
#define HMM_REGION_SET_PREMAP	(1U << 8)

/**
 * struct hmm_region_set - HMM_REGION_SET
 * @guest_pfn: (in) first guest page
 * @pages: (in) how many; not 0
 * @address: (in) of the memory behind the first, a multiple of 4096
 * @flags: (in) HMM_REGION_READ, with it HMM_REGION_WRITE and HMM_REGION_EXECUTE as
 *	   wanted, and HMM_REGION_SET_*
 * @reserved: (in) 0
 *
 * There need be no memory yet; what is not there when it is accessed fails the access.
 *
 *   EEXIST	a region has some of these guest pages, or is being unset
 *   ENOSPC	there are HMM_REGION_MAX regions
 *   EINVAL	also: pages beyond HMM_REGION_GUEST_PAGES, or memory beyond what a
 *		process may have
 *   EOPNOTSUPP	some of the memory is of a device (VM_IO, VM_PFNMAP) and can't be
 *		demand-mapped; there is no other way to have it here
 *   ENOMEM	no memory
 *   EINTR	a signal is pending
 *
 * With HMM_REGION_SET_PREMAP also what the hypervisor answers, EIO; EFAULT if the OOM
 * killer has been there. What is premapped the guest may access from then on, though the
 * call has not returned. After an error the region is not set, and nothing of it mapped.
 */
struct hmm_region_set {
	__u64 guest_pfn;
	__u64 pages;
	__u64 address;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct hmm_region_unset - HMM_REGION_UNSET
 * @guest_pfn: (in) first guest page, as it was set
 * @pages: (in) how many, as they were set
 *
 * Accesses that wait for pages of the region end with ENXIO: at once if they wait for a
 * userfaultfd, else when that wait is over (a page that is being read in), and this waits
 * for them. When it returns the guest has no access to the memory any more, and what it
 * wrote is in it.
 *
 *   ENOENT	no region is exactly these pages, or it is being set or unset
 */
struct hmm_region_unset {
	__u64 guest_pfn;
	__u64 pages;
};

/* Most bytes of one access. */
#define HMM_REGION_ACCESS_MAX	(2U << 20)

/**
 * struct hmm_region_access - HMM_REGION_ACCESS: a virtual CPU's step
 * @guest_pfn: (in) guest page
 * @offset: (in) in bytes within it
 * @length: (in) in bytes, 1 to HMM_REGION_ACCESS_MAX; may go on in the pages behind
 * @access: (in) one of HMM_REGION_READ, _WRITE, _EXECUTE (which reads)
 * @data: (in) address of what is written, or of where to put what is read
 * @done: (out) bytes that were accessed, also if the call fails
 * @intercepts: (out) pages that were not mapped, or not for this access, and had to be
 *		populated, of those that were accessed; also if the call fails
 * @reserved: (in) 0
 *
 * Waits as long as a fault takes, and is killable meanwhile.
 *
 * Pages around the accessed one fail an access only by the hypervisor's EIO or ENOMEM,
 * which is about all of a window.
 *
 *   ENXIO	no region has the page (any more)
 *   EPERM	the region does not allow this; or a write, and the memory is mapped
 *		read-only
 *   EFAULT	also: there is no memory behind the page, or none that can be read or
 *		demand-mapped, or its fault failed
 *   EBUSY	a second was lost to invalidations of this very page, or it stays
 *		missing though its fault succeeds
 *   ENOMEM	no memory
 *   EIO	the hypervisor has failed to map it
 *   EINTR	killed
 */
struct hmm_region_access {
	__u64 guest_pfn;
	__u32 offset;
	__u32 length;
	__u32 access;
	__u32 reserved;
	__u64 data;
	__u32 done;
	__u32 intercepts;
};

/**
 * struct hmm_region_query - HMM_REGION_QUERY
 * @mapped_pages: (out) guest pages mapped now, those of large mappings included
 * @large_pages: (out) large mappings now
 * @accesses: (out) pages accessed, by all calls so far; not those that failed
 * @intercepts: (out) of these, how many were not mapped before, or not for the access
 * @window_hits: (out) pages that were mapped in advance, by the intercept of another
 *		 or by HMM_REGION_SET_PREMAP, when they were accessed first
 * @map_calls: (out) batches of mappings that the hypervisor was given
 * @unmap_calls: (out) calls to drop a batch, or to find that there is none
 * @splits: (out) large mappings of which a part was dropped or replaced
 * @rollbacks: (out) how often it failed to map a window, and what it had taken of it was
 *	       dropped
 * @shortages: (out) of these, how often for want of memory, as for the first mapping in
 *	       each 2 MiB of the guest; it was given more then
 * @reserved: (out) 0
 *
 * There are no other errors.
 */
struct hmm_region_query {
	__u64 mapped_pages;
	__u64 large_pages;
	__u64 accesses;
	__u64 intercepts;
	__u64 window_hits;
	__u64 map_calls;
	__u64 unmap_calls;
	__u64 splits;
	__u64 rollbacks;
	__u64 shortages;
	__u64 reserved[6];
};

/**
 * struct hmm_region_dirty - HMM_REGION_DIRTY_LOG
 * @guest_pfn: (in) first guest page, a multiple of 64
 * @pages: (in) how many, a multiple of 64, not 0
 * @bitmap: (in) address of a bit a page, the first in bit 0 of the first __u64
 * @dirty: (out) bits that are set
 * @reserved: (in) 0
 *
 * Which pages the guest has written to since the last call; the log then begins anew.
 * Pages without region, and those of a region that was unset, are not written to.
 *
 * What could not be copied out is dirty still. After an error some of the log may have
 * been taken, from its beginning on, and stands in the bitmap: fill that with zeros
 * before.
 *
 *   EINTR	killed
 */
struct hmm_region_dirty {
	__u64 guest_pfn;
	__u64 pages;
	__u64 bitmap;
	__u64 dirty;
	__u64 reserved;
};

enum hmm_region_failure {
	/* The hypervisor has no memory, until it is given more. */
	HMM_REGION_FAIL_MEMORY = 1,
	/* It fails: EIO. */
	HMM_REGION_FAIL_MAP = 2,
};

/**
 * struct hmm_region_fail - HMM_REGION_FAIL, for tests: the hypervisor shall fail
 * @what: (in) enum hmm_region_failure
 * @after: (in) mappings that it takes before
 * @times: (in) how often it fails then; 0 takes an earlier call back
 * @reserved: (in) 0
 *
 * There are no other errors.
 */
struct hmm_region_fail {
	__u32 what;
	__u32 after;
	__u32 times;
	__u32 reserved;
};

#define HMM_REGION_CREATE_PARTITION	_IOW('H', 0xa0, struct hmm_region_partition)
#define HMM_REGION_SET			_IOW('H', 0xa1, struct hmm_region_set)
#define HMM_REGION_UNSET		_IOW('H', 0xa2, struct hmm_region_unset)
#define HMM_REGION_ACCESS		_IOWR('H', 0xa3, struct hmm_region_access)
#define HMM_REGION_QUERY		_IOR('H', 0xa4, struct hmm_region_query)
#define HMM_REGION_DIRTY_LOG		_IOWR('H', 0xa5, struct hmm_region_dirty)
#define HMM_REGION_FAIL			_IOW('H', 0xa6, struct hmm_region_fail)

#endif
