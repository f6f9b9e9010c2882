// SPDX-License-Identifier: GPL-2.0-only
/* Changes of mappings: mmap(), munmap(), mprotect(), mremap(). */
#include "actors/operations.h"
#include "kernel/world.h"

void remove_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		world.pages[page].area = 0;
}

void zap_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, zap);
}

void add_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++) {
		zap(page);
		world.pages[page].area = a->area;
	}
}

void fill_hole(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (!world.pages[page].area)
			world.pages[page].area = a->area;
}

static void change_access(struct page *p, u32 to)
{
	const u32 access = VM_READ | VM_WRITE;

	if (p->area)
		p->area = (p->area & ~access) | (to & access);
}

void change_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		change_access(&world.pages[page], a->area);
}

void change_empty_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (world.pages[page].kind == ABSENT)
			change_access(&world.pages[page], a->area);
}

void change_entries(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (!(a->area & VM_WRITE))
			world.pages[page].writable = false;
}

/* What is in the way of the move goes first, with an invalidation of its own. */
void clear_target(const struct action *a, struct actor_state *state)
{
	each_page(state, zap);
	state->first = a->first;
	state->last = a->last;
}

void move_pages(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++) {
		struct page *from = &world.pages[page];
		struct page *to = &world.pages[a->number + page - a->first];
		u8 generation = to->generation;

		*to = *from;
		to->generation = generation;
		zap(page);
		from->area = 0;
	}
}
