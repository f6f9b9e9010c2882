// SPDX-License-Identifier: GPL-2.0-only
/* Actors: which of them can do their next step, and doing it. */
#include "actors/operations.h"
#include "contract/contract.h"
#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"

/* The actor's next action, or NULL if it has none left. */
static const struct action *actor_action(unsigned int actor)
{
	const struct actor *who = &scenario.actor[actor];
	unsigned int i = world.actors[actor].action;

	if (i == who->actions)
		return NULL;
	return &who->action[i];
}

static bool lock_is_free(void)
{
	return !world.lock.ours && !world.lock.readers &&
	       world.lock.writer == NOBODY;
}

static bool actor_waits(unsigned int actor)
{
	return world.lock.waiting >> actor & 1;
}

static const struct operation *operation_under_way(unsigned int actor)
{
	return world.actors[actor].step ? actor_action(actor)->operation : NULL;
}

bool actors_lock_page(unsigned int page)
{
	for (unsigned int i = 0; i < scenario.actors; i++) {
		const struct operation *operation = operation_under_way(i);

		if (operation && operation->locks && page >= world.actors[i].first &&
		    page <= world.actors[i].last)
			return true;
	}
	return false;
}

bool actors_evict(void)
{
	for (unsigned int i = 0; i < scenario.actors; i++) {
		const struct operation *operation = operation_under_way(i);

		if (operation && operation->evicts)
			return true;
	}
	return false;
}

static bool pages_are_locked(const struct action *a)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (page_is_locked(page))
			return true;
	return false;
}

static bool action_may_begin(const struct action *a)
{
	if (a->operation->locks && pages_are_locked(a))
		return false;
	if (a->operation->evicts && world.held.evicting)
		return false;
	return world.actions_left &&
	       (!a->operation->useful || a->operation->useful(a));
}

static bool another_is_running(unsigned int actor)
{
	for (unsigned int i = 0; i < scenario.actors; i++)
		if (i != actor && world.invalidation[i].told)
			return true;
	return false;
}

bool actor_enabled(unsigned int actor)
{
	const struct actor_state *state = &world.actors[actor];
	const struct action *a = actor_action(actor);

	if (!a || (!state->step && !actor_waits(actor) && !action_may_begin(a)))
		return false;
	switch (a->operation->steps[state->step]) {
	case TAKE_READ:
		return lock_is_free_for_readers();
	case TAKE_WRITE:
		/* The first try puts it on the list of those who wait. */
		return lock_is_free() || !actor_waits(actor);
	case END_BUT_LAST:
		return another_is_running(actor);
	case CANCEL:
		return !flight_is_listed() || !world.flight.cancelled ||
		       kick_would_wake();
	default:
		return true;
	}
}

static void actor_tell(unsigned int actor, const struct action *a, const char *what)
{
	const struct actor_state *state = &world.actors[actor];

	switch (a->operation->operand) {
	case NO_OPERAND:
	case NUMBER:
		tell(scenario.actor[actor].name, "%s: %s", a->operation->name, what);
		break;
	default:
		tell(scenario.actor[actor].name, "%s %u-%u: %s", a->operation->name,
		     state->first, state->last, what);
	}
}

static void action_begin(unsigned int actor, const struct action *a)
{
	struct actor_state *state = &world.actors[actor];

	world.actions_left--;
	outcome->begun[actor] |= 1 << state->action;
	state->first = a->first;
	state->last = a->last;
	if (a->operation->operand == PAGES_TO) {
		state->first = a->number;
		state->last = a->number + a->last - a->first;
	}
	if (a->operation->useful == missing_is_waited_for ||
	    a->operation->useful == write_is_waited_for ||
	    a->operation->useful == anything_is_waited_for)
		state->first = state->last = choose_waiting_page(a, a->operation->useful);
}

/* Returns false if the actor has to wait and its step is not done. */
static bool actor_take_write(unsigned int actor, const struct action *a)
{
	if (!lock_is_free()) {
		world.lock.waiting |= 1 << actor;
		actor_tell(actor, a, "waits for the mmap lock, for write");
		return false;
	}
	world.lock.waiting &= ~(1 << actor);
	world.lock.writer = actor;
	actor_tell(actor, a, "takes the mmap lock for write");
	return true;
}

static void wake_waiters(const struct actor_state *state)
{
	for (unsigned int i = 0; i < stacks_made(); i++) {
		struct userfault *fault = &world.stack[i].userfault;

		if (fault->waits && fault->page >= state->first &&
		    fault->page <= state->last)
			fault->woken = true;
	}
}

static bool actor_do_step(unsigned int actor, const struct action *a)
{
	struct actor_state *state = &world.actors[actor];

	switch (a->operation->steps[state->step]) {
	case TAKE_READ:
		world.lock.readers |= 1 << actor;
		actor_tell(actor, a, "takes the mmap lock for read");
		break;
	case TAKE_WRITE:
		return actor_take_write(actor, a);
	case DOWNGRADE:
		world.lock.writer = NOBODY;
		world.lock.readers |= 1 << actor;
		actor_tell(actor, a, "keeps the mmap lock for read only");
		break;
	case RELEASE:
		world.lock.writer = NOBODY;
		world.lock.readers &= ~(1 << actor);
		actor_tell(actor, a, "releases the mmap lock");
		break;
	case START:
		actor_tell(actor, a, "invalidation begins");
		invalidate_start(&world.invalidation[actor], state->first,
				 state->last, a->operation->event,
				 a->operation->owner ? a->operation->owner(a) : NULL);
		break;
	case CALLBACK:
		actor_tell(actor, a, "invalidate callback");
		invalidate_callback(&world.invalidation[actor]);
		break;
	case CHANGE:
		actor_tell(actor, a, a->operation->help);
		if (a->operation->change)
			a->operation->change(a, state);
		break;
	case CHANGE_MORE:
		actor_tell(actor, a, "page tables changed");
		a->operation->change_more(a, state);
		break;
	case END:
	case END_BUT_LAST:
		actor_tell(actor, a, "invalidation ends");
		invalidate_end(&world.invalidation[actor]);
		break;
	case WAKE:
		actor_tell(actor, a, "wakes all that wait for these");
		wake_waiters(state);
		break;
	case CANCEL:
		actor_tell(actor, a, "cancels what is under way");
		return cancel_flights(a->operation->change != drop_prefetch);
	case NO_STEP:
		break;
	}
	return true;
}

static void actor_next_step(unsigned int actor, const struct action *a)
{
	struct actor_state *state = &world.actors[actor];

	state->step++;
	if (state->step < MAX_STEPS && a->operation->steps[state->step])
		return;
	state->step = 0;
	state->action++;
	if (scenario.actor[actor].loops || scenario.all_loop)
		state->action %= scenario.actor[actor].actions;
}

void actor_step(unsigned int actor)
{
	const struct action *a = actor_action(actor);

	tally.acting = tally.stepping = true;
	if (!world.actors[actor].step && !actor_waits(actor))
		action_begin(actor, a);
	if (actor_do_step(actor, a))
		actor_next_step(actor, a);
	tally.acting = tally.stepping = false;
	contract_actor_acted();
}
