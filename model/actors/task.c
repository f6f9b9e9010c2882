// SPDX-License-Identifier: GPL-2.0-only
/* Kills, cancels, the OOM reaper, and time. */
#include "actors/operations.h"
#include "contract/contract.h"
#include "kernel/world.h"

void kill_subject(const struct action *a, struct actor_state *state)
{
	subject_stack()->killed = true;
	contract_killed();
}

bool subject_lives(const struct action *a)
{
	return !subject_stack()->killed;
}

void close_mirror(const struct action *a, struct actor_state *state)
{
	world.mirror.closing = true;
	contract_may_fail(-ECANCELED);
}

void drop_prefetch(const struct action *a, struct actor_state *state)
{
	world.prefetch.cancelled = true;
	contract_may_fail(-ECANCELED);
}

void mark_reaped(const struct action *a, struct actor_state *state)
{
	world.reaped = true;
}

void pass_time(const struct action *a, struct actor_state *state)
{
	let_time_pass(a->number * TICK_NSEC);
}
