/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world that the engine is run in: one address space, one device that
 * mirrors part of it, one task that faults for the device (the subject), and
 * actors that do what the rest of a process and the kernel may do meanwhile.
 *
 * Principle: all that the future depends on is in `world`, on the stacks of the
 * subject and of the kernel threads that it makes (stacks.h), and in what the engine
 * keeps in static variables. It is plain memory at the same addresses in each run, so
 * that a run can be begun again from a copy, and two states can be told to be the same
 * one (state.c). What merely counts is in `tally`.
 *
 * Vocabulary: a page is told by its number, address / PAGE_SIZE. An action is
 * what one actor does in one go (munmap, an answer of a page server); it is made
 * of steps, and between any two steps others may act. A run is one history from
 * the subject's start to its return, a schedule the list of choices that make
 * it. A point is a place where a choice is made, see schedule.h.
 *
 * The mmap lock, readers and writers:
 * - a reader may steal the lock from waiting writers when nobody is in; if others
 *   read already, it queues behind them. In the kernel stealing ends after 4 ms
 * - a writer that waits can be seen by mmap_lock_is_contended()
 */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include <string.h>

#include "hmm_unlocked_counters.h"
#include "kernel/kernel.h"
#include "mirror/mirror.h"

#define MAX_PAGES	64
#define MAX_ACTORS	8
#define MAX_ACTIONS	8
/* That of the subject, and of so many kernel threads. */
#define MAX_STACKS	6
#define SUBJECT		0
#define TABLE_PAGES	(PMD_SIZE / PAGE_SIZE)

#define MAX_INVALIDATIONS	(MAX_ACTORS + MAX_STACKS)

#define NOBODY		(-1)
#define NOWHERE		0xff

/* Set in each area, also in one without any access. */
#define AREA_MAPPED	(1U << 31)

enum page_kind {
	ABSENT,
	PRESENT,
	SWAPPED,
	MIGRATING,
	POISONED,
	SPECIAL,
	DEVICE_OURS,
	DEVICE_OTHER,
	EXCLUSIVE,
};

/**
 * struct page - what one page of the address space maps
 * @area: VM_* flags of the mapping, 0 where there is none
 * @kind: enum page_kind
 * @generation: how many frames stood here before; a part of the frame's number
 * @frame: number of the frame, never used twice
 * @writable: the entry allows writing
 * @copied: a write has to replace the frame, for it is shared
 * @zero: the frame is the zero page
 * @huge: one entry maps the whole page table's worth
 * @guarded: userfaultfd write protection
 * @slow: the contents have to be read from somewhere first
 * @mover: who has it ready to be moved, see device_memory.c; nobody if 0
 * @was: with that: what kind it was
 */
struct page {
	u32 area;
	u8 kind;
	u8 generation;
	uint16_t frame;
	bool writable, copied, zero, huge, guarded, slow;
	u8 mover, was;
};

/* A short-lived wait in a userfaultfd. */
struct userfault {
	u8 page;
	bool waits, woken, write_protect;
};

/* @ours: the stacks that hold it for read, as bits; @readers, @waiting: of actors. */
struct mmap_lock {
	u8 ours;
	u8 readers;
	u8 waiting;
	signed char writer;
};

/* As in mm/mmu_notifier.c; the interval's own number is in the notifier. */
struct invalidations {
	unsigned long seq;
	unsigned long running;
};

/**
 * struct invalidation - one that an actor, or a fault of ours, has running
 * @range: what a plain notifier is told
 * @told: the mirror was notified of its start, not yet of its end
 * @is_subjects: the subject makes pages exclusive: that concerns all but itself
 * @crowded: it began while as many were running as the mirror tells apart
 */
struct invalidation {
	struct mmu_notifier_range range;
	bool told, crowded, is_subjects;
};

struct actor_state {
	u8 action;
	u8 step;
	u8 first, last;
};

/* What the device has mapped: frame 0 is nothing; @alone: the CPU has not. */
struct device_entry {
	uint16_t frame;
	bool writable, alone;
};

/**
 * struct held_pages - what the subject holds of pages, see exclusive.c
 * @referenced: pages with a reference, as bits
 * @locked: those of them that are locked
 * @frame: the frame of each
 * @evicting: it holds hmmu_evicting for read
 */
struct held_pages {
	u64 referenced, locked;
	uint16_t frame[MAX_PAGES];
	bool evicting;
};

/* Holding the lock, in a fault, in one that has released it, waiting for the lock. */
enum where { WALKING, FAULTING, DROPPED, RELOCKING, ELSEWHERE };

enum last_read { UNREAD, READ_SHORT, READ_FINE };

/* Why a page that is not needed may get less than was asked: was it ever so? */
#define EXCUSED_WRITE	0x1
#define EXCUSED_ALL	0x2

/**
 * struct watch - what the contract has to remember of a stack
 * @read: what it last read of each page, since it took the lock
 * @tried: the page whose fault answered VM_FAULT_RETRY last, or NOWHERE
 * @idle_page: the page that was last faulted without effect, or NOWHERE
 * @idle_faults: how often in a row
 * @idle_holding: the same since the lock was taken
 * @slept: it has slept, or seen the lock uncontended, since it released it
 * @idle_awake: faults without effect in a row since it slept, or began a pass
 * @contended: somebody waited for the lock when it last looked
 * @hindered: a fault was without effect since it slept
 * @sleeps: how often it has slept since it released the lock
 * @faults_after_kill: faults begun since it was killed
 * @reads_after_kill: the same for reads of entries
 * @work_after_kill: the same for points
 * @furthest: how far any walk got: the pages before were all satisfied once
 * @walked: some walk has begun
 * @passes: begun before that, PASSES_MIN at most
 * @gets_on: all pages of this read were satisfied so far
 * @marked: the reaper's mark was set when it last took the lock
 * @moved: the sequence had moved by then; of threads only
 * @killed: it was killed before it last released the lock
 * @at_work: a thread is, from its wait for the mmap lock to its next page
 * @sets_to_work: the subject may have threads at work
 * @may_warn: a fault of a thread has answered what none may
 * @in_fault: a fault is under way
 * @faults: the page of that
 * @starved_table: page table read while a writer waited, or NOWHERE
 * @where: what it is in, as far as time is concerned
 * @since: time of the last progress
 * @excused: time since then that does not count against a limit
 * @undecided: waited for the lock; counts if the sequence moves meanwhile
 * @lost: time since then that does count
 */
struct watch {
	u8 read[MAX_PAGES];
	u8 tried;
	u8 idle_page, idle_faults, idle_holding;
	bool slept, contended, hindered;
	u8 sleeps, idle_awake;
	u8 faults_after_kill, reads_after_kill, work_after_kill;
	u8 furthest;
	bool walked, gets_on;
	u8 passes;
	bool marked;
	bool moved;
	bool killed;
	bool at_work, sets_to_work, may_warn;
	bool in_fault;
	u8 faults;
	u8 starved_table;
	u8 where;
	u64 since;
	u64 excused;
	u64 undecided;
	u64 lost;
};

/**
 * struct call_watch - what it has to remember of the call, whichever stack works for it
 * @may_fail: errnos that something in this run has given a reason for
 * @completed: a fault has answered VM_FAULT_COMPLETED
 * @broke_rules: a fault has answered what none may
 * @may_get_less: EXCUSED_* of each page that is not needed
 */
struct call_watch {
	u32 may_fail;
	bool completed;
	bool broke_rules;
	u8 may_get_less[MAX_PAGES];
};

/**
 * struct flight_watch - the same for the mirror kit
 * @flying: a populate or snapshot has begun, and not ended
 * @cancelled: that, or a call that does nothing but move, was told to end
 * @window: first page of what is to be handed on next
 * @may_call: it may call the engine: it has not for this window, or map() was short
 * @passes: it has begun a pass since
 * @reason: an invalidation of the window has started since its pass began
 * @cause: MMU_NOTIFY_* of the first of these
 * @spared: one of other pages has
 * @short_of_memory: map() was, and prepare() was not called since
 * @refills: how often it was, for this window
 * @error: what map() has failed with, if that ends the populate
 * @own: that was a migration to or from the device's own memory
 * @there: pages that were read to be there, since the pass began; as bits
 * @movable: those of them that could be moved to the device's memory
 * @handed: pages that this was tried with
 * @moves: how often, for this window
 * @moves_after_end: pieces moved by a call that has nothing else to do, since it was told
 *		     to end
 * @place: where each page was when it was mapped
 * @trying: all was collected, and is to be made exclusive; the window is what is left
 * @alone: the first page that did not become exclusive so far
 * @tries: how often that was begun since a page became exclusive
 * @prepared: prepare() was called for it
 * @excused: this try had a reason to fail, other than an invalidation
 * @slept: it has slept since
 * @try_error: what came of it
 */
struct flight_watch {
	bool flying, cancelled;
	u8 window;
	bool may_call, passes, reason;
	u8 cause;
	bool spared, short_of_memory;
	u8 refills;
	short error;
	bool own;
	u64 there, movable, handed;
	u8 moves, moves_after_end;
	u8 place[MAX_PAGES];
	bool trying, prepared, excused, slept;
	u8 alone, tries;
	short try_error;
};

/**
 * struct migration - what the subject has under way, see device_memory.c
 * @first: pages from here on
 * @end: up to this one; 0: there is none
 * @done: they were moved, and wait for the end
 * @held: pages taken for it that nobody has so far
 * @moved: how many pages were, in all that a subject does that does nothing else
 */
struct migration {
	u8 first, end;
	bool done;
	u8 held;
	u8 moved;
};

enum life { NO_STACK, CREATED, LIVES, ENDED };

/**
 * struct stack - a stack that runs the engine's code: the subject's, or a kernel thread's
 * @task: what the engine knows it by
 * @life: it does not run until it is woken, see stacks.h
 * @killed: SIGKILL is pending
 * @allows_kill: that is not ignored; of threads
 * @should_stop: what kthread_should_stop() says
 * @had_spinlock: a thread has, since it could last be sent a signal
 * @sleeps_on: the queue that it waits on, and was not woken from
 * @userfault: what it waits for there
 * @waited_for: in mmu_interval_read_begin()
 * @migrating: the page that it waits for
 * @looked_up: VMAs that it may use, by their first pages
 * @watch: the contract's
 */
struct stack {
	struct task_struct task;
	u8 life;
	bool killed, allows_kill, should_stop;
	bool had_spinlock;
	const void *sleeps_on;
	struct userfault userfault;
	unsigned long waited_for;
	u8 migrating;
	u64 looked_up;
	struct watch watch;
};

struct world {
	struct mm_struct mm;
	struct mmu_interval_notifier notifier;
	struct hmm_range range;
	struct invalidations invalidations;
	struct mmap_lock lock;
	struct actor_state actors[MAX_ACTORS];
	struct page pages[MAX_PAGES];
	struct device_entry device[MAX_PAGES];
	struct call_watch call;
	struct hmmu_mirror mirror;
	struct hmmu_mirror_state mirror_state;
	struct hmmu_prefetch prefetch;
	struct flight_watch flight;
	/* The device's own, if the scenario says that it has any; how much was taken. */
	struct hmmu_memory memory;
	u8 memory_taken;
	struct migration migration;
	struct held_pages held;
	/* After those of the actors, those of the faults of each stack. */
	struct invalidation invalidation[MAX_INVALIDATIONS];
	u64 now;
	/* Pieces of memory in use: that has to be freed at the return; that may be kept. */
	u8 memory_used;
	u8 memory_kept;
	u8 spinlocks;
	u32 actions_left;
	u8 trouble_left;
	/* If those who can go on are to be interrupted so many times only. */
	u8 switches_left;
	u8 turn;
	bool returned;
	bool reaped;
	bool released;
	/* At the end, as those that were not made are part of no state. */
	struct stack stack[MAX_STACKS];
};

extern struct world world;

/**
 * struct tally - what merely counts: two histories that lead to one state may differ
 * @entries_read: by the kernel's walker
 * @faults: begun
 * @thread_faults: begun by threads
 * @in_flight: most of them at a time
 * @drops: faults that released the lock
 * @passes: begun
 * @calls: of the engine, by the mirror kit
 * @restarts: passes that were not the first of their call
 * @mirror: what the mirror kit should have counted
 * @work: points since there was progress or somebody acted
 * @work_after_kill: the same of each stack, since it was killed
 * @acted: anybody has acted, or a fault or an allocation has had trouble
 * @passed_over: points at which somebody in the middle of an action could have
 *	gone on, and did not
 * @passed_over_before: the same when @work was 0
 * @acting: an actor does a step just now, not the subject
 * @stepping: the same, and never set for what the subject does in one step
 */
struct tally {
	u64 entries_read;
	u64 faults;
	u64 thread_faults;
	unsigned int in_flight;
	u64 drops;
	unsigned int passes;
	unsigned int calls;
	unsigned int restarts;
	u64 mirror[HMMU_MIRROR_NR_COUNTERS];
	unsigned int work;
	u8 work_after_kill[MAX_STACKS];
	bool acted;
	unsigned int passed_over;
	unsigned int passed_over_before;
	bool acting, stepping;
};

extern struct tally tally;

static inline unsigned int page_of(unsigned long addr)
{
	return addr >> PAGE_SHIFT;
}

static inline bool in_range(unsigned int page)
{
	return page >= page_of(world.range.start) &&
	       page < page_of(world.range.end);
}

/* The entry of a page that is in the range. */
static inline unsigned long *range_entry(unsigned int page)
{
	return &world.range.hmm_pfns[page - page_of(world.range.start)];
}

/* stacks.c: the one that runs. */
extern unsigned int running;

static inline struct stack *me(void)
{
	return &world.stack[running];
}

static inline struct stack *subject_stack(void)
{
	return &world.stack[SUBJECT];
}

/* lock.c */
bool lock_is_free_for_readers(void);
bool lock_is_held(void);
void lock_dropped(void);

/* notifier.c */
void invalidate_start(struct invalidation *inv, unsigned int first,
		      unsigned int last, enum mmu_notifier_event event,
		      const void *owner);
void invalidate_callback(struct invalidation *inv);
void invalidate_end(struct invalidation *inv);
bool sequence_moved(void);

/* wait.c */
bool kick_would_wake(void);
bool waits_for_threads(void);
bool cancel_flights(bool all);
/* Whether the subject's is among those that a cancel would end. */
static inline bool flight_is_listed(void)
{
	return !list_empty(&world.mirror_state.flights);
}

/* mm.c */
struct page *new_frame(unsigned int page, bool writable);
void new_table(unsigned int page);
void split_huge(unsigned int page);
void zap(unsigned int page);
void page_take_back(unsigned int page);
unsigned long cpu_entry(unsigned int page, const void *owner);
void areas_forget(void);
void areas_forget_all(void);
/* Those of a stack, MAX_PAGES of them; NULL if it has looked up none. */
struct vm_area_struct *areas_looked_up(unsigned int stack);
void areas_check(const struct vm_area_struct *vma, unsigned int page);
const char *page_text(unsigned int page);

/* device_memory.c */
extern const char other_memory;
const void *memory_of_page(unsigned int page);
bool frame_is_on_device(unsigned long frame);
bool frame_is_ours(unsigned long frame);
uint16_t device_frame(unsigned int n);
uint16_t coherent_frame(unsigned int n);
uint16_t take_device_frame(void);
struct page *frame_name(uint16_t frame);
uint16_t name_frame(const struct page *name);
u8 mover_of_actor(unsigned int actor);
u8 mover_of_stack(void);
bool page_is_taken(unsigned int page, u8 mover);
void page_ready(unsigned int page, u8 mover);
void page_put(unsigned int page, u8 mover, uint16_t frame);
void page_put_home(unsigned int page, u8 mover);
void page_put_back(unsigned int page, u8 mover);
bool page_insert(unsigned int page, uint16_t frame);

/* exclusive.c */
bool page_is_locked(unsigned int page);

/* fault.c: as the kernel itself faults, which cannot wait for a page server. */
vm_fault_t fault_by_kernel(unsigned int page, unsigned int flags);

/* task.c */
bool has_trouble(bool possible);
#define MEMORY_FREED_SIZE	4096
#define MEMORY_KEPT_SIZE	1024
#define MEMORY_SIZE		(MEMORY_FREED_SIZE + MEMORY_KEPT_SIZE)

void let_time_pass(u64 ns);
void memory_reset(void);
char *memory_contents(void);
unsigned int memory_in_use(void);

#endif
