// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a call of the engine has to have done when it returns, and where it begins.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/totals.h"

#define REQUEST_BITS	(HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE)

/* What the caller keeps in the entry of a page: no call may change it. */
static unsigned long sticky_flag(unsigned int page)
{
	static const unsigned long flags[] = {
		HMM_PFN_DMA_MAPPED, HMM_PFN_P2PDMA, HMM_PFN_P2PDMA_BUS,
	};

	return flags[page % 3];
}

/* After the return, whatever it was. */
static void check_sticky_flags(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (in_range(page) &&
		    (*range_entry(page) & HMMU_PFN_STICKY) != sticky_flag(page))
			violated("the entry of page %u has lost a flag of the caller, or got one",
				 page);
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
	if (!scenario.subject->maps)
		check_sticky_flags();
	if (ret == -EBUSY && contract_is_stuck() &&
	    cpu_entry(me()->watch.idle_page, world.range.dev_private_owner) & HMM_PFN_ERROR)
		violated("-EBUSY, and page %u is an error", me()->watch.idle_page);
	if (counters)
		check_counters(counters, ret);
}

static void check_entry(unsigned int page, unsigned long entry)
{
	if (!page_is_satisfied(page, entry))
		violated("success, and page %u is short of its request", page);
	if (entry & HMM_PFN_VALID && !contract_mapped_alike(page, entry))
		violated("success, and the entry of page %u is not what the CPU maps (%s)",
			 page, page_text(page));
	entry &= ~HMMU_PFN_STICKY;
	if (!(entry & HMM_PFN_VALID) && entry && entry != HMM_PFN_ERROR)
		violated("success, and page %u was never read", page);
}

/*
 * What the call cost, if nobody has disturbed it: one read of what was there, and
 * three of each page that was faulted, four if some faults released the lock, five if
 * threads have read as well.
 */
static void check_cost(void)
{
	u64 pages = range_pages();
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
			*range_entry(page) = scenario.request[page] |
					     sticky_flag(page);
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
	contract_progress();
}
