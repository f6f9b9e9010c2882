// SPDX-License-Identifier: GPL-2.0-only
/* Changes of single pages: reclaim, migration, fork, a touch by the CPU. */
#include "actors/operations.h"
#include "kernel/world.h"

static void share_page(unsigned int page)
{
	world.pages[page].writable = false;
	world.pages[page].copied = world.pages[page].kind == PRESENT;
}

void share_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, share_page);
}

void swap_out(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++) {
		if (world.pages[page].kind != PRESENT)
			continue;
		zap(page);
		world.pages[page].kind = SWAPPED;
		world.pages[page].slow = true;
	}
}

bool is_present(const struct action *a)
{
	return world.pages[a->first].kind == PRESENT;
}

void begin_migration(const struct action *a, struct actor_state *state)
{
	if (is_present(a)) {
		zap(a->first);
		world.pages[a->first].kind = MIGRATING;
	}
}

void end_migration(const struct action *a, struct actor_state *state)
{
	if (page_is_taken(a->first, 0))
		new_frame(a->first, world.pages[a->first].area & VM_WRITE);
}

void touch_page(const struct action *a, struct actor_state *state)
{
	struct page *p = &world.pages[a->first];

	if (p->kind == ABSENT && !(p->area & (VM_UFFD_MISSING | VM_SHARED)) &&
	    p->area & VM_WRITE)
		new_frame(a->first, true);
}

bool can_be_touched(const struct action *a)
{
	return world.pages[a->first].kind == ABSENT;
}

void split_table(const struct action *a, struct actor_state *state)
{
	for (unsigned int i = state->first; i <= state->last; i++)
		world.pages[i].huge = false;
}

void clear_soft_dirty(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		world.pages[page].writable = false;
}

void make_exclusive(const struct action *a, struct actor_state *state)
{
	if (is_present(a)) {
		zap(a->first);
		world.pages[a->first].kind = DEVICE_OTHER;
	}
}

void make_alone(const struct action *a, struct actor_state *state)
{
	if (is_present(a))
		world.pages[a->first].kind = EXCLUSIVE;
}

bool is_alone(const struct action *a)
{
	return world.pages[a->first].kind == EXCLUSIVE;
}

void take_back(const struct action *a, struct actor_state *state)
{
	page_take_back(a->first);
}
