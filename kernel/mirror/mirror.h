/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mirror kit: how a populate and an invalidation of the same memory meet.
 *
 * Principle: range-exact on both sides. A populate waits only for running
 * invalidations that overlap the window it is about to collect. It begins again only
 * for invalidations that started since then and overlap it.
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
 * every lock under which an invalidation runs, so each end that we are notified of
 * has a start that we were notified of.
 *
 *   flight.c		the above; the model explores it (docs/model.md)
 *   populate.c		windows, access, handing over: populate and snapshot
 *   prefetch.c		populates in a thread
 *   migrate.c		moving pages to device memory and home
 *   exclusive.c	exclusive access
 *   device_memory.h	device memory: allocating, moving, touch, eviction
 *   mirror.c		register, unregister, the kernel's notifications
 *   stats.c, trace.h	debugfs, tracepoints
 *
 * Vocabulary: a window is the part of a request that lies in one PMD. It is collected
 * in one piece, and handed to the driver in one piece. A flight is one populate,
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
 * Lock order:
 *
 *	mirrors_lock		stats.c: the list of all mirrors
 *	mmap lock		not together with mirrors_lock
 *	hmmu_evicting		device_memory.h; under the mmap lock it is only tried
 *	what an invalidation holds
 *	mirror lock		mirror->lock
 *	the driver's
 *
 * The mirror lock is a spinlock: a start may come from the OOM reaper, which must not
 * sleep, and a start must not fail in a notifier that is notified of ends too.
 *
 * Hazards:
 * - Invalidation comes from reclaim: under the mirror lock nothing is allocated but
 *   with GFP_NOWAIT, and unmap() allocates nothing under any lock.
 * - A flight is on its task's stack: a task that finds it in the list may use it, and
 *   wake its task, only while it holds the mirror lock.
 * - A flight holds a reference on the mm's users. So no flight collects when the
 *   notifier's release() is called, and release() cannot end a flight: closing the file
 *   has to. A flight may drop the last reference: then the mm is torn down in its task.
 * - An invalidation that runs during release() (the OOM reaper's) is not followed by a
 *   notification of its end. It stays in running[], where nothing looks any more, as no
 *   flight can begin.
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

/* The kit knows the ranges of so many running invalidations. The model has fewer. */
#ifndef HMMU_MIRROR_RUNNING_MAX
#define HMMU_MIRROR_RUNNING_MAX	32
#endif

/**
 * struct hmmu_mirror_state - what the kit keeps of a registered mirror
 * @mirror: the driver's; it does not change, nor does @ops
 * @ops: the driver's callbacks
 * @notifier: the kernel calls it for each invalidation of the mm
 *
 * Protected by the mirror lock, up to @prefetches_ended:
 * @flights: struct hmmu_flight, all that are under way
 * @running: invalidations that are running
 * @running_nr: number of entries in @running
 * @running_more: number of running invalidations beyond these, for which there was no place
 * @counters: see hmmu_mirror_counters.h
 * @engine: what the fault engine did for it
 * @pace: what flights have learned of how many faults to have in flight
 * @prefetches: struct hmmu_prefetch, those that have not begun
 * @prefetching: the prefetch that has begun and not ended, or NULL
 * @prefetch_ending: done() of @prefetching has been called
 * @prefetches_ended: number of prefetches whose done() has returned
 *
 * @cancelling: number of tasks that are cancelling prefetches which have not begun;
 *		written under the mirror lock, read without it
 * @prefetcher: the thread, or NULL before the first prefetch; written once, under the
 *		mirror lock; read without it
 * @changed: an invalidation, a flight or a prefetch has ended
 * @prefetch_wait: the thread sleeps here until there is a prefetch
 *
 * @all: entry in the list of all mirrors, protected by mirrors_lock (stats.c)
 * @debugfs: its file; only register and unregister use it
 *
 * hmmu_mirror_register() allocates it. hmmu_mirror_unregister() frees it when no call is
 * under way any more and the kernel no longer notifies. A call may begin later than that:
 * so the mirror lock, mirror->closing and mirror->users are in struct hmmu_mirror, and a
 * call uses the state only as a flight or between hmmu_mirror_enter() and
 * hmmu_mirror_leave().
 */
struct hmmu_mirror_state {
	struct hmmu_mirror *mirror;
	const struct hmmu_mirror_ops *ops;
	struct mmu_notifier notifier;

	struct list_head flights;
	const struct mmu_notifier_range *running[HMMU_MIRROR_RUNNING_MAX];
	unsigned int running_nr;
	unsigned int running_more;
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
 * struct hmmu_flight - a populate, snapshot, prefetch, migration or exclusive access that
 *			is under way
 * @mirror: the mirror
 * @name: the kind of call, for tracepoints
 * @counter: counts calls of its kind; HMMU_MIRROR_NR_COUNTERS: they are not counted
 * @notifier: the flight's sequence, and its window as an interval; see above. Written
 *	      under the mirror lock
 *
 * @list: entry in state->flights; protected by the mirror lock, like all up to @spared
 * @task: the task that runs it
 * @prefetch: the prefetch that it is for, or NULL
 * @cancelled: it has to end; read without the lock too
 * @pass: number of passes begun over this window
 * @cause: MMU_NOTIFY_* of the first invalidation that overlapped this pass
 * @cause_is_own: the owner of that invalidation was the mirror's device memory
 * @stale: an invalidation has overlapped this pass
 * @spared: an invalidation has started elsewhere during this pass
 *
 * @faulting: number of faults that are under way; no lock
 *
 * @pace: how many faults to have in flight; only @task uses it, and all that follow
 * @error: what map() returned for this window
 * @move: for moving pages to device memory; NULL: no page is to be moved
 * @moved: pages of this window that were tried to be moved
 * @moves: number of times that a move of pages of this window was tried
 * @again: a move was tried just now: collect the window again
 * @request: what the driver asks for; NULL: a snapshot or a migration
 * @use: hands the window on, under the mirror lock; returns 0 or -errno
 * @see: the driver's, for a snapshot
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

/* The work of a flight. It runs with a reference on the users of the mm. */
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
	lockdep_assert_held(&mirror->lock);
	mirror->state->counters[which] += n;
}

/* mirror.c */
bool hmmu_mirror_enter(struct hmmu_mirror *mirror);
void hmmu_mirror_leave(struct hmmu_mirror *mirror);

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
