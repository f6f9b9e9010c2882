// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror kit: access for the device alone.
 *
 * A try begins when all windows were collected and mapped as by a populate, and
 * prepare() was called. It is one pass over the pages that are not exclusive yet. It must
 * map them one after the other, each exclusive, writable, locked and true at that moment, or
 * have had a reason not to: a page that could not be locked or had, an eviction, an
 * invalidation by others. The invalidations that make_device_exclusive_range() itself causes
 * are no such reason, nor is what happens to pages that it has mapped. After a failed try
 * the call sleeps, unless map() was short of memory, and collects again what is left, 16
 * times at most for a page. It never waits with a page locked or with hmmu_evicting held.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"

/* As in the kit. */
#define TRIES_MAX	16

static bool all_is_collected(void)
{
	return world.flight.window == page_of(world.range.end);
}

bool exclusive_try_is_due(void)
{
	return scenario.subject->alone && !world.flight.trying && all_is_collected();
}

void exclusive_try_begins(void)
{
	struct flight_watch *w = &world.flight;

	if (!w->prepared && !scenario.no_prepare)
		violated("tries to make pages exclusive, and prepare() was not called since the last try");
	if (!w->tries)
		w->alone = page_of(world.range.start);
	w->trying = true;
	w->excused = w->slept = w->prepared = w->passes = false;
	w->try_error = -EBUSY;
	w->tries++;
}

/* All is collected once more. */
void exclusive_try_is_repeated(void)
{
	struct flight_watch *w = &world.flight;

	if (!w->try_error)
		violated("collects pages again, and all are exclusive");
	if (w->try_error == -EBUSY && !w->slept)
		violated("tries again at once, and nobody had the time to release the pages");
	if (w->tries == TRIES_MAX)
		violated("tries for the %uth time", w->tries + 1);
	w->trying = false;
	w->window = w->alone;
	w->may_call = true;
}

bool exclusive_is_prepared(void)
{
	bool due = exclusive_try_is_due();

	if (due)
		world.flight.prepared = true;
	return due;
}

void contract_exclusive_is_excused(void)
{
	world.flight.excused = true;
}

void contract_exclusive_begins(unsigned int first, unsigned int end)
{
	struct flight_watch *w = &world.flight;

	if (!w->trying || !w->passes)
		violated("pages are made exclusive, and no pass over them has begun");
	if (first != w->alone || end != first + 1)
		violated("pages %u-%u are made exclusive, and page %u is the next", first,
			 end - 1, w->alone);
	if (!world.held.evicting)
		violated("pages are made exclusive, and may be evicted meanwhile");
}

/* The mmap lock is released: what has the try come to? */
void exclusive_try_ends(void)
{
	struct flight_watch *w = &world.flight;

	if (!w->trying || !w->try_error || w->excused || w->reason || w->error ||
	    w->cancelled)
		return;
	violated("gives up page %u, and nothing had happened to it", w->alone);
}

void contract_exclusive_sleeps(void)
{
	if (!world.flight.trying || !world.flight.try_error)
		violated("sleeps, and no try has failed");
	world.flight.slept = true;
}

static void check_page(unsigned int page, unsigned long entry)
{
	const struct page *p = &world.pages[page];

	if (p->kind != EXCLUSIVE || !p->writable)
		violated("page %u is handed on as the device's alone, and is not (%s)", page,
			 page_text(page));
	if (entry != (p->frame | HMM_PFN_VALID | HMM_PFN_WRITE))
		violated("page %u is handed on, and its entry is not what it has to be", page);
	if (!page_is_locked(page))
		violated("page %u is handed on, and is not locked", page);
}

void contract_exclusive_commits(const struct hmmu_pages *pages)
{
	struct flight_watch *w = &world.flight;

	if (!w->trying)
		violated("a page is to be mapped as exclusive, and none was made so");
	contract_check_window(pages, w->alone + 1);
	check_page(w->alone, pages->entries[0]);
}

/* Tries are counted for each page anew: this one counts for the next page. */
static void page_is_alone(struct flight_watch *w)
{
	mirror_count(HMMU_MIRROR_EXCLUSIVE, 1);
	w->tries = 1;
	if (++w->alone == page_of(world.range.end))
		w->try_error = 0;
}

/* map() has answered; -EBUSY and -ENOMEM lead to another try. */
void contract_exclusive_committed(int ret)
{
	struct flight_watch *w = &world.flight;

	if (!ret) {
		page_is_alone(w);
		return;
	}
	w->try_error = ret;
	if (ret == -EBUSY || ret == -ENOMEM)
		w->excused = true;
	else
		contract_map_fails(ret);
}

void contract_may_wait(void)
{
	if (world.held.evicting)
		violated("may wait, and holds hmmu_evicting");
	if (world.held.locked || world.held.referenced)
		violated("may wait, and has pages locked or referenced");
}

void contract_exclusive_returned(int ret)
{
	struct flight_watch *w = &world.flight;

	contract_may_wait();
	if (!ret && (!w->trying || w->try_error))
		violated("success, and the pages are not exclusive");
	if (w->tries == TRIES_MAX && w->trying && w->try_error)
		contract_may_fail(w->try_error);
	contract_flight_returned(ret, HMMU_MIRROR_POPULATES);
}
