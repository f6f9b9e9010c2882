/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What the fault engine counts, in one table: the kernel's struct, the debugfs
 * file, the probe's ioctl and the user-space tools are all made from it.
 *
 * X(identifier, name, how the total of several calls is formed, meaning)
 */
#ifndef _UAPI_HMM_UNLOCKED_COUNTERS_H
#define _UAPI_HMM_UNLOCKED_COUNTERS_H

#define HMM_UNLOCKED_COUNTERS(X)					\
	X(CALLS,	calls,		  SUM, "calls begun")		\
	X(FAILURES,	failures,	  SUM, "calls that ended in an error") \
	X(ENTRIES_READ,	entries_read,	  SUM, "CPU page-table entries read") \
	X(FAULTS,	faults,		  SUM, "calls of handle_mm_fault()") \
	X(THREADS,	threads,	  SUM, "times a fault thread was set to work") \
	X(THREAD_FAULTS, thread_faults,	  SUM, "faults that were made by these") \
	X(MOST_IN_FLIGHT, most_in_flight,	  MAX, "fault threads at work for a call at a time") \
	X(LOCK_DROPS,	lock_drops,	  SUM, "faults that dropped the mmap lock") \
	X(RESUMES,	resumes,	  SUM, "walks that went on where they stood after a drop") \
	X(YIELDS,	yields,		  SUM, "times a waiting mmap writer was let pass") \
	X(YIELD_STREAK,	yield_streak,	  MAX, "chunks in a row that ended with a writer waiting") \
	X(MOVED_WAITING, moved_waiting,	  SUM, "sequence moved while waiting for the mmap lock") \
	X(MOVED_HELD,	moved_held,	  SUM, "sequence moved with the mmap lock held") \
	X(MOVED_DROPPED, moved_dropped,	  SUM, "sequence moved while a fault had dropped the lock") \
	X(MOVED_YIELDED, moved_yielded,	  SUM, "sequence moved while a writer was let pass, or in a back-off") \
	X(BACK_OFFS,	back_offs,	  SUM, "times a fault succeeded without effect") \
	X(STUCK,	stuck,		  SUM, "calls ended by that") \
	X(RESTARTS,	restarts,	  SUM, "passes begun again inside a call") \
	X(LONGEST_WAIT_NS, longest_wait_ns, MAX, "longest run of faults that dropped the lock, ns") \
	X(SCRATCH_BYTES, scratch_bytes,	  MAX, "memory allocated by one call, bytes")

#define HMM_UNLOCKED_COUNTER_ID(id, name, how, help) HMM_UNLOCKED_##id,

enum hmm_unlocked_counter {
	HMM_UNLOCKED_COUNTERS(HMM_UNLOCKED_COUNTER_ID)
	HMM_UNLOCKED_NR_COUNTERS
};

#undef HMM_UNLOCKED_COUNTER_ID

#endif
