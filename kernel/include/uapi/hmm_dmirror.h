/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hmm_dmirror0 ... 3: a device in software that mirrors the memory of the
 * process that opened it. The calls below 0x40 are those of the kernel's own HMM
 * test device, number for number; those from 0x40 on are ours.
 *
 * Errors that every call may give:
 *
 *   EACCES	not the memory of this process: the file was opened by another, or
 *		before fork() or execve(). Open one of your own
 *   EINVAL	@addr unaligned, @npages 0, the range wraps, unknown @flags
 *   EFAULT	the struct, or memory that @ptr points to, can't be accessed
 *   ENOTTY	no such call
 *
 * Those of the single calls stand with them. Errors of populating are:
 *
 *   EFAULT	a page that has no mapping or can't be read, or a fault that failed
 *   EPERM	write asked of a mapping that is read-only
 *   EBUSY	a second was lost to invalidations of these very pages
 *   ENOMEM	no memory
 *   EINTR	killed
 *   ESRCH	the process has no memory any more
 *   ECANCELED	by HMM_DMIRROR_CANCEL, or because the process that opened the file
 *		closes it, or a duplicate of it: by close(), on exit, or by execve()
 *		where it is to be closed then
 */
#ifndef _UAPI_HMM_DMIRROR_H
#define _UAPI_HMM_DMIRROR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HMM_DMIRROR_NDEVICES	4

/**
 * struct hmm_dmirror_cmd - of every call
 * @addr: (in) address of the first page
 * @ptr: (in) address of a buffer; for some calls flags
 * @npages: (in) number of pages
 * @cpages: (out) number of pages that were copied
 * @faults: (out) how often the device had to have pages mapped
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

/* The device reads the pages; @ptr is where what it read goes. Populates. */
#define HMM_DMIRROR_READ		_IOWR('H', 0x00, struct hmm_dmirror_cmd)

/* The device writes the pages with what is at @ptr. Populates. */
#define HMM_DMIRROR_WRITE		_IOWR('H', 0x01, struct hmm_dmirror_cmd)

/*
 * Move what is there of the pages to the device's memory, and what of anonymous memory is
 * not there yet as zeros; faults nothing. Then the device reads them, to where @ptr is.
 *
 *   EINVAL	not all of it is mapped and can be read, or it is memory that is never
 *		moved: hugetlb, what a driver has mapped
 *   ENOENT	a page has not been moved: it is a file's, pinned, shared in a way that
 *		forbids it, behind userfaultfd, or there is no memory for it. Those before it
 *		may have been
 *   EOPNOTSUPP	the device has no memory
 *
 * and, but for EPERM, those of populating.
 */
#define HMM_DMIRROR_MIGRATE_TO_DEV	_IOWR('H', 0x02, struct hmm_dmirror_cmd)

/*
 * Move them back from there. @cpages: how many were. EINVAL and EOPNOTSUPP as the last;
 * ENOMEM, EINTR, ECANCELED.
 */
#define HMM_DMIRROR_MIGRATE_TO_SYS	_IOWR('H', 0x03, struct hmm_dmirror_cmd)

/*
 * What the CPU has mapped: a byte a page, HMM_DMIRROR_PROT_*, at @ptr. Faults
 * nothing. EFAULT, ENOMEM, EINTR, ECANCELED as in populating.
 */
#define HMM_DMIRROR_SNAPSHOT		_IOWR('H', 0x04, struct hmm_dmirror_cmd)

/*
 * Give the device alone access to the pages, which are faulted for writing. What it reads
 * goes to @ptr. The CPU's next access takes it away again.
 *
 *   EBUSY	not all pages could be had; ask again, unless they are a file's or part of
 *		a huge page, which never can
 *   EOPNOTSUPP	the kernel can't do that: it is without CONFIG_DEVICE_PRIVATE
 *
 * and those of populating.
 */
#define HMM_DMIRROR_EXCLUSIVE		_IOWR('H', 0x05, struct hmm_dmirror_cmd)

/* Does nothing but fail with EPERM if access to one of the pages is still exclusive. */
#define HMM_DMIRROR_CHECK_EXCLUSIVE	_IOWR('H', 0x06, struct hmm_dmirror_cmd)

/*
 * Bring all of the device's memory home, of whichever process. EBUSY: some of it is in use
 * by somebody who does not let go. ENOMEM, EINTR.
 */
#define HMM_DMIRROR_RELEASE		_IOWR('H', 0x07, struct hmm_dmirror_cmd)

/* Set flags of the device, for whoever uses it next: those in @npages, HMM_DMIRROR_FLAG_*. */
#define HMM_DMIRROR_FLAGS		_IOWR('H', 0x08, struct hmm_dmirror_cmd)

/* The next page of device memory can't be had. It is taken back with that. */
#define HMM_DMIRROR_FLAG_FAIL_ALLOC	(1ULL << 0)

/* As HMM_DMIRROR_READ, which does not hold the mmap lock here either. */
#define HMM_DMIRROR_READ_UNLOCKED	_IOWR('H', 0x09, struct hmm_dmirror_cmd)

/*
 * Have the pages mapped in the device, and copy nothing. @ptr is
 * HMM_DMIRROR_POPULATE_*. Populates.
 */
#define HMM_DMIRROR_POPULATE		_IOWR('H', 0x40, struct hmm_dmirror_cmd)

/*
 * The same, not waited for. What it comes to is told by HMM_DMIRROR_WAIT. ENOMEM,
 * EINTR.
 */
#define HMM_DMIRROR_PREFETCH		_IOWR('H', 0x41, struct hmm_dmirror_cmd)

/*
 * Wait until all prefetches have ended. @cpages: how many have since the last call;
 * @faults: of these, how many failed. Of the (in) fields @npages has to be 1. EINTR.
 * With the next, each call may be made while others wait.
 */
#define HMM_DMIRROR_WAIT		_IOWR('H', 0x42, struct hmm_dmirror_cmd)

/* End all that populates, prefetches or takes snapshots. @npages has to be 1. */
#define HMM_DMIRROR_CANCEL		_IOWR('H', 0x43, struct hmm_dmirror_cmd)

/*
 * Compare the device's page table with the CPU's. @cpages: pages that the device has
 * mapped; @faults: those of them that the CPU has not, or another page, or read-only
 * where the device may write. That should be 0 always, but that munmap() takes away
 * the mapping first and the pages after: with HMM_DMIRROR_COMPARE_MAPPED in @ptr only
 * memory that has a mapping counts. Errors as SNAPSHOT.
 */
#define HMM_DMIRROR_COMPARE		_IOWR('H', 0x44, struct hmm_dmirror_cmd)

#define HMM_DMIRROR_COMPARE_MAPPED	(1ULL << 0)

/*
 * Have the pages mapped in the device, and in its memory where that can be: absent ones are
 * faulted, whoever has to answer. At @ptr is a byte a page: what is asked, HMM_DMIRROR_PROT_READ,
 * _WRITE, or 0 for nothing. It becomes HMM_DMIRROR_AT_*. @cpages: how many are in its memory.
 * Populates. EOPNOTSUPP: the device has no memory.
 */
#define HMM_DMIRROR_POPULATE_DEV	_IOWR('H', 0x45, struct hmm_dmirror_cmd)

/*
 * Move pages and do nothing else: to the device's memory if @ptr is HMM_DMIRROR_MOVE_TO_DEV,
 * back if it is 0. @cpages: how many were. Errors as MIGRATE_TO_SYS.
 */
#define HMM_DMIRROR_MOVE		_IOWR('H', 0x46, struct hmm_dmirror_cmd)

#define HMM_DMIRROR_MOVE_TO_DEV		(1ULL << 0)

#define HMM_DMIRROR_AT_NONE	0	/* not asked for */
#define HMM_DMIRROR_AT_SYSTEM	1
#define HMM_DMIRROR_AT_DEVICE	2	/* in memory of this device */
#define HMM_DMIRROR_AT_OTHER	3	/* in that of another */

/* Write access; else read access. */
#define HMM_DMIRROR_POPULATE_WRITE	(1ULL << 0)
/* Map what can be had, as it can be had; leave out what can't. */
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
