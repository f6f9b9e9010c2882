/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hmm_region: memory of a process as a guest's memory, demand-mapped.
 *
 * HMM_REGION_CREATE_PARTITION on the device returns the file of a partition: a guest
 * without memory. All other calls are made on that file. Regions give the guest memory
 * of the process that created the partition. A page is mapped for the guest when the
 * guest accesses it, or at once with HMM_REGION_SET_PREMAP.
 *
 * Errors that every call may give:
 *
 *   ENOTTY	this file has no such call
 *   EFAULT	the struct, or memory that it points to, cannot be accessed
 *   EINVAL	a field has an invalid value, or a reserved field is not 0
 *   EACCES	the caller is not the process that created the partition (it is a forked
 *		child, was passed the file, or has called execve() since)
 *
 * Further errors are documented with each call. (in) is read, (out) is written.
 */
#ifndef _UAPI_HMM_REGION_H
#define _UAPI_HMM_REGION_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Pages of a guest and of this interface have 4 KiB; a large page has 512 of them. */
#define HMM_REGION_PAGE_SHIFT	12
#define HMM_REGION_LARGE_PAGES	512

/* Guest page numbers must be below this. */
#define HMM_REGION_GUEST_PAGES	(1ULL << 40)

/* Most regions of a partition: each is notified of every invalidation in the process. */
#define HMM_REGION_MAX		512

/**
 * struct hmm_region_partition - HMM_REGION_CREATE_PARTITION
 * @window: (in) pages that are populated at a time around a page that is accessed and
 *	    not mapped: a power of two, at most 512; 0: 512
 * @batch: (in) most mappings that the hypervisor maps or unmaps at a time, 1 to 512;
 *	   0: 512
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

/* What the guest may do in a region, and the kind of an access. */
#define HMM_REGION_READ		(1U << 0)
#define HMM_REGION_WRITE	(1U << 1)
#define HMM_REGION_EXECUTE	(1U << 2)

/* Map present pages at once, except pages that a write would have to copy. */
#define HMM_REGION_SET_PREMAP	(1U << 8)

/**
 * struct hmm_region_set - HMM_REGION_SET
 * @guest_pfn: (in) first guest page
 * @pages: (in) number of guest pages; not 0
 * @address: (in) address of the memory behind the first page, a multiple of 4096
 * @flags: (in) HMM_REGION_READ, optionally with HMM_REGION_WRITE and
 *	   HMM_REGION_EXECUTE, and HMM_REGION_SET_*
 * @reserved: (in) 0
 *
 * The address range need not be mapped yet; an access to memory that does not exist
 * fails.
 *
 *   EEXIST	another region has some of these guest pages, or is still being unset
 *   ENOSPC	there are HMM_REGION_MAX regions
 *   EINVAL	also: pages beyond HMM_REGION_GUEST_PAGES, or an address range beyond
 *		what a process may have
 *   EOPNOTSUPP	some of the memory is mapped by a driver (VM_IO, VM_PFNMAP) and cannot be
 *		demand-mapped; this interface has no other way to map it
 *   ENOMEM	no memory
 *   EINTR	a signal is pending
 *
 * With HMM_REGION_SET_PREMAP also EIO, an error of the hypervisor; EFAULT if the OOM
 * killer has taken the process's memory. The guest may access premapped pages before
 * the call returns. After an error the region is not set and nothing of it is mapped.
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
 * @guest_pfn: (in) first guest page, as in HMM_REGION_SET
 * @pages: (in) number of guest pages, as in HMM_REGION_SET
 *
 * Accesses that wait for pages of the region end with ENXIO: at once if they wait for a
 * userfaultfd; otherwise when their wait ends (a page that is read from disk). The call
 * waits for them. When it returns, the guest has no access to the memory any more, and
 * all that the guest wrote is in the memory.
 *
 *   ENOENT	no region has exactly these pages, or it is being set or unset
 */
struct hmm_region_unset {
	__u64 guest_pfn;
	__u64 pages;
};

/* Most bytes of one access. */
#define HMM_REGION_ACCESS_MAX	(2U << 20)

/**
 * struct hmm_region_access - HMM_REGION_ACCESS: an access of a virtual CPU
 * @guest_pfn: (in) first guest page
 * @offset: (in) offset in that page, in bytes
 * @length: (in) bytes, 1 to HMM_REGION_ACCESS_MAX; may extend into the following pages
 * @access: (in) one of HMM_REGION_READ, _WRITE, _EXECUTE (which reads)
 * @data: (in) address of the data to write, or of a buffer for the data read
 * @done: (out) bytes that were accessed, also if the call fails
 * @intercepts: (out) accessed pages that were not mapped, or not for this access, and
 *		had to be populated; also if the call fails
 * @reserved: (in) 0
 *
 * Waits as long as a fault takes, and can be killed meanwhile.
 *
 * Pages around the accessed page make an access fail only with EIO or ENOMEM of the
 * hypervisor, which apply to the whole window.
 *
 *   ENXIO	no region has the page, or it was unset meanwhile
 *   EPERM	the region does not allow this access; or it is a write, and the memory
 *		is mapped read-only
 *   EFAULT	also: no memory is mapped behind the page, it cannot be read or
 *		demand-mapped, or its fault failed
 *   EBUSY	invalidations of this very page took more than a second, or the page
 *		stays missing though its fault succeeds
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
 * @mapped_pages: (out) guest pages mapped now, pages of large mappings included
 * @large_pages: (out) large mappings now
 * @accesses: (out) pages accessed by all calls so far, without failed accesses
 * @intercepts: (out) accesses among them whose page was not mapped, or not for the access
 * @window_hits: (out) first accesses to pages that were already mapped, by the intercept
 *		 of another page or by HMM_REGION_SET_PREMAP
 * @map_calls: (out) calls to map a batch
 * @unmap_calls: (out) calls to unmap a batch, also those that found nothing mapped
 * @splits: (out) large mappings that were split to unmap or replace a part
 * @rollbacks: (out) how often the hypervisor failed to map a window, and what it had
 *	       mapped of the window was unmapped again
 * @shortages: (out) rollbacks among them for lack of memory, as happens with the first
 *	       mapping in each 2 MiB of the guest; the hypervisor was given memory then
 * @reserved: (out) 0
 *
 * Gives no other errors.
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
 * @pages: (in) number of guest pages, a multiple of 64, not 0
 * @bitmap: (in) address of a bitmap, one bit per page, the first in bit 0 of the first
 *	    __u64
 * @dirty: (out) number of bits set
 * @reserved: (in) 0
 *
 * Reports which pages the guest has written to since the last call, and clears the log.
 * Pages without a region, and pages of an unset region, are reported clean.
 *
 * Bits that could not be copied to the bitmap stay in the log. After an error the
 * beginning of the log may have been moved to the bitmap. So fill the bitmap with zeros
 * before the call, to see which bits were moved.
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
	/* Mapping fails for lack of memory: the hypervisor is given more, and maps again. */
	HMM_REGION_FAIL_MEMORY = 1,
	/* Mapping fails with EIO. */
	HMM_REGION_FAIL_MAP = 2,
};

/**
 * struct hmm_region_fail - HMM_REGION_FAIL, for tests: make the hypervisor fail
 * @what: (in) enum hmm_region_failure
 * @after: (in) number of mappings that succeed before
 * @times: (in) how often it fails then; 0 cancels an earlier call
 * @reserved: (in) 0
 *
 * Gives no other errors.
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
