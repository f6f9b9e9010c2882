/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hmm_unlocked_probe: make one call of the fault engine, or one of those it is
 * compared with, and report its results. For tests and benchmarks.
 *
 * The memory is that of the process that opened the device. The ioctl fails only if
 * the probe could not make the call; the call's own result is in @error.
 *
 * The file can be mapped: faults of that memory succeed and bring nothing. Once anything was
 * written to the file they fail.
 *
 *   EINVAL	unknown @call or @flags, flags that exclude each other, @reserved
 *		not 0, @timeout_ms above 32 bits, range too long, buffers or
 *		HMMU_PROBE_EXACT given for a range that has no pages
 *   EOVERFLOW	HMMU_PROBE_EXACT given for a range that no notifier can have
 *   EFAULT	a buffer cannot be read or written
 *   ENOMEM	no memory for the probe's own buffers
 *   ESRCH	the process that opened the device has no memory any more: it has exited, or
 *		executed another program
 *   EOPNOTSUPP	HMMU_PROBE_MAINLINE on a kernel that has no such call
 *   EPERM	opened without CAP_SYS_ADMIN (from open)
 */
#ifndef _UAPI_HMM_UNLOCKED_PROBE_H
#define _UAPI_HMM_UNLOCKED_PROBE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HMMU_PROBE_DEVICE	"hmm_unlocked_probe"
#define HMMU_PROBE_MAX_PAGES	(1ULL << 20)
#define HMMU_PROBE_MAX_CONTENTS	(1ULL << 16)	/* pages */
#define HMMU_PROBE_NR_COUNTERS	24

enum hmmu_probe_call {
	HMMU_PROBE_STOCK,	/* hmm_range_fault() */
	HMMU_PROBE_SNAPSHOT,	/* hmm_range_fault() without requests */
	HMMU_PROBE_UNLOCKABLE,	/* hmm_range_fault_unlockable() */
	HMMU_PROBE_UNLOCKED,	/* hmm_range_fault_unlocked_timeout() */
	HMMU_PROBE_RESTART,	/* begin again on each dropped lock, for comparison */
	HMMU_PROBE_MAINLINE,	/* the kernel's own hmm_range_fault_unlocked_timeout() */
};

/* Call again on -EBUSY, a dropped lock or a stale result, as a driver does. */
#define HMMU_PROBE_LOOP		(1U << 0)
/* A notifier for exactly the range, instead of one for the whole memory. */
#define HMMU_PROBE_EXACT	(1U << 1)
/* Call without mmget(), which the engine requires. Excludes HMMU_PROBE_EXACT. */
#define HMMU_PROBE_NO_MMGET	(1U << 2)
#define HMMU_PROBE_FLAGS	(HMMU_PROBE_LOOP | HMMU_PROBE_EXACT | \
				 HMMU_PROBE_NO_MMGET)

/* Requests, in @default_flags, @pfn_flags_mask and the bytes at @requests. */
#define HMMU_PROBE_REQ_FAULT	1
#define HMMU_PROBE_REQ_WRITE	2

/*
 * Also in the bytes at @requests and @after: flags of entries that the kernel carries from
 * input to output, whatever the call. Where it has none they are ignored and read as 0.
 */
#define HMMU_PROBE_STICKY	0x1c

/* Entries, at @entries. */
#define HMMU_PROBE_VALID	(1ULL << 63)
#define HMMU_PROBE_WRITE	(1ULL << 62)
#define HMMU_PROBE_ERROR	(1ULL << 61)
#define HMMU_PROBE_ZERO		(1ULL << 60)	/* the 4 KiB zero page */
#define HMMU_PROBE_ORDER(entry)	(((entry) >> 52) & 0x1f)
#define HMMU_PROBE_PFN(entry)	((entry) & ((1ULL << 52) - 1))

/**
 * struct hmmu_probe_run - one run
 * @start: (in) first address
 * @end: (in) first address behind
 * @call: (in) enum hmmu_probe_call
 * @flags: (in) HMMU_PROBE_*
 * @default_flags: (in) HMMU_PROBE_REQ_* for each page
 * @pfn_flags_mask: (in) HMMU_PROBE_REQ_* that @requests may add
 * @timeout_ms: (in) limit of HMMU_PROBE_UNLOCKED and _MAINLINE in milliseconds, 0: no limit
 * @requests: (in) address of one byte per page, or 0
 * @entries: (out) address of one __u64 per page, or 0; all 0 if the call failed or
 *	     returned without the lock
 * @after: (out) address of one byte per page, or 0: the request bits in the entries
 *	   after the last call
 * @contents: (out) address for the contents of the pages, or 0; zeros for pages
 *	      that are not valid; not written if the call failed, returned without
 *	      the lock, or @stale is not 0
 * @ns: (out) nanoseconds spent in the call, sum of all loops
 * @error: (out) what the last call returned, 0 or -errno
 * @locked: (out) HMMU_PROBE_UNLOCKABLE: the lock was held when the call returned
 * @stale: (out) the range was invalidated before the result could be used
 * @loops: (out) how often the call was made
 * @counters: (out) indexed by enum hmm_unlocked_counter, sum of all loops; calls of the
 *	      kernel count nothing
 * @reserved: (in) 0
 */
struct hmmu_probe_run {
	__u64 start;
	__u64 end;
	__u32 call;
	__u32 flags;
	__u64 default_flags;
	__u64 pfn_flags_mask;
	__u64 timeout_ms;
	__u64 requests;
	__u64 entries;
	__u64 after;
	__u64 contents;
	__u64 ns;
	__s32 error;
	__u32 locked;
	__u32 stale;
	__u32 loops;
	__u64 counters[HMMU_PROBE_NR_COUNTERS];
	__u64 reserved[4];
};

#define HMMU_PROBE_RUN	_IOWR('H', 0x80, struct hmmu_probe_run)

#endif
