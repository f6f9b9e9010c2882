// SPDX-License-Identifier: GPL-2.0-only
/* Migration to and from device memory, by others than the subject. */
#include "actors/operations.h"
#include "kernel/world.h"

/* Migration to and from device memory: what is locked by then, or is none, stays. */
static void make_page_ready(unsigned int page, u8 mover, bool to_memory)
{
	const struct page *p = &world.pages[page];

	if (to_memory ? p->kind == PRESENT && !p->zero && !p->huge &&
			!(p->area & VM_SHARED) : !!memory_of_page(page))
		page_ready(page, mover);
}

static u8 mover_of_state(const struct actor_state *state)
{
	return mover_of_actor(state - world.actors);
}

void take_pages(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		make_page_ready(page, mover_of_state(state), true);
}

void put_in_memory(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		if (page_is_taken(page, mover_of_state(state)))
			page_put(page, mover_of_state(state), take_device_frame());
}

void put_elsewhere(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		if (page_is_taken(page, mover_of_state(state))) {
			page_put_home(page, mover_of_state(state));
			world.pages[page].kind = DEVICE_OTHER;
		}
}

void fill_in_memory(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		page_insert(page, take_device_frame());
}

void take_home(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		make_page_ready(page, mover_of_state(state), false);
}

void put_home(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		page_put_home(page, mover_of_state(state));
}

bool can_be_taken(const struct action *a)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (world.pages[page].kind == PRESENT)
			return true;
	return false;
}

bool is_in_memory(const struct action *a)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (memory_of_page(page))
			return true;
	return false;
}

const void *our_memory(const struct action *a)
{
	return &world.memory;
}

const void *their_memory(const struct action *a)
{
	return &other_memory;
}

const void *its_memory(const struct action *a)
{
	return memory_of_page(a->first);
}
