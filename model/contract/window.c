// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror kit: what is handed to map() is what was asked, and true at that moment.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"

/* As in the kit: how often map() may be short of memory in a window. */
#define REFILLS_MAX	8

void contract_check_window(const struct hmmu_pages *pages, unsigned int end)
{
	struct flight_watch *w = &world.flight;

	model_assert_locked();
	model_assert_held(&world.mirror.lock);
	if (page_of(pages->start) != window_first() || page_of(pages->end) != end)
		violated("pages %u-%u are handed on instead of %u-%u",
			 page_of(pages->start), page_of(pages->end) - 1,
			 window_first(), end - 1);
	if (w->reason || window_is_invalidated())
		violated("pages %u-%u are handed on, and an invalidation of them has started since they were read",
			 window_first(), window_end() - 1);
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

/* No move of it was tried, and no limit was reached. */
static bool is_left_behind(unsigned int page)
{
	const struct flight_watch *w = &world.flight;

	return scenario.has_memory && !scenario.subject->alone && !scenario.no_room && page_is_movable(page) &&
	       w->moves < MOVES_MAX && !(w->handed >> page & 1);
}

static void check_handed_on(unsigned int page, unsigned long entry, bool mapped)
{
	if (entry & HMM_PFN_VALID && !contract_mapped_alike(page, entry))
		violated("page %u is handed on, and is not what the CPU maps (%s)",
			 page, page_text(page));
	if (!contract_got_enough(page, entry))
		violated("page %u is handed on, and is short of its request", page);
	if (entry & HMMU_PFN_STICKY)
		violated("page %u is handed on with a flag that nobody has set", page);
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

	contract_check_window(pages, window_end());
	for (unsigned int page = page_of(pages->start);
	     page < page_of(pages->end); page++)
		check_handed_on(page, pages->entries[page - page_of(pages->start)],
				mapped);
}

void contract_committed(const struct hmmu_pages *pages, bool mapped)
{
	struct flight_watch *w = &world.flight;

	for (unsigned int page = 0; mapped && page < window_end() - w->window; page++) {
		mirror_count(HMMU_MIRROR_PAGES_MAPPED, !!pages->entries[page]);
		w->place[w->window + page] = place_of(pages->entries[page]);
	}
	mirror_count(HMMU_MIRROR_WINDOWS, 1);
	mirror_count(HMMU_MIRROR_RETRIES_AVOIDED, w->spared);
	w->window = window_end();
	w->may_call = true;
	w->refills = w->moves = 0;
}

void contract_map_is_short(void)
{
	struct flight_watch *w = &world.flight;

	mirror_count(HMMU_MIRROR_REFILLS, 1);
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

	if (exclusive_is_prepared())
		return;
	if (!w->short_of_memory)
		violated("prepare() is called, and map() was not short of memory");
	if (++w->refills > REFILLS_MAX)
		violated("prepare() is called for the %uth time for one window",
			 w->refills);
	w->short_of_memory = false;
	w->may_call = true;
}
