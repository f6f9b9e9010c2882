/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fault engine: one call, and the steps it is made of.
 *
 * Principle: entries read from the CPU page tables stay true for as long as the
 * notifier sequence has not moved, whether or not the mmap lock was held all
 * the while. So a fault may drop the lock and the walk goes on where it stood.
 * Only a moved sequence voids what was collected.
 *
 *   snapshot.c	read entries with the kernel's own hmm_range_fault(), asking for
 *		nothing: it never faults and knows every kind of entry
 *   plan.c	which entries fall short of their request
 *   fault.c	handle_mm_fault() for those, free to drop the lock
 *   lock.c	take the lock again, look whether the principle still holds
 *   crew.c	several faults at a time, once one has had to wait; pace.c how many
 *   walk.c	these four over a chunk, chunks over the range, in a circle
 *   range.c	the calls: locking, restarts, limits
 *
 * Vocabulary: an entry is one element of range->hmm_pfns. A request is what is
 * asked of a page: nothing, to be readable, to be writable. A page is short if
 * its entry does not satisfy its request. [start, end) are addresses, end open.
 * A pass is one attempt to collect all entries under one sequence.
 *
 * Lock order: mmap lock (read) -> whatever a fault takes. The engine's own lock,
 * crew.c's, is taken with no other of ours held. The caller holds none that its
 * invalidate callback takes, nor any that a page server needs to answer.
 *
 * Hazards:
 * - After a drop no VMA looked up earlier may be used: it may be freed. And a page
 *   that was short may have been brought: see hmmu_call.known.
 * - Output flags share their bits with request flags: a request is read from
 *   hmmu_call_request(), never from an entry.
 * - Breaking COW invalidates: the engine's own faults can move the sequence.
 * - The OOM reaper marks an mm under the lock held for read. The mark is looked
 *   at whenever the lock was taken; a page zapped after that moves the sequence.
 */
#ifndef _FAULT_CALL_H
#define _FAULT_CALL_H

#include <linux/align.h>
#include <linux/hmm_unlocked.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "../compat/kernel.h"
#include "limit.h"
#include "pace.h"

/* Entries are collected in pieces that share the last level of page table. */
#define HMMU_CHUNK_SIZE		PMD_SIZE

/*
 * Hugetlb memory has no such tables, and is read so fast that the price of each
 * read shows. This much takes no longer than a table of 4 KiB pages.
 */
#define HMMU_CHUNK_SIZE_HUGE	(8 * PMD_SIZE)

/* Where answers to faults move the sequence, smaller at first; see walk.c. */
#define HMMU_CHUNK_SIZE_MIN	(8 * PAGE_SIZE)

/* How often a fault may succeed on one page without making it satisfied. */
#define HMMU_ATTEMPTS_MAX	16

/* A call that has not come to walk yet may begin this many passes, limit or not. */
#define HMMU_PASSES_MIN		8

/*
 * Internal results; neither leaves the module. A fault ended with the lock
 * dropped and the caller wants it so; a page stays short though faults succeed.
 */
#define HMMU_COMPLETED		(-EAGAIN)
#define HMMU_STUCK		(-ELOOP)

/**
 * struct hmmu_hooks - what whoever makes a call does itself
 * @begin: wait until no invalidation of the range is running, and return the
 *	   sequence to collect under. Sleeps
 * @hand_over: all is collected: use it under the lock that keeps invalidation out, or
 *	    return %-EBUSY if it is not true any more. May be NULL, then what was
 *	    collected is used after the call. The mmap lock is held
 * @cancelled: has the call to end, as if its task was being killed? May be NULL
 * @needed: does a page that can't be had end the call? If not, it gets what can be
 *	    had. May be NULL, then each page that is asked for is needed
 * @faulting: a fault begins, or has ended; several may be under way. May be NULL
 * @pace: where what is learned of how many faults to have in flight is kept from one
 *	  call to the next. May be NULL
 *
 * All are told of the range that hmmu_range_fault() was given; @cancelled, @needed and
 * @faulting also of one page of it, by fault threads: several at a time, while the task
 * that made the call waits. @cancelled must not sleep.
 */
struct hmmu_hooks {
	unsigned long (*begin)(struct mmu_interval_notifier *notifier);
	int (*hand_over)(struct hmm_range *range);
	bool (*cancelled)(const struct hmm_range *range);
	bool (*needed)(const struct hmm_range *range, unsigned long addr);
	void (*faulting)(const struct hmm_range *range, bool begins);
	struct hmmu_pace *(*pace)(const struct hmm_range *range);
};

/**
 * struct hmmu_call_requests - what is asked of each page
 * @every: the need of each page, if @saved is NULL
 * @saved: else two bits a page as the caller wrote them, see requests.c
 */
struct hmmu_call_requests {
	unsigned long every;
	unsigned long *saved;
};

/**
 * struct hmmu_call - one call of the engine
 * @range: the caller's range; entries are collected in place
 * @mm: address space of @range
 * @hooks: whose call it is
 * @from: where the next pass begins; all before it is read last
 * @known: entries short of their request are so up to here, as read since the
 *	   lock was taken; 0 if nothing was read since
 * @chunk_size: how much to read at once
 * @batch: how many pages to fault before reading again
 * @fill: how many pages the last fault has brought that waited
 * @yield_streak: at how many chunks' ends in a row somebody waited for the lock
 * @furthest: end of what was ever satisfied, whichever pass it was in
 * @tried: the last page faulted if that answered VM_FAULT_RETRY, or ULONG_MAX
 * @cause: how the sequence was last found moved, a HMM_UNLOCKED_MOVED_*
 * @pace: how many faults to have in flight, or NULL: never more than one
 * @own_pace: what @pace is unless @hooks know better
 * @waited: a fault of this table had to wait (VM_FAULT_RETRY), and nothing has come of
 *	    that yet
 * @locked: the mmap lock is held for read
 * @walked: some pass has got as far as reading entries
 * @stop_completed: give up on VM_FAULT_COMPLETED in place of going on
 * @requests: what is asked of each page
 * @limit: bounds the time lost to a moving sequence
 * @counters: what this call did
 */
struct hmmu_call {
	struct hmm_range *range;
	struct mm_struct *mm;
	const struct hmmu_hooks *hooks;
	unsigned long from;
	unsigned long known;
	unsigned long chunk_size;
	unsigned int batch;
	unsigned int fill;
	unsigned int yield_streak;
	unsigned long furthest;
	unsigned long tried;
	enum hmm_unlocked_counter cause;
	struct hmmu_pace *pace;
	struct hmmu_pace own_pace;
	bool waited;
	bool locked;
	bool walked;
	bool stop_completed;
	struct hmmu_call_requests requests;
	struct hmmu_limit limit;
	struct hmm_unlocked_counters counters;
};

static inline void hmmu_call_count(struct hmmu_call *call,
			      enum hmm_unlocked_counter which, u64 n)
{
	call->counters.n[which] += n;
}

static inline void hmmu_call_count_max(struct hmmu_call *call,
				  enum hmm_unlocked_counter which, u64 n)
{
	call->counters.n[which] = max(call->counters.n[which], n);
}

static inline unsigned long hmmu_call_page_index(const struct hmmu_call *call,
					    unsigned long addr)
{
	return (addr - call->range->start) >> PAGE_SHIFT;
}

static inline unsigned long *hmmu_call_entry(const struct hmmu_call *call,
					unsigned long addr)
{
	return &call->range->hmm_pfns[hmmu_call_page_index(call, addr)];
}

/* Is the page of this entry part of a huge one that fills a whole table? */
static inline bool hmmu_entry_is_huge(unsigned long entry)
{
	return hmm_pfn_to_map_order(entry) >= PMD_SHIFT - PAGE_SHIFT;
}

/* The last one ends where the last range can. */
static inline unsigned long hmmu_table_end(unsigned long addr)
{
	unsigned long end = ALIGN(addr + 1, HMMU_CHUNK_SIZE);

	return end ? end : 0 - PAGE_SIZE;
}

/* requests.c */
int hmmu_call_requests_save(struct hmmu_call *call);
void hmmu_call_requests_set_one(struct hmmu_call *call, unsigned long *word,
			   unsigned long request);
void hmmu_call_requests_restore(struct hmmu_call *call);
void hmmu_call_requests_free(struct hmmu_call *call);
unsigned long hmmu_call_request(const struct hmmu_call *call, unsigned long addr);
bool hmmu_call_request_lower(struct hmmu_call *call, unsigned long addr,
			unsigned long to);

/* snapshot.c */
int hmmu_call_snapshot(struct hmmu_call *call, unsigned long start,
		  unsigned long end);

/* plan.c */
unsigned long hmmu_call_plan_next(const struct hmmu_call *call, unsigned long addr,
			     unsigned long end);
unsigned long hmmu_call_plan_first(const struct hmmu_call *call, unsigned long addr,
			      unsigned long end);
bool hmmu_call_plan_fills_one(const struct hmmu_call *call, unsigned long addr);

/* fault.c */
int hmmu_call_fault_run(struct hmmu_call *call, unsigned long *addr,
		   unsigned long end, unsigned int batch);

/* lock.c */
bool hmmu_call_interrupted(const struct hmmu_call *call);
int hmmu_call_sequence_moved(struct hmmu_call *call, enum hmm_unlocked_counter cause);
int hmmu_call_check(struct hmmu_call *call, enum hmm_unlocked_counter cause);
int hmmu_call_lock(struct hmmu_call *call, u64 begun,
	      enum hmm_unlocked_counter cause);
void hmmu_call_lock_lost(struct hmmu_call *call);
void hmmu_call_unlock(struct hmmu_call *call);
int hmmu_call_resume(struct hmmu_call *call);
int hmmu_call_yield(struct hmmu_call *call);
int hmmu_call_back_off(struct hmmu_call *call, unsigned int attempt);

/* crew.c */
int hmmu_call_crew_run(struct hmmu_call *call, unsigned long addr,
		  unsigned long end);
void hmmu_crew_exit(void);

/* walk.c */
int hmmu_call_walk(struct hmmu_call *call);

/* range.c */
void hmmu_call_init(struct hmmu_call *call, struct hmm_range *range,
		    const struct hmmu_hooks *hooks);
int hmmu_range_fault(struct hmm_range *range, unsigned long timeout,
		     const struct hmmu_hooks *hooks,
		     struct hmm_unlocked_counters *counters);

/* stats.c */
struct dentry;
struct seq_file;
void hmmu_stats_add(const struct hmmu_call *call);
void hmmu_counters_add(struct hmm_unlocked_counters *to,
		       const struct hmm_unlocked_counters *from);
void hmmu_counters_show(struct seq_file *m,
			const struct hmm_unlocked_counters *counters);
struct dentry *hmmu_stats_init(void);
void hmmu_stats_exit(void);

#endif
