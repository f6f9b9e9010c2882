// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror kit: what is moved to device memory and back, and how often.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"

bool page_is_movable(unsigned int page)
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
	if (page_is_movable(page))
		world.flight.movable |= bit;
}

void contract_lock_is_gone(void)
{
	if (world.migration.end)
		violated("releases the mmap lock, and pages %u-%u were made ready to be moved",
			 world.migration.first, world.migration.end - 1);
	exclusive_try_ends();
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
	mirror_count(HMMU_MIRROR_PAGES_STAYED, pages);
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
	mirror_count(HMMU_MIRROR_PAGES_MOVED, n);
	mirror_count(HMMU_MIRROR_PAGES_STAYED, -(u64)n);
}

/* hmmu_mirror_migrate(): nothing is populated, nothing is counted. */
void contract_migrate_returned(int ret, unsigned long moved)
{
	flight_check_end();
	if (moved != world.migration.moved)
		violated("says that %lu pages were moved, there were %u", moved,
			 world.migration.moved);
	if (ret && !contract_has_reason(ret))
		violated("there was no reason to fail with %s", error_name(ret));
	mirror_check_counters();
}
