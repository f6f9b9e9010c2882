// SPDX-License-Identifier: GPL-2.0-only
/* What a page server does: answers, protection, registering, the end. */
#include "actors/operations.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "kernel/world.h"

/* Answers of a page server: nothing happens where the page is there already. */
static bool can_be_copied(unsigned int page)
{
	return world.pages[page].kind == ABSENT &&
	       world.pages[page].area & VM_UFFD_MISSING;
}

static void copy_page(unsigned int page)
{
	if (!can_be_copied(page))
		return;
	if (world.pages[page].area & VM_HUGETLB)
		new_table(page);
	else
		new_frame(page, world.pages[page].area & VM_WRITE);
}

void copy_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, copy_page);
}

bool some_can_be_copied(const struct action *a)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (can_be_copied(page))
			return true;
	return false;
}

static void zero_page(unsigned int page)
{
	if (can_be_copied(page))
		new_frame(page, false)->zero = true;
}

void zero_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, zero_page);
}

static void poison_page(unsigned int page)
{
	if (can_be_copied(page))
		world.pages[page].kind = POISONED;
}

void poison_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, poison_page);
}

static bool is_for_missing(const struct userfault *fault)
{
	return !fault->write_protect;
}

static bool is_for_write(const struct userfault *fault)
{
	return fault->write_protect;
}

static bool is_for_anything(const struct userfault *fault)
{
	return true;
}

/* Those that wait and were not answered; each for a page that no other waits for. */
static unsigned int waiting_pages(bool (*fits)(const struct userfault *fault),
				  u8 *pages)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < stacks_made(); i++) {
		const struct userfault *fault = &world.stack[i].userfault;

		if (fault->waits && !fault->woken && fits(fault))
			pages[n++] = fault->page;
	}
	return n;
}

static bool is_waited_for(bool (*fits)(const struct userfault *fault))
{
	u8 pages[MAX_STACKS];

	return waiting_pages(fits, pages);
}

bool missing_is_waited_for(const struct action *a)
{
	return is_waited_for(is_for_missing);
}

bool write_is_waited_for(const struct action *a)
{
	return is_waited_for(is_for_write);
}

bool anything_is_waited_for(const struct action *a)
{
	return is_waited_for(is_for_anything);
}

/* Who answers what is waited for does so in any order. */
unsigned int choose_waiting_page(const struct action *a,
				 bool (*useful)(const struct action *a))
{
	u8 pages[MAX_STACKS];
	unsigned int n = waiting_pages(useful == missing_is_waited_for ? is_for_missing :
				       useful == write_is_waited_for ? is_for_write :
				       is_for_anything, pages);

	return pages[choose(n)];
}

static void guard_page(unsigned int page)
{
	if (world.pages[page].area & VM_UFFD_WP &&
	    world.pages[page].kind == PRESENT) {
		world.pages[page].guarded = true;
		world.pages[page].writable = false;
	}
}

void guard_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, guard_page);
}

/* The entry stays read-only: a write fault finds that nothing is in its way. */
static void unguard_page(unsigned int page)
{
	world.pages[page].guarded = false;
}

void unguard_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, unguard_page);
}

void release_userfaultfd(const struct action *a, struct actor_state *state)
{
	world.released = true;
}

void unregister_pages(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++) {
		world.pages[page].area &= ~(VM_UFFD_MISSING | VM_UFFD_WP);
		world.pages[page].guarded = false;
	}
}

void register_pages(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		if (world.pages[page].area)
			world.pages[page].area |= VM_UFFD_MISSING;
}
