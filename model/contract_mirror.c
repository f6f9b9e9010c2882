// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of the mirror kit: range-exact on both sides.
 *
 * Which invalidations run and what they overlap is known from the actors; what is to
 * be collected follows from the request and from what was handed on. Neither is
 * asked of the kit. Each thing that the kit counts is counted here as well.
 */
#include "contract.h"
#include "scenario.h"
#include "schedule.h"

/* As in the kit: how often map() may be short of memory in a window. */
#define REFILLS_MAX	8
/* Likewise: how often pages of a window may be moved. */
#define MOVES_MAX	4

static void count(enum hmmu_mirror_counter which, u64 n)
{
	tally.mirror[which] += n;
}

/* A window ends with the page table that it is in. */
static unsigned int window_end(void)
{
	unsigned int table = world.flight.window / TABLE_PAGES + 1;

	return min(page_of(world.range.end), (unsigned int)(table * TABLE_PAGES));
}

static bool overlaps_window(const struct mmu_notifier_range *range)
{
	return page_of(range->start) < window_end() &&
	       page_of(range->end) > world.flight.window;
}

static bool concerns_mirror(const struct mmu_notifier_range *range)
{
	return range->start < world.mirror.end && range->end > world.mirror.start;
}

static unsigned int told_apart(void)
{
	unsigned int n = 0;

	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		n += world.invalidation[i].told && !world.invalidation[i].crowded;
	return n;
}

static bool overlapping_runs(void)
{
	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		if (world.invalidation[i].told &&
		    overlaps_window(&world.invalidation[i].range))
			return true;
	return false;
}

static bool crowded(void)
{
	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		if (world.invalidation[i].crowded)
			return true;
	return false;
}

void contract_invalidation_starts(struct invalidation *inv)
{
	struct flight_watch *w = &world.flight;

	if (!concerns_mirror(&inv->range))
		return;
	count(HMMU_MIRROR_INVALIDATIONS, 1);
	inv->crowded = told_apart() == HMMU_MIRROR_RUNNING_MAX;
	count(HMMU_MIRROR_CROWDED, inv->crowded);
	inv->told = true;

	if (!overlaps_window(&inv->range)) {
		w->spared = true;
	} else if (!w->reason) {
		w->reason = true;
		w->cause = inv->range.event;
		w->own = scenario.has_memory && inv->range.owner == &world.memory;
	}
}

void contract_invalidation_ends(struct invalidation *inv)
{
	inv->told = inv->crowded = false;
}

void contract_flight_begins(void)
{
	if (world.mirror_state.closing)
		violated("begins, and the mirror is being unregistered");
	if (world.prefetch.cancelled)
		violated("a prefetch begins that was cancelled");
	world.flight.flying = world.flight.may_call = true;
}

/* The engine is called: once for each window, unless map() was short of memory. */
void contract_flight_calls(void)
{
	struct flight_watch *w = &world.flight;

	if (w->short_of_memory)
		violated("map() was short of memory, and is called again without prepare()");
	if (!w->may_call)
		violated("collects pages %u-%u again, and nothing has happened to them",
			 w->window, window_end() - 1);
	w->may_call = w->passes = false;
	tally.calls++;
	contract_next_call(w->window);
}

static enum hmmu_mirror_counter retry_counter(const struct flight_watch *w)
{
	static const enum hmmu_mirror_counter counters[] = {
		[MMU_NOTIFY_UNMAP] = HMMU_MIRROR_RETRY_UNMAP,
		[MMU_NOTIFY_CLEAR] = HMMU_MIRROR_RETRY_CLEAR,
		[MMU_NOTIFY_PROTECTION_VMA] = HMMU_MIRROR_RETRY_PROTECTION,
		[MMU_NOTIFY_PROTECTION_PAGE] = HMMU_MIRROR_RETRY_PROTECTION,
		[MMU_NOTIFY_SOFT_DIRTY] = HMMU_MIRROR_RETRY_SOFT_DIRTY,
		[MMU_NOTIFY_RELEASE] = HMMU_MIRROR_RETRY_OTHER,
		[MMU_NOTIFY_MIGRATE] = HMMU_MIRROR_RETRY_MIGRATE,
		[MMU_NOTIFY_EXCLUSIVE] = HMMU_MIRROR_RETRY_OTHER,
	};

	if (w->cause == MMU_NOTIFY_MIGRATE && w->own)
		return HMMU_MIRROR_RETRY_OWN;
	return counters[w->cause];
}

/* It wants to begin a pass. */
void contract_flight_asks(void)
{
	struct flight_watch *w = &world.flight;

	if (w->passes) {
		if (w->moves && w->may_call)
			violated("begins again by itself after it has moved pages, in place of a new call");
		if (!w->reason)
			violated("begins again, and no invalidation of pages %u-%u has started since",
				 w->window, window_end() - 1);
		count(retry_counter(w), 1);
		tally.restarts++;
	}
	count(HMMU_MIRROR_WAITS, overlapping_runs() || crowded());
	contract_pass_begins();
}

void contract_flight_waits(void)
{
	if (!overlapping_runs() && !crowded())
		violated("waits, and no invalidation of pages %u-%u is running",
			 world.flight.window, window_end() - 1);
	contract_collides(true);
}

/* It was woken, or killed. */
void contract_flight_slept(void)
{
	if (me()->killed && me()->sleeps_on && !overlapping_runs() && !crowded())
		violated("sleeps until it is killed, and what it has waited for is over");
	contract_collides(false);
}

static bool is_told_of(const struct mmu_notifier_range *range)
{
	for (int i = 0; i < MAX_INVALIDATIONS; i++)
		if (world.invalidation[i].told &&
		    &world.invalidation[i].range == range)
			return true;
	return false;
}

/* Who is woken looks at once, and may sleep again before anything else happens. */
void contract_wakes(void)
{
	const struct hmmu_mirror_state *mirror = &world.mirror_state;

	for (unsigned int i = 0; i < mirror->running_nr; i++)
		if (!is_told_of(mirror->running[i]))
			violated("wakes those who wait, before the invalidation that has ended is taken off");
}

void contract_flight_passes(void)
{
	struct flight_watch *w = &world.flight;

	if (overlapping_runs() && !w->cancelled)
		violated("collects pages %u-%u while an invalidation of them is running",
			 w->window, window_end() - 1);
	w->passes = true;
	w->reason = w->spared = false;
	w->there = w->movable = 0;
}

/* All that is under way, or just prefetches, is about to be told to end. */
void contract_cancels(bool all)
{
	if (!flight_is_listed())
		return;
	if (!all && !(subject_stack()->task.flags & PF_KTHREAD))
		return;
	world.flight.cancelled = true;
	contract_may_fail(-ECANCELED);
}

void contract_has_cancelled(void)
{
	if (flight_is_listed() && world.flight.cancelled)
		violated("all that was cancelled is said to have ended, and it has not");
}

static void check_window(const struct hmmu_pages *pages)
{
	struct flight_watch *w = &world.flight;

	model_assert_locked();
	model_assert_held(&world.mirror_state.lock);
	if (page_of(pages->start) != w->window ||
	    page_of(pages->end) != window_end())
		violated("pages %u-%u are handed on in place of %u-%u",
			 page_of(pages->start), page_of(pages->end) - 1,
			 w->window, window_end() - 1);
	if (w->reason || overlapping_runs())
		violated("pages %u-%u are handed on, and an invalidation of them has started since they were read",
			 w->window, window_end() - 1);
}

static bool is_movable(unsigned int page)
{
	const struct page *p = &world.pages[page];

	return p->kind == PRESENT && !frame_is_on_device(p->frame) &&
	       !(p->area & VM_SHARED);
}

/* What the walk was told, of use until the next pass. */
void contract_is_there(unsigned int page, unsigned long entry)
{
	u64 bit = 1ULL << page;

	if (!scenario.has_memory)
		return;
	world.flight.there &= ~bit;
	world.flight.movable &= ~bit;
	if (!(entry & HMM_PFN_VALID))
		return;
	world.flight.there |= bit;
	if (is_movable(page))
		world.flight.movable |= bit;
}

void contract_lock_is_gone(void)
{
	if (world.migration.end)
		violated("lets go of the mmap lock, and pages %u-%u were made ready to be moved",
			 world.migration.first, world.migration.end - 1);
}

static void check_may_be_moved(unsigned int page)
{
	struct flight_watch *w = &world.flight;
	u64 bit = 1ULL << page;

	if (page < w->window || page >= window_end())
		violated("page %u is to be moved, and is not in the window", page);
	if (!scenario_asked(page))
		violated("page %u is to be moved, and nobody asked for it", page);
	if (!(w->there & bit))
		violated("page %u is to be moved before it was found to be there", page);
	if (!(w->movable & bit))
		violated("page %u is to be moved, and is none that could be (%s)", page,
			 page_text(page));
	if (w->handed & bit)
		violated("page %u is to be moved for the second time", page);
	if (scenario.no_room)
		violated("page %u is to be moved, and there is no room for it", page);
	w->handed |= bit;
}

/* However many pieces there are: they are one move until all is collected again. */
static void note_move(unsigned int pages)
{
	struct flight_watch *w = &world.flight;

	if (!w->may_call && ++w->moves > MOVES_MAX)
		violated("pages of one window are moved for the %uth time", w->moves);
	if (w->moves > 1 && !tally.acted)
		violated("pages of one window are moved again, and nobody has done anything");
	w->may_call = true;
	count(HMMU_MIRROR_PAGES_STAYED, pages);
}

/* What is made ready when it is told comes to its end; no more is begun. */
static void note_move_of_range(void)
{
	struct flight_watch *w = &world.flight;

	if (contract_has_to_end() && ++w->moves_after_end > 1)
		violated("killed or cancelled, and moves on");
}

/* Pages are to be made ready to be moved. */
void contract_migrates(unsigned int first, unsigned int end,
		       const struct vm_area_struct *vma, const void *owner,
		       bool to_memory)
{
	if (to_memory == scenario.home)
		violated("pages are selected for the other way");
	if (owner != &world.memory)
		violated("pages are moved in the name of another device");
	if (world.migration.end)
		violated("pages are to be moved while others are");
	if (first >= end || end * PAGE_SIZE > vma->vm_end)
		violated("pages %u-%u are to be moved, and their mapping ends before",
			 first, end - 1);
	for (unsigned int page = first; scenario.subject->maps && page < end; page++)
		check_may_be_moved(page);
	if (scenario.subject->maps)
		note_move(end - first);
	else
		note_move_of_range();
}

/* They were made ready. */
void contract_copies(unsigned int n)
{
	const struct migration *m = &world.migration;

	model_assert_locked();
	if (!m->end || m->done)
		violated("pages are copied that were not made ready");
	if (n > m->end - m->first)
		violated("%u pages are copied, %u are to be moved", n, m->end - m->first);
	contract_device();
}

void contract_pages_moved(unsigned int n)
{
	if (!scenario.subject->maps) {
		world.migration.moved += n;
		return;
	}
	count(HMMU_MIRROR_PAGES_MOVED, n);
	count(HMMU_MIRROR_PAGES_STAYED, -(u64)n);
}

static enum hmmu_place place_of(unsigned long entry)
{
	if (!(entry & HMM_PFN_VALID))
		return HMMU_PLACE_NONE;
	if (frame_is_ours(entry))
		return HMMU_PLACE_MEMORY;
	return frame_is_on_device(entry) ? HMMU_PLACE_OTHER : HMMU_PLACE_SYSTEM;
}

void contract_places(const u8 *places)
{
	unsigned int first = page_of(world.range.start), page;

	for (page = first; page < page_of(world.range.end); page++) {
		u8 place = page < world.flight.window ? world.flight.place[page] : NOWHERE;

		if (places[page - first] != place)
			violated("page %u was at place %u when it was mapped, and is said to be at %u",
				 page, place, places[page - first]);
	}
}

/* Nobody has tried to move it, and that can't be for a limit. */
static bool is_left_behind(unsigned int page)
{
	const struct flight_watch *w = &world.flight;

	return scenario.has_memory && !scenario.no_room && is_movable(page) &&
	       w->moves < MOVES_MAX && !(w->handed >> page & 1);
}

static void check_handed_on(unsigned int page, unsigned long entry, bool mapped)
{
	if (entry & HMM_PFN_VALID && !contract_mapped_alike(page, entry))
		violated("page %u is handed on, and is not what the CPU maps (%s)",
			 page, page_text(page));
	if (!contract_got_enough(page, entry))
		violated("page %u is handed on, and is short of its request", page);
	if (mapped && entry && !(entry & HMM_PFN_VALID))
		violated("page %u is not there, and its entry is not empty", page);
	if (mapped && entry && is_left_behind(page))
		violated("page %u is mapped where it is, and was to be in the device's memory",
			 page);
	if (mapped && entry && !scenario_asked(page))
		violated("page %u is handed to map(), and nobody asked for it", page);
}

/* A window is handed on, to be mapped or to be seen. */
void contract_commits(const struct hmmu_pages *pages)
{
	bool mapped = scenario.subject->maps;

	check_window(pages);
	for (unsigned int page = page_of(pages->start);
	     page < page_of(pages->end); page++)
		check_handed_on(page, pages->entries[page - page_of(pages->start)],
				mapped);
}

void contract_committed(const struct hmmu_pages *pages, bool mapped)
{
	struct flight_watch *w = &world.flight;

	for (unsigned int page = 0; mapped && page < window_end() - w->window; page++) {
		count(HMMU_MIRROR_PAGES_MAPPED, !!pages->entries[page]);
		w->place[w->window + page] = place_of(pages->entries[page]);
	}
	count(HMMU_MIRROR_WINDOWS, 1);
	count(HMMU_MIRROR_RETRIES_AVOIDED, w->spared);
	w->window = window_end();
	w->may_call = true;
	w->refills = w->moves = 0;
}

void contract_map_is_short(void)
{
	struct flight_watch *w = &world.flight;

	count(HMMU_MIRROR_REFILLS, 1);
	w->short_of_memory = true;
	if (scenario.no_prepare || w->refills == REFILLS_MAX)
		contract_may_fail(-ENOMEM);
}

void contract_map_fails(int error)
{
	world.flight.error = error;
}

void contract_prepare_fails(void)
{
	world.flight.may_call = false;
	contract_may_fail(-ENOMEM);
}

void contract_prepares(void)
{
	struct flight_watch *w = &world.flight;

	if (!w->short_of_memory)
		violated("prepare() is called, and map() was not short of memory");
	if (++w->refills > REFILLS_MAX)
		violated("prepare() is called for the %uth time for one window",
			 w->refills);
	w->short_of_memory = false;
	w->may_call = true;
}

static void check_engine(const struct hmm_unlocked_counters *engine)
{
	if (engine->n[HMM_UNLOCKED_CALLS] != tally.calls ||
	    engine->n[HMM_UNLOCKED_RESTARTS] != tally.restarts ||
	    engine->n[HMM_UNLOCKED_ENTRIES_READ] != tally.entries_read ||
	    engine->n[HMM_UNLOCKED_FAULTS] != tally.faults ||
	    engine->n[HMM_UNLOCKED_THREAD_FAULTS] != tally.thread_faults ||
	    engine->n[HMM_UNLOCKED_LOCK_DROPS] != tally.drops)
		violated("counts %llu calls, %llu restarts, %llu entries, %llu faults, %llu drops; there were %u, %u, %llu, %llu, %llu",
			 engine->n[HMM_UNLOCKED_CALLS],
			 engine->n[HMM_UNLOCKED_RESTARTS],
			 engine->n[HMM_UNLOCKED_ENTRIES_READ],
			 engine->n[HMM_UNLOCKED_FAULTS],
			 engine->n[HMM_UNLOCKED_LOCK_DROPS],
			 tally.calls, tally.restarts, tally.entries_read,
			 tally.faults, tally.drops);
}

static void check_counters(void)
{
#define COUNTER_NAME(id, name, help)	#name,
	static const char *const names[] = {
		HMMU_MIRROR_COUNTERS(COUNTER_NAME)
	};

	for (int i = 0; i < HMMU_MIRROR_NR_COUNTERS; i++)
		if (world.mirror_state.counters[i] != tally.mirror[i])
			violated("counts %llu %s, there were %llu",
				 world.mirror_state.counters[i], names[i], tally.mirror[i]);
	check_engine(&world.mirror_state.engine);
}

static void check_left_behind(void)
{
	model_assert_unlocked();
	if (memory_in_use())
		violated("%u pieces of memory are not freed", memory_in_use());
	if (world.mm.mm_users.counter != scenario.start.mm.mm_users.counter)
		violated("the address space has %d users afterwards, it had %d",
			 world.mm.mm_users.counter,
			 scenario.start.mm.mm_users.counter);
	if (!list_empty(&world.mirror_state.flights))
		violated("it has returned, and is listed as under way");
	if (world.mirror_state.lock.held)
		violated("it has returned, and the mirror lock is held");
}

/* What map() answers is what the caller gets, unless it was interrupted by then. */
static void check_errno(int ret)
{
	struct flight_watch *w = &world.flight;

	if (w->error && ret != w->error &&
	    !(w->error == -EINTR && ret == -ECANCELED && w->cancelled))
		violated("map() has failed with %s, and it returns %s",
			 error_name(w->error), error_name(ret));
	if (w->error || !ret)
		return;
	if (ret == -EBUSY)
		contract_timed_out();
	else if (!contract_has_reason(ret))
		violated("there was no reason to fail with %s", error_name(ret));
}

void contract_flight_returned(int ret, enum hmmu_mirror_counter which)
{
	struct flight_watch *w = &world.flight;
	bool flew = w->flying;

	contract_works_alone();
	w->flying = false;
	check_left_behind();
	check_errno(ret);
	if (!ret && w->window != page_of(world.range.end))
		violated("success, and pages from %u on were not handed on", w->window);
	if (!ret && world.call.broke_rules)
		violated("success, and a fault handler has broken its rules");
	if (flew) {
		count(which, 1);
		count(HMMU_MIRROR_FAILED, !!ret);
		count(HMMU_MIRROR_CANCELLED, ret == -ECANCELED);
	}
	check_counters();
}

/* hmmu_mirror_migrate(): nothing is populated, nothing is counted. */
void contract_migrate_returned(int ret, unsigned long moved)
{
	check_left_behind();
	if (moved != world.migration.moved)
		violated("says that %lu pages were moved, there were %u", moved,
			 world.migration.moved);
	if (ret && !contract_has_reason(ret))
		violated("there was no reason to fail with %s", error_name(ret));
	check_counters();
}
