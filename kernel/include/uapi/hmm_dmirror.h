/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hmm_dmirror0 ... 3: a device in software that mirrors the memory of the
 * process that opened it. The calls below 0x40 are those of the kernel's own HMM
 * test device, number for number; those from 0x40 on are additions.
 *
 * Errors that every call may give:
 *
 *   EACCES	not the memory of this process: another process opened the file, or
 *		this one did before fork() or execve(). Open the device again
 *   EINVAL	@addr unaligned, @npages 0, the range wraps, unknown @flags
 *   EFAULT	the struct, or memory that @ptr points to, cannot be accessed
 *   ENOTTY	no such call
 *
 * Further errors are documented with each call. Calls that populate may also give:
 *
 *   EFAULT	a page has no mapping or cannot be read, or its fault failed
 *   EPERM	write access was asked for, and the mapping is read-only
 *   EBUSY	invalidations of these very pages took more than a second
 *   ENOMEM	no memory
 *   EINTR	killed
 *   ESRCH	the process has no memory any more
 *   ECANCELED	by HMM_DMIRROR_CANCEL, or because the process that opened the file
 *		closed it or a duplicate of it: by close(), on exit, or by execve()
 *		if the file is close-on-exec
 */
#ifndef _UAPI_HMM_DMIRROR_H
#define _UAPI_HMM_DMIRROR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HMM_DMIRROR_NDEVICES	4

/**
 * struct hmm_dmirror_cmd - the argument of every call
 * @addr: (in) address of the first page
 * @ptr: (in) address of a buffer; for some calls flags
 * @npages: (in) number of pages
 * @cpages: (out) number of pages that were copied
 * @faults: (out) how often the device has populated pages
 *
 * The (out) fields are written if the call succeeds.
 */
struct hmm_dmirror_cmd {
	__u64 addr;
	__u64 ptr;
	__u64 npages;
	__u64 cpages;
	__u64 faults;
};

/* The device reads the pages into the buffer at @ptr. Populates. */
#define HMM_DMIRROR_READ		_IOWR('H', 0x00, struct hmm_dmirror_cmd)

/* The device writes the pages from the buffer at @ptr. Populates. */
#define HMM_DMIRROR_WRITE		_IOWR('H', 0x01, struct hmm_dmirror_cmd)

/*
 * Migrate present pages to device memory, and missing anonymous pages as zeros; faults
 * nothing. Then the device reads the pages into the buffer at @ptr.
 *
 *   EINVAL	part of the range has no mapping or cannot be read, or is memory that
 *		cannot be migrated: hugetlb, mappings of a driver
 *   ENOENT	a page was not migrated: it belongs to a file, is pinned, is shared in a
 *		way that forbids it, is missing behind userfaultfd, or device memory is
 *		full. Pages before it may have been migrated
 *   EOPNOTSUPP	the device has no memory
 *
 * and those of populating, except EPERM.
 */
#define HMM_DMIRROR_MIGRATE_TO_DEV	_IOWR('H', 0x02, struct hmm_dmirror_cmd)

/*
 * Migrate pages of device memory back to system memory. @cpages: how many were
 * migrated. EINVAL and EOPNOTSUPP as HMM_DMIRROR_MIGRATE_TO_DEV; ENOMEM, EINTR,
 * ECANCELED.
 */
#define HMM_DMIRROR_MIGRATE_TO_SYS	_IOWR('H', 0x03, struct hmm_dmirror_cmd)

/*
 * Report what the CPU has mapped: one byte per page, HMM_DMIRROR_PROT_*, to @ptr.
 * Faults nothing. EFAULT, ENOMEM, EINTR, ECANCELED as in populating.
 */
#define HMM_DMIRROR_SNAPSHOT		_IOWR('H', 0x04, struct hmm_dmirror_cmd)

/*
 * Give the device exclusive access to the pages, which are faulted for writing. Then
 * the device reads them into the buffer at @ptr. The CPU's next access ends the
 * exclusive access.
 *
 *   EBUSY	not all pages became exclusive; ask again, unless they belong to a file or,
 *		before Linux 6.15, are part of a huge page, which never succeeds
 *   EOPNOTSUPP	the kernel has no CONFIG_DEVICE_PRIVATE
 *
 * and those of populating.
 */
#define HMM_DMIRROR_EXCLUSIVE		_IOWR('H', 0x05, struct hmm_dmirror_cmd)

/* Fails with EPERM if access to one of the pages is still exclusive; else does nothing. */
#define HMM_DMIRROR_CHECK_EXCLUSIVE	_IOWR('H', 0x06, struct hmm_dmirror_cmd)

/*
 * Evict all of the device's memory, of all processes, to system memory. EBUSY: a page
 * stays in use, and its user does not release it. ENOMEM, EINTR.
 */
#define HMM_DMIRROR_RELEASE		_IOWR('H', 0x07, struct hmm_dmirror_cmd)

/*
 * Set flags of the device, for all its files: those in @npages, HMM_DMIRROR_FLAG_*. Closing
 * any file of the device clears them.
 */
#define HMM_DMIRROR_FLAGS		_IOWR('H', 0x08, struct hmm_dmirror_cmd)

/*
 * The next allocation of device memory for a huge page fails, and clears the flag. The small
 * pages of the huge page are migrated instead.
 */
#define HMM_DMIRROR_FLAG_FAIL_ALLOC	(1ULL << 0)
/*
 * The next allocation of a small page fails, and clears the flag. Until then huge pages
 * fail too.
 */
#define HMM_DMIRROR_FLAG_FAIL_PAGE	(1ULL << 1)

/* The same as HMM_DMIRROR_READ: neither holds the mmap lock while a fault waits. */
#define HMM_DMIRROR_READ_UNLOCKED	_IOWR('H', 0x09, struct hmm_dmirror_cmd)

/*
 * Map the pages in the device, and copy nothing. @ptr: flags, HMM_DMIRROR_POPULATE_*.
 * Populates.
 */
#define HMM_DMIRROR_POPULATE		_IOWR('H', 0x40, struct hmm_dmirror_cmd)

/*
 * Start what HMM_DMIRROR_POPULATE does in a thread, and return. HMM_DMIRROR_WAIT
 * reports the result. ENOMEM, EINTR.
 */
#define HMM_DMIRROR_PREFETCH		_IOWR('H', 0x41, struct hmm_dmirror_cmd)

/*
 * Wait until all prefetches have ended. @cpages: how many have ended since the last
 * HMM_DMIRROR_WAIT; @faults: how many of those have failed. @npages must be 1. EINTR.
 * HMM_DMIRROR_WAIT and HMM_DMIRROR_CANCEL may be called while other calls wait.
 */
#define HMM_DMIRROR_WAIT		_IOWR('H', 0x42, struct hmm_dmirror_cmd)

/*
 * Cancel all calls of the file that populate, prefetch, migrate, make pages exclusive or
 * take snapshots. @npages must be 1.
 */
#define HMM_DMIRROR_CANCEL		_IOWR('H', 0x43, struct hmm_dmirror_cmd)

/*
 * Compare the device's page table with the CPU's. @cpages: pages that the device has
 * mapped; @faults: pages among them that the CPU does not map, where it maps another
 * page, or maps read-only what the device may write. @faults should always be 0, with
 * one exception: munmap() removes the mapping before the pages. With
 * HMM_DMIRROR_COMPARE_MAPPED in @ptr only memory that has a mapping counts. Errors as
 * HMM_DMIRROR_SNAPSHOT.
 */
#define HMM_DMIRROR_COMPARE		_IOWR('H', 0x44, struct hmm_dmirror_cmd)

#define HMM_DMIRROR_COMPARE_MAPPED	(1ULL << 0)

/*
 * Map the pages in the device, after migrating them to its memory where possible.
 * Missing pages are faulted, also where a page server answers. At @ptr is one byte per
 * page: (in) HMM_DMIRROR_PROT_READ, HMM_DMIRROR_PROT_WRITE, or 0 to leave the page out;
 * (out) HMM_DMIRROR_AT_*. @cpages: how many are in device memory. Populates.
 * EOPNOTSUPP: the device has no memory.
 */
#define HMM_DMIRROR_POPULATE_DEV	_IOWR('H', 0x45, struct hmm_dmirror_cmd)

/*
 * Migrate pages and do nothing else: to device memory if @ptr is
 * HMM_DMIRROR_MOVE_TO_DEV, back if it is 0. @cpages: how many were migrated. Errors as
 * HMM_DMIRROR_MIGRATE_TO_SYS.
 */
#define HMM_DMIRROR_MOVE		_IOWR('H', 0x46, struct hmm_dmirror_cmd)

#define HMM_DMIRROR_MOVE_TO_DEV		(1ULL << 0)

#define HMM_DMIRROR_AT_NONE	0	/* not asked for */
#define HMM_DMIRROR_AT_SYSTEM	1	/* in system memory */
#define HMM_DMIRROR_AT_DEVICE	2	/* in memory of this device */
#define HMM_DMIRROR_AT_OTHER	3	/* in memory of another device */

/* Write access; else read access. */
#define HMM_DMIRROR_POPULATE_WRITE	(1ULL << 0)
/* Map what is available, with the access that is allowed; leave out the rest. */
#define HMM_DMIRROR_POPULATE_BEST	(1ULL << 1)

enum {
	HMM_DMIRROR_PROT_NONE			= 0x00,
	HMM_DMIRROR_PROT_READ			= 0x01,
	HMM_DMIRROR_PROT_WRITE			= 0x02,
	HMM_DMIRROR_PROT_PMD			= 0x04,
	HMM_DMIRROR_PROT_PUD			= 0x08,
	HMM_DMIRROR_PROT_ZERO			= 0x10,
	HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL	= 0x20,
	HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE	= 0x30,
	HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL	= 0x40,
	HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE	= 0x50,
	HMM_DMIRROR_PROT_ERROR			= 0xff,
};

#endif
