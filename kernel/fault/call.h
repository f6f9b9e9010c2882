/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fault engine: one call, and the steps it is made of.
 *
 * Principle: entries read from the CPU page tables stay true for as long as the
 * notifier sequence has not moved, whether or not the mmap lock was held all
 * the while. So a fault may drop the lock, and the walk goes on where it stood.
 * Only a moved sequence voids what was collected.
 *
 *   snapshot.c	read entries with the kernel's own hmm_range_fault(), asking for
 *		nothing: it never faults and knows every kind of entry; of a huge page
 *		one entry is read, and the others follow from it
 *   plan.c	which entries fall short of their request
 *   fault.c	handle_mm_fault() for those; it may drop the lock
 *   lock.c	take the lock again; does the principle still hold?
 *   crew.c	several faults at a time, once one has had to wait; pace.c: how many
 *   walk.c	these over a chunk, chunks over the range, in a circle;
 *		guess.c: how much to read and to fault at a time
 *   range.c	the calls: locking, restarts, limits
 *
 * Vocabulary: an entry is one element of range->hmm_pfns. A request is what is
 * asked of a page: nothing, to be readable, to be writable. A page is short if
 * its entry does not satisfy its request. [start, end) are addresses, end open.
 * A pass is one attempt to collect all entries under one sequence.
 *
 * Lock order: mmap lock (read) -> the locks of a fault. The engine's own lock,
 * crew_lock of crew.c, is taken with no other lock of ours held. The caller holds
 * no lock that its invalidate callback takes, and none that a page server needs
 * to answer.
 *
 * Hazards:
 * - After a drop no VMA looked up earlier may be used: it may be freed. And a page
 *   that was short may be there by now: see hmmu_call.known.
 * - Output flags share their bits with request flags: a request is read with
 *   hmmu_call_request(), never from an entry.
 * - Breaking COW invalidates: the engine's own faults can move the sequence.
 * - The OOM reaper marks an mm under the lock held for read. The mark is tested
 *   each time the lock was taken; a page zapped after that moves the sequence.
 */
#ifndef _FAULT_CALL_H
#define _FAULT_CALL_H

#include <linux/align.h>
#include <linux/hmm_unlocked.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>

#include "../compat/kernel.h"
#include "guess.h"
#include "limit.h"

/* How many faults may succeed on one page, in a row, without satisfying it. */
#define HMMU_ATTEMPTS_MAX	16

/* A call that has not walked yet may begin this many passes, limit or not. */
#define HMMU_PASSES_MIN		8

/*
 * Internal results; neither leaves the module. HMMU_COMPLETED: a fault ended with
 * the lock dropped, and the caller wants to know. HMMU_STUCK: a page stays short
 * though its faults succeed.
 */
#define HMMU_COMPLETED		(-EAGAIN)
#define HMMU_STUCK		(-ELOOP)

/**
 * struct hmmu_hooks - what the caller of the engine does itself
 * @begin: required. Waits until no invalidation of the range is running and returns
 *	   the sequence to collect under. Sleeps
 * @hand_over: takes all that was collected, under the lock that keeps invalidation
 *	       out; %-EBUSY if it is not true any more. The mmap lock is held. NULL: what
 *	       was collected is used after the call
 * @cancelled: must the call end as if its task were killed? Must not sleep. NULL: never
 * @needed: does the call fail if this page cannot be faulted? If not, the page gets
 *	    less than was asked. NULL: each page that is asked for is needed
 * @faulting: a fault begins, or has ended; faults that follow each other at once count as
 *	      one. Several may be under way. May be NULL
 * @pace: where the number of faults in flight that turned out best is kept from one
 *	  call to the next. NULL: each call begins anew
 *
 * All get the range that hmmu_range_fault() was given. Fault threads call @cancelled,
 * @needed and @faulting too, with a range of one page of it: several at a time, while
 * the task that made the call waits.
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
 * @every: the request of every page, if @saved is NULL
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
 * @hooks: what the caller does itself
 * @requests: what is asked of each page
 * @stop_completed: end the call on VM_FAULT_COMPLETED instead of going on
 *
 * What must be true, or the result is wrong:
 *
 * @locked: the mmap lock is held for read
 * @from: where the next pass begins; it reads the pages before that last
 * @known: entries up to here that are short of their request were read since the lock
 *	   was taken, so their pages are short; 0 if nothing was read since
 * @tried: the last page that was faulted, if the answer was VM_FAULT_RETRY;
 *	   else ULONG_MAX. FAULT_FLAG_TRIED is for this page only
 *
 * What only costs time if it is wrong:
 *
 * @waited: a fault of this page table had to wait (VM_FAULT_RETRY), and the other
 *	    short pages of the table have not been given to fault threads since
 * @guess: how much to read and to fault at a time
 *
 * When to give up, and what is counted:
 *
 * @limit: bounds the time lost to a moving sequence
 * @furthest: end of what was ever satisfied, in whichever pass
 * @walked: some pass has got as far as reading entries
 * @cause: how the sequence was last found moved, a HMM_UNLOCKED_MOVED_*
 * @yield_streak: chunks in a row at whose end a writer waited for the lock
 * @counters: what this call did
 */
struct hmmu_call {
	struct hmm_range *range;
	struct mm_struct *mm;
	const struct hmmu_hooks *hooks;
	struct hmmu_call_requests requests;
	bool stop_completed;

	bool locked;
	unsigned long from;
	unsigned long known;
	unsigned long tried;

	bool waited;
	struct hmmu_guess guess;

	struct hmmu_limit limit;
	unsigned long furthest;
	bool walked;
	enum hmm_unlocked_counter cause;
	unsigned int yield_streak;
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

/* Is the page present, and part of a huge page that fills a whole page table? */
static inline bool hmmu_entry_is_huge(unsigned long entry)
{
	return entry & HMM_PFN_VALID &&
	       hmm_pfn_to_map_order(entry) >= PMD_SHIFT - PAGE_SHIFT;
}

/* End of the last-level page table of @addr. The topmost ends where a range can. */
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
unsigned long hmmu_call_request_saved(const struct hmmu_call *call,
				      unsigned long addr);
bool hmmu_call_request_lower(struct hmmu_call *call, unsigned long addr,
			     unsigned long to);

/**
 * hmmu_call_request() - the request of one page
 * @call: the call
 * @addr: page address in the call's range
 *
 * Return: %0, HMM_PFN_REQ_FAULT, or HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE.
 */
static inline unsigned long hmmu_call_request(const struct hmmu_call *call,
					      unsigned long addr)
{
	if (!call->requests.saved)
		return call->requests.every;
	return hmmu_call_request_saved(call, addr);
}

/* snapshot.c */
int hmmu_call_snapshot(struct hmmu_call *call, unsigned long start,
		       unsigned long end);
int hmmu_call_snapshot_huge(struct hmmu_call *call, unsigned long *addr,
			    unsigned long end);

/* plan.c */
unsigned long hmmu_call_plan_search(const struct hmmu_call *call,
				    unsigned long addr, unsigned long end);
unsigned long hmmu_call_plan_first(const struct hmmu_call *call,
				   unsigned long addr, unsigned long end);
unsigned long hmmu_call_plan_missing(const struct hmmu_call *call,
				     unsigned long addr, unsigned long end);

/* Is the page short of its request, by what was read of it last? */
static inline bool hmmu_call_page_is_short(const struct hmmu_call *call,
					   unsigned long addr)
{
	return ~*hmmu_call_entry(call, addr) & hmmu_call_request(call, addr);
}

/**
 * hmmu_call_plan_next() - the first page that is short of its request
 * @call: the call
 * @addr: where to begin, in the call's range
 * @end: where to stop
 *
 * Return: its address, or @end.
 */
static inline unsigned long hmmu_call_plan_next(const struct hmmu_call *call,
						unsigned long addr,
						unsigned long end)
{
	/* Where one page is missing, the next mostly is, too. */
	if (addr < end && hmmu_call_page_is_short(call, addr))
		return addr;
	return hmmu_call_plan_search(call, addr, end);
}

/**
 * hmmu_call_plan_fills_one() - does a fault of this page change no other page?
 * @call: the call
 * @addr: a page that is short
 *
 * A page that has an entry of its own lacks write permission only, which is given page
 * by page. Where nothing is mapped a fault may bring a huge page, or map neighbours.
 */
static inline bool hmmu_call_plan_fills_one(const struct hmmu_call *call,
					    unsigned long addr)
{
	unsigned long entry = *hmmu_call_entry(call, addr);

	return (entry & HMM_PFN_VALID) && !hmm_pfn_to_map_order(entry);
}

/* fault.c */
int hmmu_call_fault_run(struct hmmu_call *call, unsigned long *addr,
			unsigned long end, unsigned int batch);

/* lock.c */

/**
 * hmmu_call_interrupted() - was the task killed, or the call cancelled?
 * @call: the call
 */
static inline bool hmmu_call_interrupted(const struct hmmu_call *call)
{
	const struct hmmu_hooks *hooks = call->hooks;

	return fatal_signal_pending(current) ||
	       (hooks->cancelled && hooks->cancelled(call->range));
}

int hmmu_call_sequence_moved(struct hmmu_call *call,
			     enum hmm_unlocked_counter cause);
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
