/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hmm_range_fault() for drivers that cannot hold the mmap lock throughout.
 *
 * A driver includes this file after, or instead of, <linux/hmm.h> and calls
 *
 *	hmm_range_fault_unlocked_timeout(range, timeout)    the usual choice
 *	hmm_range_fault_unlockable(range, &locked)	    the caller holds the lock
 *
 * Names, arguments and errnos are those of mainline: the first call is in Linux
 * 7.3, the second was posted before it. A driver moves to mainline's call by
 * deleting this include. That is also why the two names are macros: mainline
 * declares functions of these names, beside which no inline function of the same
 * name could stand. The functions behind them carry a prefix of our own, so this
 * module loads beside a kernel that exports its own call.
 */
#ifndef _LINUX_HMM_UNLOCKED_H
#define _LINUX_HMM_UNLOCKED_H

#include <linux/hmm.h>
#include <linux/types.h>

#include "../uapi/hmm_unlocked_counters.h"

/**
 * struct hmm_unlocked_counters - what one call did, or all calls together
 * @n: indexed by enum hmm_unlocked_counter
 */
struct hmm_unlocked_counters {
	u64 n[HMM_UNLOCKED_NR_COUNTERS];
};

int hmmu_range_fault_unlockable(struct hmm_range *range, int *locked,
				struct hmm_unlocked_counters *counters);
int hmmu_range_fault_unlocked(struct hmm_range *range, unsigned long timeout,
			      struct hmm_unlocked_counters *counters);

/**
 * hmm_range_fault_unlocked_timeout() - fault a range without holding the mmap lock
 * @range: what to collect; the call sets @range->notifier_seq
 * @timeout: jiffies that invalidations may cost, 0 for no limit
 *
 * The call takes the mmap lock itself, and drops it whenever a fault has to wait.
 *
 * @timeout bounds the time lost to invalidations and nothing else. Waits for faults
 * do not count, however long; nor do waits for the mmap lock during which nothing
 * was invalidated. The time starts again at 0 whenever the walk gets further than
 * ever before. A call that could not walk at all gets a few more passes.
 *
 * Requests in the entries (@range->pfn_flags_mask) are kept while the call runs, and
 * are written back if it fails. After success the entries are results: write the
 * requests again before the range is asked for again, or "readable" is read as
 * "fault" and "writable" as "fault for write".
 *
 * Context: Process context, mmap lock not held, mm pinned by mmget(). The caller
 * holds no lock that its invalidate callback takes or that user space needs to
 * answer a fault. Sleeps. Killable, if the task receives SIGKILL (a kernel thread
 * has to allow it); only mmu_interval_read_begin() is not, which waits for
 * invalidations that are already running. Where faults wait, kernel threads make
 * some of them, with the caller's credentials.
 *
 * Return:
 * * %0	      - all collected; take the driver's lock and test
 *		mmu_interval_read_retry(@range->notifier, @range->notifier_seq)
 *		before using the entries; call again if that is true
 * * %-EBUSY  - @timeout ran out, or faults keep succeeding without effect.
 *		Call again, or report the device fault as failed
 * * %-EFAULT - asked for a page that has no VMA, no read permission, an I/O or
 *		PFN mapping, or whose fault ended in SIGBUS, SIGSEGV or poison;
 *		or the mm is being torn down. Calling again does not help
 * * %-EPERM  - write asked of a VMA without VM_WRITE
 * * %-ENOMEM - no memory, for the fault or to keep the requests
 * * %-EINTR  - fatal signal: give up; a task of user space returns there
 * * %-EINVAL - @range malformed (unaligned, empty, not inside its notifier's
 *		interval), or a fault handler broke its rules
 */
#define hmm_range_fault_unlocked_timeout(range, timeout) \
	hmmu_range_fault_unlocked(range, timeout, NULL)

/**
 * hmm_range_fault_unlockable() - fault a range; the mmap lock may be dropped
 * @range: what to collect; @range->notifier_seq comes from
 *	   mmu_interval_read_begin(), called before the lock was taken
 * @locked: 1 on entry; on return 1 if the mmap lock is held, 0 if it is not.
 *	    NULL makes this hmm_range_fault()
 *
 * The lock may be released and taken again inside: a VMA that the caller looked up
 * before must not be used afterwards, even if @locked is still 1.
 *
 * Requests are kept and written back as by hmm_range_fault_unlocked_timeout(), and
 * also written back if the call returns with the lock dropped.
 *
 * The first write to a page of a shared file mapping ends in VM_FAULT_COMPLETED,
 * which returns to the caller: one page a call where all are missing.
 * hmm_range_fault_unlocked_timeout() goes on by itself: prefer it.
 *
 * Context: mmap lock of @range->notifier->mm held for read, mm pinned by mmget().
 * No lock held that the invalidate callback takes or that user space needs to
 * answer a fault. Sleeps; waits for faults are killable, if the task receives
 * SIGKILL. Where faults wait, kernel threads make some of them, with the caller's
 * credentials.
 *
 * Return: with the lock held
 * * %0	      - all collected; take the driver's lock and test
 *		mmu_interval_read_retry() before using the entries
 * * %-EBUSY  - the range was invalidated, or faults keep succeeding without
 *		effect; take a fresh sequence and call again
 * * %-EFAULT, %-EPERM, %-ENOMEM, %-EINTR, %-EINVAL - as for
 *		hmm_range_fault_unlocked_timeout()
 *
 * and with the lock dropped
 * * %0	      - a fault has completed and dropped the lock; nothing that was collected
 *		counts. Take a fresh sequence and the lock, call again
 * * %-EINTR  - fatal signal: give up; a task of user space returns there
 */
#define hmm_range_fault_unlockable(range, locked) \
	hmmu_range_fault_unlockable(range, locked, NULL)

#endif
