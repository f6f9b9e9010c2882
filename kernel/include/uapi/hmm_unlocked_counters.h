/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What the fault engine counts, in one table. The kernel's struct, the debugfs file, the
 * probe's ioctl and the user-space tools are generated from it.
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
	X(THREADS,	threads,	  SUM, "fault threads that joined a round") \
	X(THREAD_FAULTS, thread_faults,	  SUM, "faults made by fault threads") \
	X(MOST_IN_FLIGHT, most_in_flight,	  MAX, "fault threads at work for one call at once") \
	X(LOCK_DROPS,	lock_drops,	  SUM, "faults that dropped the mmap lock") \
	X(RESUMES,	resumes,	  SUM, "walks that went on after a drop, nothing lost") \
	X(YIELDS,	yields,		  SUM, "times the lock was released for a waiting writer") \
	X(YIELD_STREAK,	yield_streak,	  MAX, "chunks in a row that ended with a writer waiting") \
	X(MOVED_WAITING, moved_waiting,	  SUM, "sequence moved while waiting for the mmap lock") \
	X(MOVED_HELD,	moved_held,	  SUM, "sequence moved with the mmap lock held") \
	X(MOVED_DROPPED, moved_dropped,	  SUM, "sequence moved while a fault had dropped the lock") \
	X(MOVED_YIELDED, moved_yielded,	  SUM, "sequence moved during a yield or a back-off") \
	X(BACK_OFFS,	back_offs,	  SUM, "faults that succeeded without effect") \
	X(STUCK,	stuck,		  SUM, "calls that ended because of such faults") \
	X(RESTARTS,	restarts,	  SUM, "passes begun because the sequence moved") \
	X(LONGEST_WAIT_NS, longest_wait_ns, MAX, "longest run of faults that dropped the lock, ns") \
	X(SCRATCH_BYTES, scratch_bytes,	  MAX, "memory allocated by one call, bytes")

#define HMM_UNLOCKED_COUNTER_ID(id, name, how, help) HMM_UNLOCKED_##id,

enum hmm_unlocked_counter {
	HMM_UNLOCKED_COUNTERS(HMM_UNLOCKED_COUNTER_ID)
	HMM_UNLOCKED_NR_COUNTERS
};

#undef HMM_UNLOCKED_COUNTER_ID

#endif
