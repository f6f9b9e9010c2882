// SPDX-License-Identifier: GPL-2.0-only
#include "contract.h"
#include "run.h"
#include "scenario.h"
#include "schedule.h"
#include "stacks.h"
#include "totals.h"

#define REQUEST_BITS	(HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE)

/* As in the engine: faults without effect on one page that end a call. */
#define IDLE_FAULTS_MAX	16

/* A call that was kept from walking may begin this many passes, limit or not. */
#define PASSES_MIN	8

/* Two ticks are lost in rounding, one is passed before it is looked at. */
#define LATE_TICKS	3

/* Points without progress and without anybody else acting. */
#define WORK_MAX	(64 * (pages_in_range() + IDLE_FAULTS_MAX))
#define WORK_AFTER_KILL_MAX	64

/* What hmmu_call_yield() may do to let a writer pass. */
#define SLEEPS_MAX	8

static bool can_be_had(unsigned int page)
{
	const struct page *p = &world.pages[page];

	return p->area & VM_READ && !(p->area & (VM_IO | VM_PFNMAP)) &&
	       p->kind != SPECIAL;
}

/* What can't be had of a page that is not needed is not asked for. */
static unsigned long asked_now(unsigned int page)
{
	unsigned long asked = scenario_asked(page);

	if (!scenario_is_optional(page))
		return asked;
	if (!can_be_had(page))
		return 0;
	if (!(world.pages[page].area & VM_WRITE))
		asked &= ~HMM_PFN_REQ_WRITE;
	return asked;
}

static bool satisfies(unsigned int page, unsigned long entry)
{
	return !(~entry & asked_now(page));
}

bool contract_got_enough(unsigned int page, unsigned long entry)
{
	unsigned long asked = scenario_asked(page);
	u8 excused = world.call.may_get_less[page];

	if (excused & EXCUSED_ALL)
		asked = 0;
	if (excused & EXCUSED_WRITE)
		asked &= ~HMM_PFN_REQ_WRITE;
	return !(~entry & asked);
}

/* All that a call may return fit into 32 bits, but for one. */
static unsigned int error_bit(int error)
{
	return error == -ECANCELED ? 31 : -error;
}

void contract_may_fail(int error)
{
	world.call.may_fail |= 1U << error_bit(error);
}

bool contract_has_reason(int error)
{
	return error < 0 && error_bit(error) < 32 &&
	       world.call.may_fail >> error_bit(error) & 1;
}

/* The page can't be had, or not for write: a reason to fail if it is needed. */
static void page_fails(unsigned int page, int error)
{
	if (!scenario_is_optional(page))
		contract_may_fail(error);
	else
		world.call.may_get_less[page] |= error == -EPERM ?
						  EXCUSED_WRITE : EXCUSED_ALL;
}

static void page_may_fail(unsigned int page)
{
	unsigned long asked = scenario_asked(page);

	if (!asked)
		return;
	if (!can_be_had(page))
		page_fails(page, -EFAULT);
	else if (asked & HMM_PFN_REQ_WRITE &&
		 !(world.pages[page].area & VM_WRITE))
		page_fails(page, -EPERM);
}

/* For those who do nothing but move. */
static void page_may_be_immovable(unsigned int page)
{
	u32 area = world.pages[page].area;

	if (!(area & VM_READ) || area & (VM_HUGETLB | VM_IO | VM_PFNMAP))
		contract_may_fail(-EINVAL);
}

void contract_world_changed(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (in_range(page) && scenario.subject->moves)
			page_may_be_immovable(page);
		else if (in_range(page))
			page_may_fail(page);
	if (world.reaped)
		contract_may_fail(-EFAULT);
	if (!world.mm.mm_users.counter)
		contract_may_fail(scenario.subject->plain ? -ESRCH : -EFAULT);
}

bool contract_has_to_end(void)
{
	return me()->killed || world.flight.cancelled;
}

/*
 * Work is what the subject does by itself. Progress and other people's actions
 * set it back: how often the latter come is not the subject's fault. Nor is it if
 * somebody is not let go on with what he has begun; no machine does that for long.
 */
static void work_pays(void)
{
	tally.work = 0;
	tally.passed_over_before = tally.passed_over;
}

static unsigned int pages_in_range(void)
{
	return page_of(world.range.end) - page_of(world.range.start);
}

/* Where there are threads this would make for many states, all alike. */
static u8 *work_after_kill(void)
{
	return stacks_made() > 1 ? &tally.work_after_kill[running] :
				   &me()->watch.work_after_kill;
}

void contract_works(void)
{
	if (world.spinlocks)
		violated("sleeps, or takes its time, under a spinlock");
	if (++tally.work > WORK_MAX) {
		if (tally.passed_over != tally.passed_over_before)
			cut();
		violated("%u steps without progress, and nobody else could do anything",
			 tally.work);
	}
	if (contract_has_to_end() && ++*work_after_kill() > WORK_AFTER_KILL_MAX)
		violated("killed or cancelled %u steps ago, and still there",
			 *work_after_kill());
}

void contract_actor_acted(void)
{
	work_pays();
	tally.acted = true;
	contract_world_changed();
	contract_device();
}

void contract_killed(void)
{
	contract_may_fail(-EINTR);
}

/* Time: what is lost to invalidations counts against a limit, waiting does not. */
void contract_time_passes(u64 ns)
{
	struct watch *w = &subject_stack()->watch;

	switch (w->where) {
	case DROPPED:
		w->excused += ns;
		break;
	case RELOCKING:
		w->undecided += ns;
		break;
	case WALKING:
		w->lost += ns;
		break;
	}
}

static void progress(void)
{
	struct watch *w = &me()->watch;

	work_pays();
	w->since = world.now;
	w->excused = w->undecided = w->lost = 0;
}

static unsigned long ticks(u64 ns)
{
	return ns / TICK_NSEC;
}

void contract_pass_begins(void)
{
	struct watch *w = &me()->watch;

	if (!w->walked && w->passes < PASSES_MIN)
		w->passes++;
	tally.passes++;
	/* Between two passes it is open what a tick counts as. */
	w->where = ELSEWHERE;
	w->undecided = 0;
	w->idle_awake = 0;
	if (scenario.timeout && w->walked &&
	    ticks(w->lost) >= scenario.timeout + LATE_TICKS)
		violated("%lu ticks were lost to invalidations, the limit is %lu, and another pass begins",
			 ticks(w->lost), scenario.timeout);
}

/* It waits for an invalidation: if anything is a loss, this is. */
void contract_collides(bool now)
{
	me()->watch.where = now ? WALKING : ELSEWHERE;
}

/* A page that has to be there does not come, though its faults succeed. */
static bool is_stuck(void)
{
	const struct watch *w = &me()->watch;

	return w->idle_faults >= IDLE_FAULTS_MAX &&
	       !scenario_is_optional(w->idle_page);
}

void contract_timed_out(void)
{
	const struct watch *w = &me()->watch;

	if (is_stuck())
		return;
	if (w->killed)
		violated("-EBUSY though it was killed in time to see it");
	if (!w->walked && w->passes < PASSES_MIN)
		violated("-EBUSY after %u passes that did not get to walk",
			 w->passes);
	if (!scenario.timeout)
		violated("-EBUSY though there is no limit");
	if (world.now - w->since - w->excused <= scenario.timeout * TICK_NSEC)
		violated("-EBUSY though only %llu us of the limit's %llu are gone",
			 (world.now - w->since - w->excused) / 1000,
			 scenario.timeout * TICK_NSEC / 1000);
}

void contract_invalidated(void)
{
	if (!sequence_moved() && !is_stuck())
		violated("-EBUSY though the sequence has not moved");
}

/*
 * Threads work only while the subject waits for them, and it waits until none does.
 * What a thread brings is not known to it: it looks for itself.
 */
void contract_works_alone(void)
{
	if (running != SUBJECT) {
		if (!subject_stack()->watch.sets_to_work)
			violated("works on, and its call does not wait for it any more");
		return;
	}
	me()->watch.sets_to_work = false;
	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		if (world.stack[i].watch.at_work)
			violated("goes on, and %s is still at work for it",
				 stack_name(i));
}

/* A lock was taken that the subject takes to set threads to work, and they to get it. */
void contract_between_pages(void)
{
	struct watch *w = &me()->watch;

	model_assert_unlocked();
	if (running == SUBJECT) {
		w->sets_to_work = true;
		w->where = ELSEWHERE;
		w->undecided = 0;
		return;
	}
	*w = (struct watch){
		.tried = NOWHERE,
		.idle_page = NOWHERE,
		.starved_table = NOWHERE,
		.faults_after_kill = w->faults_after_kill,
		.reads_after_kill = w->reads_after_kill,
	};
}

/* The subject sleeps until its threads have left: no time is lost meanwhile. */
void contract_waits_for_threads(bool now)
{
	if (running == SUBJECT)
		me()->watch.where = now ? DROPPED : ELSEWHERE;
}

void contract_looks_for_signal(void)
{
	if (running != SUBJECT && me()->killed && !subject_stack()->killed &&
	    !world.flight.cancelled)
		violated("gives up for a signal that was meant to end its work for another call");
}

void contract_signals_flushed(void)
{
	struct watch *w = &me()->watch;

	w->faults_after_kill = w->reads_after_kill = 0;
	tally.work_after_kill[running] = 0;
}

void contract_thread_created(void)
{
	unsigned int n = 1;

	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		n += world.stack[i].life != NO_STACK && world.stack[i].life != ENDED;
	if (n > scenario.threads)
		violated("%u threads are created, %u are allowed", n, scenario.threads);
}

void contract_thread_ends(void)
{
	model_assert_unlocked();
	if (!me()->should_stop)
		violated("a thread ends that nobody has stopped");
	if (me()->watch.at_work)
		violated("a thread ends in the middle of its work");
}

void contract_unloaded(void)
{
	for (unsigned int i = SUBJECT + 1; i < stacks_made(); i++)
		if (world.stack[i].life == CREATED || world.stack[i].life == LIVES)
			violated("the module is unloaded, and %s lives", stack_name(i));
	if (world.memory_kept)
		violated("the module is unloaded, and what was allocated for threads is not freed");
}

/* The lock is let go of, or asked for: till it is had, and looked at, time is open. */
void contract_lets_go(void)
{
	me()->watch.where = RELOCKING;
}

void contract_waits_for_lock(void)
{
	contract_works_alone();
	me()->watch.where = RELOCKING;
	me()->watch.at_work = running != SUBJECT;
}

void contract_saw_contention(bool contended)
{
	me()->watch.contended = contended;
	if (!contended && !lock_is_held())
		me()->watch.slept = true;
}

void contract_sleeps(void)
{
	struct watch *w = &me()->watch;

	if (!w->contended && !w->hindered)
		violated("sleeps, and nobody is in its way");
	w->slept = true;
	w->contended = w->hindered = false;
	w->idle_awake = 0;
	if (++w->sleeps > SLEEPS_MAX)
		violated("sleeps %u times, and does not come back for the lock",
			 w->sleeps);
}

void contract_locked(void)
{
	struct watch *w = &me()->watch;

	w->marked = world.reaped;
	w->moved = running != SUBJECT &&
		   (scenario.subject->plain ? world.flight.reason :
					      sequence_moved());
	/* A reader that comes right back takes the lock from a woken writer. */
	if (w->slept)
		w->starved_table = NOWHERE;
}

/* The subject looks at the sequence: was the wait for the lock in vain? */
void contract_looked(bool moved)
{
	struct watch *w = &me()->watch;

	if (w->where != RELOCKING)
		return;
	w->where = ELSEWHERE;
	if (moved)
		w->lost += w->undecided;
	else
		w->excused += w->undecided;
	w->undecided = 0;
}

/* What was read may not be so any more, and a writer had its chance. */
void contract_unlocked(void)
{
	struct watch *w = &me()->watch;

	memset(w->read, UNREAD, sizeof(w->read));
	if (running == SUBJECT)
		contract_lock_is_gone();
	w->idle_holding = 0;
	w->killed = me()->killed;
	w->slept = false;
	w->sleeps = 0;
}

/* Memory that has no tables of single pages is read much faster. */
static void check_read_length(unsigned int page, unsigned int end)
{
	for (unsigned int table = page / TABLE_PAGES + 1; table * TABLE_PAGES < end;
	     table++)
		if (!(world.pages[table * TABLE_PAGES].area & VM_HUGETLB))
			violated("page tables of single pages are read with others at once");
}

/* Reading: one page table may be read while a writer waits, not a second. */
void contract_read_begins(unsigned int page, unsigned int end)
{
	struct watch *w = &me()->watch;
	unsigned int table = page / TABLE_PAGES;

	w->walked = true;
	w->gets_on = true;
	if (contract_has_to_end() && ++w->reads_after_kill > 2)
		violated("killed or cancelled, and reads on");
	w->where = WALKING;
	check_read_length(page, end);
	if (!world.mm.mm_users.counter)
		violated("an address space without users is read");
	if (!world.lock.waiting)
		w->starved_table = NOWHERE;
	else if (w->starved_table == NOWHERE)
		w->starved_table = table;
	else if (w->starved_table != table)
		violated("a writer waits for the lock while one page table after the other is read");
}

void contract_read(unsigned int page, unsigned long entry)
{
	struct watch *w = &me()->watch;

	if (entry != cpu_entry(page, world.range.dev_private_owner))
		violated("page %u is read as somebody else's device memory", page);
	w->read[page] = satisfies(page, entry) ? READ_FINE : READ_SHORT;
	w->gets_on &= w->read[page] == READ_FINE;
	if (running == SUBJECT)
		contract_is_there(page, entry);
	if (running == SUBJECT && w->gets_on && page == w->furthest) {
		w->furthest++;
		progress();
		/* Whoever keeps a watch does not set it back in the same moment. */
		w->where = ELSEWHERE;
	}
}

/* Faulting. */
static void check_flags(unsigned int page, unsigned int flags)
{
	unsigned long asked = scenario_asked(page);
	bool again = me()->watch.tried == page;
	unsigned int expected = FAULT_FLAG_REMOTE | FAULT_FLAG_ALLOW_RETRY |
				FAULT_FLAG_KILLABLE;

	if (!asked || scenario.present_only)
		violated("page %u was faulted, and nobody asked for it", page);
	if (asked & HMM_PFN_REQ_WRITE)
		expected |= FAULT_FLAG_WRITE;
	/* Once less was asked of it, it stays so, whatever its mapping is by then. */
	if (world.call.may_get_less[page])
		expected &= flags | ~FAULT_FLAG_WRITE;
	if (again)
		expected |= FAULT_FLAG_TRIED;
	if (flags != expected)
		violated("page %u was faulted with flags %#x in place of %#x",
			 page, flags, expected);
}

static void check_need(unsigned int page, unsigned int flags)
{
	u32 area = world.pages[page].area;

	if (!(area & VM_READ) || area & (VM_IO | VM_PFNMAP))
		violated("page %u was faulted, its mapping does not allow that",
			 page);
	if (flags & FAULT_FLAG_WRITE && !(area & VM_WRITE))
		violated("page %u was faulted for write in a read-only mapping",
			 page);
	if (me()->watch.read[page] == READ_FINE)
		violated("page %u was faulted though it was read and satisfies its request",
			 page);
	if (me()->watch.read[page] == UNREAD)
		violated("page %u was faulted by what was read before something happened to it",
			 page);
}

/* Two faults of one page at a time bring nothing that one does not. */
static void check_crowd(unsigned int page)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < stacks_made(); i++) {
		const struct watch *w = &world.stack[i].watch;

		if (!w->in_fault)
			continue;
		if (w->faults == page)
			violated("page %u is faulted, and %s has a fault of it under way",
				 page, stack_name(i));
		n++;
	}
	if (n >= scenario.in_flight)
		violated("%u faults are in flight, %u are allowed", n + 1,
			 scenario.in_flight);
	tally.in_flight = max(tally.in_flight, n + 1);
}

/* What a thread is to look at once it has the lock. */
static void check_worth(unsigned int page)
{
	const struct watch *w = &me()->watch;

	if (running == SUBJECT)
		return;
	if (w->moved)
		violated("page %u is faulted, and the sequence had moved before the lock was taken",
			 page);
	if (w->marked)
		violated("page %u is faulted, and the reaper had marked the mm before the lock was taken",
			 page);
	tally.thread_faults++;
}

void contract_fault_begins(unsigned int page, unsigned int flags)
{
	struct watch *w = &me()->watch;

	check_crowd(page);
	check_worth(page);
	w->in_fault = true;
	w->faults = page;
	check_flags(page, flags);
	check_need(page, flags);
	if (contract_has_to_end() && ++w->faults_after_kill > 1)
		violated("killed or cancelled, and begins another fault");
	w->read[page] = UNREAD;
	w->where = FAULTING;
	/* From here on the engine takes off more than just waits. */
	if (flags & FAULT_FLAG_TRIED)
		w->lost = 0;
}

void contract_dropped(void)
{
	me()->watch.where = DROPPED;
	me()->watch.lost = 0;
	tally.drops++;
}

static void note_idle(unsigned int page, vm_fault_t result)
{
	struct watch *w = &me()->watch;

	if (w->idle_page != page)
		w->idle_faults = w->idle_holding = w->idle_awake = 0;
	w->idle_page = page;
	if (result & VM_FAULT_RETRY || contract_got_enough(page,
			cpu_entry(page, world.range.dev_private_owner))) {
		w->idle_faults = w->idle_awake = 0;
		return;
	}
	w->hindered = true;
	/* The first may have been the last page of a run. */
	if (++w->idle_awake > 2)
		violated("page %u is faulted without effect again and again, and nobody sleeps",
			 page);
	if (++w->idle_faults > IDLE_FAULTS_MAX)
		violated("page %u was faulted %u times without effect", page,
			 w->idle_faults);
	if (w->idle_faults == IDLE_FAULTS_MAX && scenario_is_optional(page))
		world.call.may_get_less[page] |= EXCUSED_ALL;
	if (++w->idle_holding > 1 && world.lock.waiting)
		violated("page %u is faulted without effect again and again, and a writer waits for the lock",
			 page);
}

/* What a thread has found of a page that is needed, the call has to find for itself. */
static void fault_failed(unsigned int page, vm_fault_t result)
{
	int error = vm_fault_to_errno(result, 0) ?: -EINVAL;

	if (running != SUBJECT && !scenario_is_optional(page))
		return;
	if (error == -EINVAL || result & (VM_FAULT_RETRY | VM_FAULT_COMPLETED))
		contract_may_fail(error);
	else if (!contract_has_to_end())
		page_fails(page, error);
}

/* Again, if a thread has found it, the call has to find it for itself. */
static void note_broken_rules(void)
{
	if (running == SUBJECT)
		world.call.broke_rules = true;
	else
		me()->watch.may_warn = true;
}

void contract_fault_ends(unsigned int page, vm_fault_t result)
{
	struct watch *w = &me()->watch;
	const vm_fault_t dropped = VM_FAULT_RETRY | VM_FAULT_COMPLETED;
	/* The engine takes off what passes until it looks at the clock. */
	bool again = w->tried == page;

	w->in_fault = false;
	w->faults = 0;
	w->where = result & dropped || again ? ELSEWHERE : WALKING;
	w->tried = result & VM_FAULT_RETRY ? page : NOWHERE;
	if (running == SUBJECT)
		world.call.completed |= !!(result & VM_FAULT_COMPLETED);
	if (result & VM_FAULT_ERROR)
		fault_failed(page, result);
	if (result & VM_FAULT_FALLBACK ||
	    (result & VM_FAULT_ERROR && result & dropped))
		note_broken_rules();
	note_idle(page, result);
}

void contract_warned(const char *condition)
{
	if (!world.call.broke_rules && !me()->watch.may_warn)
		violated("warns without a reason: %s", condition);
}

/* A page of the device must be the CPU's, and no more writable than there. */
static bool mapped_alike(unsigned int page, uint16_t frame, bool writable)
{
	const struct page *p = &world.pages[page];

	return (p->kind == PRESENT || p->kind == DEVICE_OURS) &&
	       p->frame == frame && (p->writable || !writable);
}

bool contract_mapped_alike(unsigned int page, unsigned long entry)
{
	return mapped_alike(page, entry, entry & HMM_PFN_WRITE);
}

void contract_device(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++) {
		const struct device_entry *e = &world.device[page];

		if (e->frame && !mapped_alike(page, e->frame, e->writable))
			violated("the device maps frame %#x at page %u, the CPU does not (%s)",
				 e->frame, page, page_text(page));
	}
}

/* After the return. */
static void check_requests_restored(void)
{
	if (!(world.range.pfn_flags_mask & REQUEST_BITS))
		return;
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (in_range(page) &&
		    (*range_entry(page) ^ scenario.request[page]) &
		    world.range.pfn_flags_mask)
			violated("it failed, and the request of page %u is lost",
				 page);
}

static void check_counters(const struct hmm_unlocked_counters *counters, int ret)
{
	u64 restarts = tally.passes ? tally.passes - 1 : 0;

	if (counters->n[HMM_UNLOCKED_CALLS] != 1 ||
	    counters->n[HMM_UNLOCKED_FAILURES] != !!ret ||
	    counters->n[HMM_UNLOCKED_RESTARTS] != restarts)
		violated("counts %llu calls, %llu failures, %llu restarts; there were 1, %d, %llu",
			 counters->n[HMM_UNLOCKED_CALLS],
			 counters->n[HMM_UNLOCKED_FAILURES],
			 counters->n[HMM_UNLOCKED_RESTARTS], !!ret, restarts);
	if (counters->n[HMM_UNLOCKED_THREAD_FAULTS] != tally.thread_faults ||
	    counters->n[HMM_UNLOCKED_MOST_IN_FLIGHT] < (tally.thread_faults ?
						   tally.in_flight : 0))
		violated("counts %llu faults of threads, %llu in flight; there were %llu, %u",
			 counters->n[HMM_UNLOCKED_THREAD_FAULTS],
			 counters->n[HMM_UNLOCKED_MOST_IN_FLIGHT],
			 tally.thread_faults, tally.in_flight);
	if (counters->n[HMM_UNLOCKED_ENTRIES_READ] != tally.entries_read ||
	    counters->n[HMM_UNLOCKED_FAULTS] != tally.faults ||
	    counters->n[HMM_UNLOCKED_LOCK_DROPS] != tally.drops)
		violated("counts %llu entries, %llu faults, %llu drops; there were %llu, %llu, %llu",
			 counters->n[HMM_UNLOCKED_ENTRIES_READ],
			 counters->n[HMM_UNLOCKED_FAULTS],
			 counters->n[HMM_UNLOCKED_LOCK_DROPS],
			 tally.entries_read, tally.faults, tally.drops);
}

void contract_returned(int ret, bool locked,
		       const struct hmm_unlocked_counters *counters)
{
	totals_expect_call(counters);
	contract_works_alone();
	if (locked != lock_is_held())
		violated("says that the lock is %s, and it is %s",
			 locked ? "held" : "not held",
			 lock_is_held() ? "held" : "not held");
	if (memory_in_use())
		violated("%u pieces of memory are not freed", memory_in_use());
	if (ret && ret != -EBUSY && !contract_has_reason(ret))
		violated("there was no reason to fail with %s", error_name(ret));
	if (!ret && world.call.broke_rules)
		violated("success, and a fault handler has broken its rules");
	if (ret)
		check_requests_restored();
	if (counters)
		check_counters(counters, ret);
}

static void check_entry(unsigned int page, unsigned long entry)
{
	if (!satisfies(page, entry))
		violated("success, and page %u is short of its request", page);
	if (entry & HMM_PFN_VALID && !contract_mapped_alike(page, entry))
		violated("success, and the entry of page %u is not what the CPU maps (%s)",
			 page, page_text(page));
	if (!(entry & HMM_PFN_VALID) && entry && entry != HMM_PFN_ERROR)
		violated("success, and page %u was never read", page);
}

/*
 * What the call cost, if nobody has disturbed it: one read of what was there, and
 * three of each page that was faulted, four if some faults let go of the lock, five if
 * threads have read as well.
 */
static void check_cost(void)
{
	u64 pages = pages_in_range();
	u64 most = !tally.faults ? pages :
		   (tally.thread_faults ? 5 : 4) * pages;

	if (!tally.acted && world.notifier.invalidate_seq == 1 &&
	    tally.entries_read > most)
		violated("reads %llu entries of %llu pages, by %llu faults",
			 tally.entries_read, pages, tally.faults);
}

void contract_collected(void)
{
	if (sequence_moved())
		return;
	check_cost();
	if (me()->watch.marked)
		violated("success, and the mm was marked by the OOM reaper");
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (in_range(page))
			check_entry(page, *range_entry(page));
}

void contract_came_back_unlocked(int ret)
{
	if (ret != 0 && ret != -EINTR)
		violated("%s, and the lock is dropped", error_name(ret));
	if (ret)
		return;
	if (me()->killed)
		violated("killed, and is told to call again");
	if (!world.call.completed)
		violated("the lock is dropped, and no fault has completed");
	check_requests_restored();
}

void contract_call_begins(void)
{
	/* Who was passed over, and where, the explorer remembers by this number. */
	tally = (struct tally){ .passed_over = tally.passed_over,
				.passed_over_before = tally.passed_over };
	world.call = (struct call_watch){};
	me()->watch = (struct watch){
		.tried = NOWHERE,
		.idle_page = NOWHERE,
		.starved_table = NOWHERE,
		.furthest = page_of(world.range.start),
		.marked = lock_is_held() && world.reaped,
		.where = lock_is_held() ? WALKING : ELSEWHERE,
		.since = world.now,
	};
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (in_range(page))
			*range_entry(page) = scenario.request[page];
	if (me()->killed)
		contract_killed();
	contract_world_changed();
}

/* What a call remembers ends with it; pages before @page are another's. */
void contract_next_call(unsigned int page)
{
	struct watch *w = &me()->watch;

	w->tried = w->idle_page = NOWHERE;
	w->idle_faults = w->idle_holding = w->idle_awake = 0;
	w->walked = w->hindered = false;
	w->passes = 0;
	w->starved_table = NOWHERE;
	w->furthest = page;
	progress();
}

const char *error_name(int error)
{
	switch (error) {
	case 0:
		return "0";
	case -EBUSY:
		return "-EBUSY";
	case -EFAULT:
		return "-EFAULT";
	case -EPERM:
		return "-EPERM";
	case -ENOMEM:
		return "-ENOMEM";
	case -EINTR:
		return "-EINTR";
	case -EINVAL:
		return "-EINVAL";
	case -ECANCELED:
		return "-ECANCELED";
	case -ESRCH:
		return "-ESRCH";
	case -EIO:
		return "-EIO";
	case -EAGAIN:
		return "-EAGAIN";
	case -ELOOP:
		return "-ELOOP";
	default:
		return "what no call returns";
	}
}
