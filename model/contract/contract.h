/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract: what must hold in each moment, and after the return.
 *
 * It is written against the model's truth (page tables, who holds the lock, who
 * was killed), never against what the engine thinks. The model calls the first
 * group as things happen; a subject calls the second when it has an answer.
 */
#ifndef MODEL_CONTRACT_H
#define MODEL_CONTRACT_H

#include <linux/hmm_unlocked.h>

#include "hmmu_mirror_counters.h"

/* From now on the call may end in this errno. */
void contract_may_fail(int error);
bool contract_has_reason(int error);
/* The same for what the address space does not allow now. */
void contract_world_changed(void);

void contract_pass_begins(void);
void contract_collides(bool now);
void contract_saw_contention(bool contended);
void contract_sleeps(void);
void contract_waits_for_lock(void);
void contract_lets_go(void);
void contract_locked(void);
void contract_looked(bool moved);
void contract_unlocked(void);
void contract_time_passes(u64 ns);
void contract_works(void);
void contract_read_begins(unsigned int page, unsigned int end);
void contract_read(unsigned int page, unsigned long entry);
void contract_fault_begins(unsigned int page, unsigned int flags);
void contract_dropped(void);
void contract_fault_ends(unsigned int page, vm_fault_t result);
void contract_warned(const char *condition);
void contract_actor_acted(void);
void contract_killed(void);

/* Threads: see contract/threads.c. */
void contract_works_alone(void);
void contract_between_pages(void);
void contract_waits_for_threads(bool now);
void contract_looks_for_signal(void);
void contract_signals_flushed(void);
void contract_thread_created(void);
void contract_thread_ends(void);
void contract_unloaded(void);

/* The device maps nothing that the CPU does not. */
void contract_device(void);

/* Is that what the CPU maps, and no more writable than there? */
bool contract_mapped_alike(unsigned int page, unsigned long entry);
/* What a page has to have got, if less than was asked is not excused. */
bool contract_got_enough(unsigned int page, unsigned long entry);
/* The next call of the engine that is part of the same loop. */
void contract_next_call(unsigned int page);

/* A call of the engine is about to be made; the requests are written. */
void contract_call_begins(void);
/* One has returned; @locked is what it says of the lock. */
void contract_returned(int ret, bool locked,
		       const struct hmm_unlocked_counters *counters);
/* hmm_range_fault_unlocked_timeout() was right to give up. */
void contract_timed_out(void);
/* hmm_range_fault_unlockable() was. */
void contract_invalidated(void);
/* It has released the lock. */
void contract_came_back_unlocked(int ret);
/* A call said 0: all is collected, and true if the sequence has not moved. */
void contract_collected(void);

/*
 * The mirror kit (flight.c, window.c, migrate.c): invalidations as they are, the kit's waits and
 * passes, the device's callbacks, and the end.
 */
struct hmmu_pages;
struct invalidation;

void contract_invalidation_starts(struct invalidation *inv);
void contract_invalidation_ends(struct invalidation *inv);
void contract_flight_begins(void);
void contract_flight_calls(void);
void contract_flight_asks(void);
void contract_flight_waits(void);
void contract_flight_slept(void);
void contract_flight_passes(void);
/* Killed or cancelled: nothing is to be begun any more. */
bool contract_has_to_end(void);
void contract_cancels(bool all);
void contract_has_cancelled(void);
void contract_commits(const struct hmmu_pages *pages);
void contract_committed(const struct hmmu_pages *pages, bool mapped);
void contract_map_is_short(void);
void contract_map_fails(int error);
void contract_prepares(void);
void contract_prepare_fails(void);
void contract_wakes(void);
void contract_is_there(unsigned int page, unsigned long entry);
void contract_lock_is_gone(void);
void contract_migrates(unsigned int first, unsigned int end,
		       const struct vm_area_struct *vma, const void *owner,
		       bool to_memory);
void contract_copies(unsigned int n);
void contract_pages_moved(unsigned int n);
void contract_migrate_returned(int ret, unsigned long moved);
void contract_flight_returned(int ret, enum hmmu_mirror_counter which);

/* Access for the device alone: see exclusive.c. */
void contract_exclusive_begins(unsigned int first, unsigned int end);
void contract_exclusive_is_excused(void);
void contract_exclusive_sleeps(void);
void contract_exclusive_commits(const struct hmmu_pages *pages);
void contract_exclusive_committed(int ret);
void contract_exclusive_returned(int ret);
/* Nothing is held that must not be held while a task waits. */
void contract_may_wait(void);

/* What it says of places is what was so when they were mapped; NOWHERE before that. */
void contract_places(const u8 *places);

const char *error_name(int error);

#endif
