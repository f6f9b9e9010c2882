/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scenario: how the world stands at first, what the subject is asked for and
 * what the actors have in mind. docs/model.md describes the file format.
 */
#ifndef MODEL_SCENARIO_H
#define MODEL_SCENARIO_H

#include "actors/actions.h"
#include "explorer/schedule.h"
#include "kernel/world.h"
#include "subjects/subjects.h"

struct actor {
	char name[16];
	unsigned int actions;
	struct action action[MAX_ACTIONS];
	bool loops;
};

/**
 * struct scenario - one file of scenarios/
 * @name: of the file
 * @subject: what runs
 * @timeout: limit given to the subject, in jiffies
 * @timed: time passes and is part of a state
 * @torn: actors may act between two entries of one read
 * @released_nopage: a closing userfaultfd answers as that of 6.1 does
 * @request: what is asked of each page by its entry
 * @start: the world before the subject begins
 * @troubles: results that a fault may have for no reason in the model
 * @all_loop: all actors begin again when they are through
 * @refusals: an allocation may be refused, as one of the troubles
 * @no_thread: a thread may not be had, as one of the troubles
 * @in_flight: how many faults a call may have in flight; 1: there are no threads
 * @threads: how many threads there may be
 * @switches: how often a stack that can go on may be kept waiting for another one; 0:
 *	as often as may be
 * @short_rounds: threads have one page each, then the call looks again
 * @twice: another populate follows one that was cancelled
 * @no_prepare: the device has no prepare()
 * @map_is_short: its map() may be short of memory, as one of the troubles
 * @map_fails: it may fail for another reason, likewise
 * @has_memory: the device has memory of its own, and pages are to be there
 * @home: a migration from there, for the subject that does nothing else
 * @memory_is_full: there may be no more of it, as one of the troubles
 * @copy_fails: the device may fail to copy, likewise
 * @pinned: a page may be held by somebody, likewise
 * @no_room: all of its memory is in use from the beginning
 * @mapped: the device has mapped at first what there is
 * @present_only: a populate that faults nothing
 * @best_effort: a populate that may leave out what is not available, except
 * @needed_first: this page and those that follow it
 * @needed_end: up to this one
 * @deeds: what somebody may do in it
 * @threads_deeds: what threads may do
 * @actors: how many
 * @actor: who they are
 */
struct scenario {
	char name[64];
	const struct subject *subject;
	unsigned long timeout;
	bool timed, torn, released_nopage, refusals, all_loop;
	bool no_thread;
	unsigned int in_flight, threads, switches;
	bool short_rounds, twice;
	bool no_prepare, map_is_short, map_fails;
	bool has_memory, home, memory_is_full, copy_fails, pinned;
	bool no_room, mapped, present_only;
	bool best_effort;
	unsigned int needed_first, needed_end;
	unsigned long request[MAX_PAGES];
	struct world start;
	unsigned int troubles;
	vm_fault_t trouble[8];
	enum deeds deeds, threads_deeds;
	unsigned int actors;
	struct actor actor[MAX_ACTORS];
};

extern struct scenario scenario;

/* Ends the program if the file is not one. */
void scenario_load(const char *path);

/* The world as @scenario wants it at first, and the module's parameters. */
void scenario_begin(void);
void scenario_set_parameters(void);

/* What is asked of a page, defaults included: 0, or REQ_FAULT [| REQ_WRITE]. */
unsigned long scenario_asked(unsigned int page);

/* May it get less? */
bool scenario_is_optional(unsigned int page);

#endif
