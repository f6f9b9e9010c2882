// SPDX-License-Identifier: GPL-2.0-only
/*
 * In place of kernel/fault/pace.c, which learns from time that passes how many faults to have
 * in flight: here the scenario says so, from the first fault that has to wait. That one
 * is run by subjects/pace.c.
 */
#include "explorer/scenario.h"
#include "fault/pace.h"

unsigned int hmmu_pace_next(const struct hmmu_pace *pace, unsigned int limit)
{
	return min(scenario.in_flight, limit);
}

/* Then a round ends when each thread has had a page, and another begins. */
unsigned int hmmu_pace_pages(const struct hmmu_pace *pace, unsigned int width)
{
	return scenario.short_rounds ? width : UINT_MAX;
}

void hmmu_pace_note(struct hmmu_pace *pace, unsigned int width,
		    unsigned int pages, u64 ns)
{
	pace->noted = 1;
}
