/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mirror kit: how a populate and an invalidation of the same memory meet.
 *
 * Principle: range-exact on both sides. A populate waits for those running
 * invalidations only that overlap the window it is about to collect, and begins
 * again for those only that began since and overlap it.
 *
 *	populate			    invalidation
 *
 *	lock				    start:  lock
 *	 list the flight, its window		     add it to those running
 *	unlock					     new sequence for each flight
 *	wait until none that is running		      that overlaps
 *	 overlaps; take the flight's		    unlock
 *	 sequence				    unmap() from the device
 *	collect under it		    ... pages are taken away ...
 *	lock				    end:    lock
 *	 sequence moved: wait, collect again	     take it off
 *	 else: map() in the device		    unlock, wake those who wait
 *	unlock
 *
 * An invalidation that started before the flight was listed is running, so it is
 * waited for, or it has ended, so what is read is what it left. One that starts
 * later finds the flight. There is no third kind: mmu_notifier_register() holds
 * every lock under which an invalidation runs, so each end that we are told of has
 * a start that we were told of.
 *
 *   flight.c	the above; what the model explores (docs/model.md)
 *   populate.c	windows, access, commit: the calls that collect
 *   prefetch.c	the same in a thread
 *   device_memory.h	device memory, its pages and their way home; move.h
 *   migrate.c	moving pages there and back, in a populate and for its own sake
 *   exclusive.c	access for the device alone
 *   mirror.c	register, unregister, and what the kernel tells us
 *   stats.c	debugfs
 *   trace.h	tracepoints
 *
 * Vocabulary: a window is the piece of a request that lies in one PMD; it is
 * collected, and handed to the driver, at a time. A flight is one populate,
 * snapshot, prefetch, migration or exclusive access while it is under way. An
 * invalidation runs from its start to its end. A flight is spared an invalidation
 * that does not overlap its window.
 *
 * The sequence of a flight is that of a struct mmu_interval_notifier of its own,
 * WHICH IS NEVER INSERTED in the address space: to the engine and to the kernel's
 * own hmm_range_fault() a notifier is an mm and a number that moves, and we move
 * the number ourselves. compat/kernel.h checks at build time that this is so,
 * hmmu_flight_selftest() when the module is loaded.
 *
 * Why a plain mmu_notifier and not the interval one: docs/mirror-kit.md.
 *
 * Lock order: mmap lock -> mirror->lock -> the driver's. mirror->lock is a spinlock
 * because a start may come from the OOM reaper, which must not sleep, and may not
 * fail where the end is wanted too.
 *
 * Hazards:
 * - Invalidation comes from reclaim: under mirror->lock nothing is allocated but
 *   with GFP_NOWAIT, and unmap() allocates nothing under any lock.
 * - A flight is on its task's stack: whoever finds it in the list may use it, and
 *   wake its task, only as long as mirror->lock is held.
 * - A flight holds a reference on the mm's users. So none collects when release() is
 *   called, and release() can't be what ends one: the close of a file must. It may be a
 *   flight that lets go of the last one: then all of the mm ends in its task.
 * - Of an invalidation that runs during release() (the OOM reaper's) no end is told: it
 *   stays among those running, where nobody looks any more, as no flight can begin.
 */
#ifndef _MIRROR_MIRROR_H
#define _MIRROR_MIRROR_H

#include <linux/hmmu_mirror.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "../compat/kernel.h"
#include "../fault/pace.h"
#include "../include/uapi/hmmu_mirror_counters.h"

/* So many running invalidations of a mirror are told apart; in the model fewer. */
#ifndef HMMU_MIRROR_RUNNING_MAX
#define HMMU_MIRROR_RUNNING_MAX	32
#endif

/**
 * struct hmmu_mirror_state - what the kit keeps of a registered mirror
 * @mirror: the driver's; it does not change, nor does @ops
 * @ops: the driver's callbacks
 * @notifier: by which the kernel notifies of invalidations
 *
 * @lock: the mirror lock: protects the following, up to @prefetches_ended
 * @flights: struct hmmu_flight, all that are under way
 * @running: invalidations that are running
 * @running_nr: number of these
 * @running_more: number of others that are running, for which there was no place
 * @closing: it is being unregistered: nothing begins any more
 * @counters: see hmmu_mirror_counters.h
 * @engine: what the fault engine did for it
 * @pace: what flights have learned of how many faults to have in flight
 * @prefetches: struct hmmu_prefetch, those that have not begun
 * @prefetching: the one that has, or NULL
 * @prefetch_ending: its done() has been called
 * @prefetches_ended: number of those whose done() has returned
 *
 * @cancelling: number of tasks that are cancelling prefetches which have not begun;
 *		written under @lock, read without
 * @prefetcher: the thread, or NULL before the first prefetch; written once, under @lock;
 *		read without
 * @changed: wakes those who wait for the end of an invalidation, a flight or a prefetch
 * @prefetch_wait: wakes the thread
 *
 * @all: in the list of all mirrors, protected by mirrors_lock (stats.c)
 * @debugfs: its file; for register and unregister only
 *
 * Allocated by hmmu_mirror_register(). hmmu_mirror_unregister() frees it, once nothing is
 * under way and the kernel has stopped to notify.
 */
struct hmmu_mirror_state {
	struct hmmu_mirror *mirror;
	const struct hmmu_mirror_ops *ops;
	struct mmu_notifier notifier;

	spinlock_t lock;
	struct list_head flights;
	const struct mmu_notifier_range *running[HMMU_MIRROR_RUNNING_MAX];
	unsigned int running_nr;
	unsigned int running_more;
	bool closing;
	u64 counters[HMMU_MIRROR_NR_COUNTERS];
	struct hmm_unlocked_counters engine;
	struct hmmu_pace pace;
	struct list_head prefetches;
	struct hmmu_prefetch *prefetching;
	bool prefetch_ending;
	u64 prefetches_ended;

	unsigned int cancelling;
	struct task_struct *prefetcher;
	wait_queue_head_t changed;
	wait_queue_head_t prefetch_wait;

	struct list_head all;
	struct dentry *debugfs;
};

/**
 * struct hmmu_flight - a populate, prefetch or snapshot under way
 * @mirror: whose
 * @name: what it is, for tracepoints
 * @counter: counts flights of its kind; HMMU_MIRROR_NR_COUNTERS: they are not counted
 * @notifier: its sequence, and the window as an interval; see above
 * @list: in mirror->flights, protected by mirror->lock as are all that follow
 * @task: who runs it
 * @prefetch: for whom, or NULL
 * @cancelled: it has to end
 * @pass: passes begun over this window
 * @cause: MMU_NOTIFY_* of the invalidation that overlapped this pass first
 * @cause_is_own: its owner was the mirror's device memory
 * @stale: one has
 * @spared: one did not
 * @faulting: how many faults are under way; no lock
 * @pace: how many faults to have in flight; @task's own between two windows, as is @error
 * @error: what map() answered over this window
 * @move: to move pages to device memory with, or NULL: none is to be
 * @moved: pages of this window of which that was tried
 * @moves: how often
 * @again: it was just now: what was collected is not true any more
 * @request: what is asked, or NULL: nothing
 * @commit: hands the window on, with mirror->lock held; returns 0 or -errno
 * @see: for a snapshot
 * @data: for @see
 */
struct hmmu_flight {
	struct hmmu_mirror *mirror;
	const char *name;
	enum hmmu_mirror_counter counter;
	struct mmu_interval_notifier notifier;

	struct list_head list;
	struct task_struct *task;
	const struct hmmu_prefetch *prefetch;
	bool cancelled;
	unsigned int pass;
	enum mmu_notifier_event cause;
	bool cause_is_own;
	bool stale;
	bool spared;
	atomic_t faulting;
	struct hmmu_pace pace;
	int error;
	struct hmmu_move *move;
	DECLARE_BITMAP(moved, PTRS_PER_PTE);
	unsigned int moves;
	bool again;

	const struct hmmu_request *request;
	int (*use)(struct hmmu_flight *flight, struct hmm_range *range);
	hmmu_see_fn *see;
	void *data;
};

/* What a flight does, with a reference on the users of the mm held. */
typedef int hmmu_flight_fn(struct hmmu_flight *flight, unsigned long start,
			   unsigned long end);

static inline struct hmmu_flight *
hmmu_flight_of(const struct mmu_interval_notifier *notifier)
{
	return container_of(notifier, struct hmmu_flight, notifier);
}

static inline void hmmu_mirror_count(struct hmmu_mirror *mirror,
				     enum hmmu_mirror_counter which, u64 n)
{
	lockdep_assert_held(&mirror->state->lock);
	mirror->state->counters[which] += n;
}

/* flight.c */
void hmmu_flights_init(struct hmmu_mirror *mirror);
int hmmu_flight_run(struct hmmu_flight *flight, unsigned long start,
		    unsigned long end, hmmu_flight_fn *fn);
void hmmu_flight_window(struct hmmu_flight *flight, unsigned long start,
			unsigned long end);
unsigned long hmmu_flight_begin(struct mmu_interval_notifier *notifier);
bool hmmu_flight_is_valid(const struct hmmu_flight *flight, unsigned long seq);
bool hmmu_flights_start(struct hmmu_mirror *mirror,
			const struct mmu_notifier_range *range);
void hmmu_flights_end(struct hmmu_mirror *mirror,
		      const struct mmu_notifier_range *range);
int hmmu_flights_cancel(struct hmmu_mirror *mirror,
			const struct hmmu_prefetch *prefetch, bool killable);

/* populate.c */
bool hmmu_request_is_sane(const struct hmmu_mirror *mirror,
			  const struct hmmu_request *request);
int hmmu_flight_collect(struct hmmu_flight *flight, unsigned long *entries,
			unsigned long start, unsigned long end);
int hmmu_window_map(struct hmmu_flight *flight, struct hmm_range *range);
int hmmu_request_run(struct hmmu_mirror *mirror, const struct hmmu_request *request,
		  const struct hmmu_prefetch *prefetch);

/* prefetch.c */
void hmmu_prefetches_init(struct hmmu_mirror *mirror);
int hmmu_prefetches_cancel(struct hmmu_mirror *mirror,
			   const struct hmmu_prefetch *one, bool killable);
void hmmu_prefetches_exit(struct hmmu_mirror *mirror);

enum hmmu_access hmmu_request_access(const struct hmmu_request *request,
				     unsigned long addr);
bool hmmu_mirror_spans(const struct hmmu_mirror *mirror, unsigned long start,
		       unsigned long end);

/* migrate.c */
bool hmmu_migrate_window(struct hmmu_flight *flight,
			 const struct hmm_range *range);

/* selftest.c */
int hmmu_flight_selftest(void);

/* stats.c */
int hmmu_mirror_stats_add(struct hmmu_mirror *mirror, const char *name);
void hmmu_mirror_stats_remove(struct hmmu_mirror *mirror);
void hmmu_mirror_stats_init(struct dentry *dir);

#endif
