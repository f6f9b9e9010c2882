// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several faults in flight.
 *
 * Principle: a fault thread makes a call over a range of one page (lock, read, fault,
 * resume), with the hooks, the sequence and the entry of the call that it works for. It
 * decides nothing. A page that it could not fault is still short afterwards, and the
 * call learns why by a fault of its own.
 *
 *	the call			a fault thread
 *
 *	lock
 *	 fault, which drops the lock
 *	lock, read: other pages are short
 *	unlock
 *	 begin a round, wake threads
 *	 wait, killable			take a page from the round
 *	 .				lock, read, fault, read, unlock
 *	 .				... until no page is left: leave the round
 *	 all have left: next round
 *	lock, go on
 *
 * A page that a thread has collected is true as long as the sequence has not moved, by
 * the principle in call.h. A page that was filled along with another page is not known
 * to be there: the call reads it.
 *
 * Threads are created when they are first needed, then wait for work, and end with the
 * module. An address space may have as many threads at work as are free. So one that is
 * stuck leaves half of them to the next, which leaves a quarter. A thread looks before
 * each page whether its address space is above its share, and then leaves the round: so
 * where all make progress each gets its share.
 *
 * Lock order: crew_lock is taken with no other lock held; only the scheduler's locks and
 * a thread's signal lock are taken under it. It protects the lists, the numbers, and all
 * fields of struct hmmu_round but those that do not change.
 *
 * Hazards:
 * - A round is on its call's stack. A thread uses it only until it has left, in its last
 *   hold of crew_lock; the call takes crew_lock once more before it returns.
 * - A thread behind a server that never answers leaves for SIGKILL alone. round_stop()
 *   sends it under crew_lock, after it has set ->stop: a thread that does not take
 *   signals yet, or is between two pages, sees ->stop.
 * - A signal that came too late must not end the thread's work for the next call: the
 *   thread flushes it after it has left, when no other can come, and before it is idle.
 * - The call waits killably. A killed task that waited uninterruptibly for threads, which
 *   wait for that task's own page server, would never close the userfaultfd.
 * - Of two pages that one fault brings, both may be faulted: each thread reads one page,
 *   and does not see the other's fault.
 * - A thread belongs to the root cgroup. What it allocates is charged to the memory cgroup
 *   of the address space, and it has the credentials of the call's task (FUSE tests them).
 *   I/O limits, cpusets, hugetlb cgroups and a task's memory policy do not apply to it,
 *   and a userfaultfd that asks for thread ids gets the thread's.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "call.h"
#include "trace.h"

static unsigned int fault_threads = 64;
module_param(fault_threads, uint, 0644);
MODULE_PARM_DESC(fault_threads, "at most this many fault threads at work; 0: none");

static unsigned int faults_in_flight = 32;
module_param(faults_in_flight, uint, 0644);
MODULE_PARM_DESC(faults_in_flight, "at most this many faults of one call in flight");

static bool faults_adapt = true;
module_param(faults_adapt, bool, 0644);
MODULE_PARM_DESC(faults_adapt,
		 "learn how many in flight are best; N: always as many as are allowed");

/**
 * struct hmmu_round - pages of a call that are to be faulted together
 * @call: the call, which waits meanwhile; does not change
 * @memcg: memory cgroup to charge; does not change
 * @cred: credentials of the call's task; does not change
 * @list: in rounds
 * @threads: the threads that work on it
 * @over: woken when the last thread has left
 * @next: the next page to be faulted, or @end
 * @end: where to stop; does not change
 * @stride: one page in so many bytes is faulted; does not change
 * @left: how many pages may still be faulted
 * @handed: how many pages threads have taken
 * @running: number of threads in @threads
 * @stop: threads must take no more pages
 * @counters: what the threads that have left did
 */
struct hmmu_round {
	struct hmmu_call *call;
	struct mem_cgroup *memcg;
	const struct cred *cred;
	struct list_head list;
	struct list_head threads;
	wait_queue_head_t over;
	unsigned long next;
	unsigned long end;
	unsigned long stride;
	unsigned int left;
	unsigned int handed;
	unsigned int running;
	bool stop;
	struct hmm_unlocked_counters counters;
};

/**
 * struct fault_thread - a thread of the crew
 * @all: in all_threads
 * @list: in idle_threads or in its round
 * @task: the kernel thread
 * @work: where it waits for a round
 * @round: the round it works on, or NULL
 */
struct fault_thread {
	struct list_head all;
	struct list_head list;
	struct task_struct *task;
	wait_queue_head_t work;
	struct hmmu_round *round;
};

/* A call over one page. */
struct page_call {
	struct hmm_range range;
	struct hmmu_call call;
	unsigned long request;
};

static DEFINE_SPINLOCK(crew_lock);
static LIST_HEAD(all_threads);
static LIST_HEAD(idle_threads);
static LIST_HEAD(rounds);
static unsigned int all_nr;
static unsigned int idle_nr;
static unsigned int busy_nr;

static unsigned int crew_free_nr(void)
{
	unsigned int limit = READ_ONCE(fault_threads);

	lockdep_assert_held(&crew_lock);
	return limit - min(limit, busy_nr);
}

static unsigned int crew_busy_for(const struct mm_struct *mm)
{
	const struct hmmu_round *round;
	unsigned int n = 0;

	lockdep_assert_held(&crew_lock);
	list_for_each_entry(round, &rounds, list)
		if (round->call->mm == mm)
			n += round->running;
	return n;
}

/* The next page that is short by what was read before the round. */
static unsigned long round_next_short(const struct hmmu_round *round,
				      unsigned long addr)
{
	if (addr >= round->end)
		return round->end;
	return hmmu_call_plan_next(round->call, addr, round->end);
}

static bool round_take_page(struct hmmu_round *round, unsigned long *addr)
{
	bool taken = false;

	spin_lock(&crew_lock);
	if (!round->stop && round->left && round->next < round->end &&
	    crew_busy_for(round->call->mm) <= crew_free_nr() + 1) {
		taken = true;
		*addr = round->next;
		round->next = round_next_short(round, *addr + round->stride);
		round->left--;
		round->handed++;
	}
	spin_unlock(&crew_lock);
	return taken;
}

/* The call that the thread works for finds a moved sequence itself, and counts it once. */
static void call_forget_moves(struct hmmu_call *call)
{
	u64 *n = call->counters.n;

	n[HMM_UNLOCKED_MOVED_WAITING] = 0;
	n[HMM_UNLOCKED_MOVED_HELD] = 0;
	n[HMM_UNLOCKED_MOVED_DROPPED] = 0;
	n[HMM_UNLOCKED_MOVED_YIELDED] = 0;
}

static int round_fault_page(const struct hmmu_call *whole, struct page_call *page,
			    unsigned long addr)
{
	struct hmmu_call *call = &page->call;
	int ret;

	page->range = (struct hmm_range) {
		.notifier = whole->range->notifier,
		.notifier_seq = whole->range->notifier_seq,
		.start = addr,
		.end = addr + PAGE_SIZE,
		.hmm_pfns = hmmu_call_entry(whole, addr),
		.dev_private_owner = whole->range->dev_private_owner,
	};
	hmmu_call_init(call, &page->range, whole->hooks);
	hmmu_call_requests_set_one(call, &page->request, hmmu_call_request(whole, addr));

	ret = hmmu_call_lock(call, ktime_get_ns(), HMM_UNLOCKED_MOVED_DROPPED);
	if (!ret)
		ret = hmmu_call_walk(call);
	if (call->locked)
		hmmu_call_unlock(call);
	call_forget_moves(call);
	return ret;
}

/* No further page is taken. With @kick, faults that wait are ended too. */
static void round_stop(struct hmmu_round *round, bool kick)
{
	struct fault_thread *thread;

	spin_lock(&crew_lock);
	round->stop = true;
	if (kick)
		list_for_each_entry(thread, &round->threads, list)
			send_sig(SIGKILL, thread->task, 1);
	spin_unlock(&crew_lock);
}

static void thread_leave_round(struct fault_thread *thread,
			       const struct hmm_unlocked_counters *counters)
{
	struct hmmu_round *round = thread->round;

	spin_lock(&crew_lock);
	hmmu_counters_add(&round->counters, counters);
	list_del(&thread->list);
	WRITE_ONCE(thread->round, NULL);
	busy_nr--;
	WRITE_ONCE(round->running, round->running - 1);
	if (!round->running)
		wake_up(&round->over);
	spin_unlock(&crew_lock);
}

static void thread_run_round(struct fault_thread *thread)
{
	struct hmmu_round *round = thread->round;
	struct mem_cgroup *memcg = set_active_memcg(round->memcg);
	const struct cred *cred = override_creds(round->cred);
	struct hmm_unlocked_counters counters = {};
	struct page_call page;
	unsigned long addr;

	while (round_take_page(round, &addr)) {
		if (round_fault_page(round->call, &page, addr))
			round_stop(round, false);
		hmmu_counters_add(&counters, &page.call.counters);
	}
	revert_creds(cred);
	set_active_memcg(memcg);
	thread_leave_round(thread, &counters);
}

static void thread_be_idle(struct fault_thread *thread)
{
	flush_signals(current);
	spin_lock(&crew_lock);
	list_add(&thread->list, &idle_threads);
	idle_nr++;
	spin_unlock(&crew_lock);
}

static int thread_main(void *data)
{
	struct fault_thread *thread = data;

	allow_kernel_signal(SIGKILL);
	while (!kthread_should_stop()) {
		wait_event_idle(thread->work, READ_ONCE(thread->round) ||
				kthread_should_stop());
		if (!thread->round)
			continue;
		thread_run_round(thread);
		thread_be_idle(thread);
	}
	return 0;
}

static struct fault_thread *thread_create(void)
{
	struct fault_thread *thread = kzalloc(sizeof(*thread), GFP_KERNEL);

	if (!thread)
		return NULL;
	init_waitqueue_head(&thread->work);
	thread->task = kthread_create(thread_main, thread, "hmmu-fault");
	if (IS_ERR(thread->task)) {
		kfree(thread);
		return NULL;
	}
	return thread;
}

static bool crew_reserve_thread(unsigned int idle)
{
	bool yes;

	spin_lock(&crew_lock);
	yes = idle_nr < idle && all_nr < READ_ONCE(fault_threads);
	all_nr += yes;
	spin_unlock(&crew_lock);
	return yes;
}

/*
 * Create threads until @idle of them wait for work, or no more may be created. Each is
 * woken before it is listed as idle: another call that gives it work must not have to
 * wait until this task runs again.
 */
static void crew_create_threads(const struct hmmu_call *call, unsigned int idle)
{
	struct fault_thread *thread;

	while (!hmmu_call_interrupted(call) && crew_reserve_thread(idle)) {
		thread = thread_create();
		if (thread)
			wake_up_process(thread->task);
		spin_lock(&crew_lock);
		if (thread) {
			list_add(&thread->all, &all_threads);
			list_add(&thread->list, &idle_threads);
			idle_nr++;
		} else {
			all_nr--;
		}
		spin_unlock(&crew_lock);
		if (!thread)
			return;
	}
}

/* How many more threads an address space may have at work. */
static unsigned int crew_share_locked(const struct mm_struct *mm)
{
	unsigned int free = crew_free_nr(), busy = crew_busy_for(mm);

	return busy < free ? (free - busy + 1) / 2 : 0;
}

static unsigned int crew_share(const struct mm_struct *mm)
{
	unsigned int n;

	spin_lock(&crew_lock);
	n = crew_share_locked(mm);
	spin_unlock(&crew_lock);
	return n;
}

/*
 * Returns how many threads have begun to work: none, or at least two, for one would be no
 * better than the call itself.
 */
static unsigned int round_begin(struct hmmu_round *round, unsigned int width)
{
	struct fault_thread *thread;
	unsigned int i;

	spin_lock(&crew_lock);
	width = min3(width, crew_share_locked(round->call->mm), idle_nr);
	if (width < 2)
		width = 0;
	list_add(&round->list, &rounds);
	for (i = 0; i < width; i++) {
		thread = list_first_entry(&idle_threads, struct fault_thread,
					  list);
		list_move(&thread->list, &round->threads);
		WRITE_ONCE(thread->round, round);
		wake_up(&thread->work);
	}
	idle_nr -= width;
	busy_nr += width;
	WRITE_ONCE(round->running, width);
	spin_unlock(&crew_lock);
	return width;
}

static void round_wait(struct hmmu_round *round)
{
	int ret;

	ret = wait_event_killable(round->over, !READ_ONCE(round->running) ||
				  hmmu_call_interrupted(round->call));
	if (ret || READ_ONCE(round->running)) {
		round_stop(round, true);
		wait_event(round->over, !READ_ONCE(round->running));
	}
}

static void round_end(struct hmmu_round *round, unsigned int width)
{
	struct hmmu_call *call = round->call;

	spin_lock(&crew_lock);
	list_del(&round->list);
	spin_unlock(&crew_lock);

	mem_cgroup_put(round->memcg);
	hmmu_counters_add(&call->counters, &round->counters);
	hmmu_call_count(call, HMM_UNLOCKED_THREADS, width);
	hmmu_call_count(call, HMM_UNLOCKED_THREAD_FAULTS,
			round->counters.n[HMM_UNLOCKED_FAULTS]);
	hmmu_call_count_max(call, HMM_UNLOCKED_MOST_IN_FLIGHT, width);
}

static unsigned int round_count_short(const struct hmmu_round *round,
				      unsigned int most)
{
	unsigned long addr = round->next;
	unsigned int n;

	for (n = 0; n < most && addr < round->end; n++)
		addr = round_next_short(round, addr + round->stride);
	return n;
}

/* @next becomes where to go on. Returns false if no further round is to follow. */
static bool crew_run_round(struct hmmu_call *call, unsigned long *next,
			   unsigned long end, unsigned int width)
{
	struct hmmu_round round = {
		.call = call,
		.threads = LIST_HEAD_INIT(round.threads),
		.next = *next,
		.end = end,
		.stride = call->guess.fill << PAGE_SHIFT,
		.left = hmmu_pace_pages(call->guess.pace, width),
		.memcg = get_mem_cgroup_from_mm(call->mm),
		.cred = current_cred(),
	};
	unsigned int asked = width;
	u64 begun;

	init_waitqueue_head(&round.over);
	width = min(width, round_count_short(&round, width));
	crew_create_threads(call, width);
	begun = ktime_get_ns();
	width = round_begin(&round, width);
	if (width)
		round_wait(&round);
	round_end(&round, width);

	*next = round.next;
	if (!width || round.stop)
		return false;
	if (width == asked && round.handed >= width)
		hmmu_pace_note(call->guess.pace, width, round.handed,
			       ktime_get_ns() - begun);
	return round.handed && round.next < end;
}

/* How many faults to have in flight next, with at most @threads threads. */
static unsigned int crew_next_width(const struct hmmu_call *call,
				    unsigned int threads)
{
	struct hmmu_pace *pace = call->guess.pace;
	unsigned int limit = pace->limit ?: READ_ONCE(faults_in_flight);

	limit = min(limit, threads);
	if (!READ_ONCE(faults_adapt))
		return limit;
	return hmmu_pace_next(pace, max(limit, 1U));
}

/**
 * hmmu_call_crew_run() - fault pages that are short, several at a time
 * @call: the call; one of its faults has dropped the lock and waited
 * @addr: where to begin
 * @end: where to stop, in the same page table
 *
 * Does nothing if no second page is short, if one fault at a time is allowed or has
 * turned out best, or if no threads are free.
 *
 * The entries of pages that the threads have faulted are collected. Other entries may be
 * older than the last drop of the lock.
 *
 * Context: mmap lock held for read on entry. On return see call->locked.
 * Return: as hmmu_call_lock().
 */
int hmmu_call_crew_run(struct hmmu_call *call, unsigned long addr,
		       unsigned long end)
{
	unsigned int width;
	u64 begun;

	if (!call->guess.pace || addr >= end ||
	    crew_next_width(call, READ_ONCE(fault_threads)) < 2)
		return 0;
	addr = hmmu_call_plan_next(call, addr, end);
	if (addr >= end || hmmu_call_plan_next(call, addr + PAGE_SIZE, end) >= end)
		return 0;

	begun = ktime_get_ns();
	hmmu_call_unlock(call);
	do {
		width = crew_next_width(call, crew_share(call->mm));
	} while (width > 1 && crew_run_round(call, &addr, end, width));
	hmmu_limit_take_off(&call->limit, ktime_get_ns() - begun);
	return hmmu_call_lock(call, ktime_get_ns(), HMM_UNLOCKED_MOVED_DROPPED);
}

/**
 * hmmu_crew_exit() - end all threads
 *
 * Context: No call is under way any more, so no thread is at work. A thread may still be
 * on its way to idle_threads, and links itself to its neighbours there: so all are stopped
 * before any is freed. Sleeps.
 */
void hmmu_crew_exit(void)
{
	struct fault_thread *thread, *next;

	list_for_each_entry(thread, &all_threads, all)
		kthread_stop(thread->task);
	list_for_each_entry_safe(thread, next, &all_threads, all)
		kfree(thread);
}
