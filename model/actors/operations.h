/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations: each kind of action is a line of the table in operations.c. */
#ifndef MODEL_OPERATIONS_H
#define MODEL_OPERATIONS_H

#include "actors/actions.h"
#include "kernel/world.h"

enum step {
	NO_STEP,
	TAKE_READ,
	TAKE_WRITE,
	DOWNGRADE,
	RELEASE,
	START,
	CALLBACK,
	CHANGE,
	CHANGE_MORE,
	END,
	END_BUT_LAST,
	WAKE,
	CANCEL,
};

#define MAX_STEPS	10

/**
 * struct operation - one kind of action
 * @name: in scenarios and stories
 * @operand: what stands behind the name
 * @steps: what it is made of
 * @change: for CHANGE
 * @change_more: for CHANGE_MORE
 * @useful: may it begin? NULL: always
 * @help: what it stands for
 * @event: MMU_NOTIFY_* of its invalidation
 * @owner: whose memory that is about, or NULL
 * @locks: it has its pages locked from its beginning to its end
 * @evicts: likewise hmmu_evicting, for write
 */
struct operation {
	const char *name;
	enum operand operand;
	enum step steps[MAX_STEPS];
	void (*change)(const struct action *a, struct actor_state *state);
	void (*change_more)(const struct action *a, struct actor_state *state);
	bool (*useful)(const struct action *a);
	const char *help;
	enum mmu_notifier_event event;
	const void *(*owner)(const struct action *a);
	bool locks, evicts;
};

static inline void each_page(const struct actor_state *state, void (*f)(unsigned int))
{
	for (unsigned int page = state->first; page <= state->last; page++)
		f(page);
}

/* areas.c */
void remove_area(const struct action *a, struct actor_state *state);
void zap_pages(const struct action *a, struct actor_state *state);
void add_area(const struct action *a, struct actor_state *state);
void fill_hole(const struct action *a, struct actor_state *state);
void change_area(const struct action *a, struct actor_state *state);
void change_empty_area(const struct action *a, struct actor_state *state);
void change_entries(const struct action *a, struct actor_state *state);
void clear_target(const struct action *a, struct actor_state *state);
void move_pages(const struct action *a, struct actor_state *state);

/* pages.c */
void share_pages(const struct action *a, struct actor_state *state);
void swap_out(const struct action *a, struct actor_state *state);
bool is_present(const struct action *a);
void begin_migration(const struct action *a, struct actor_state *state);
void end_migration(const struct action *a, struct actor_state *state);
void touch_page(const struct action *a, struct actor_state *state);
bool can_be_touched(const struct action *a);
void split_table(const struct action *a, struct actor_state *state);
void clear_soft_dirty(const struct action *a, struct actor_state *state);
void make_exclusive(const struct action *a, struct actor_state *state);
void make_alone(const struct action *a, struct actor_state *state);
bool is_alone(const struct action *a);
void take_back(const struct action *a, struct actor_state *state);

/* server.c */
void copy_pages(const struct action *a, struct actor_state *state);
bool some_can_be_copied(const struct action *a);
void zero_pages(const struct action *a, struct actor_state *state);
void poison_pages(const struct action *a, struct actor_state *state);
bool missing_is_waited_for(const struct action *a);
bool write_is_waited_for(const struct action *a);
bool anything_is_waited_for(const struct action *a);
unsigned int choose_waiting_page(const struct action *a,
				 bool (*useful)(const struct action *a));
void guard_pages(const struct action *a, struct actor_state *state);
void unguard_pages(const struct action *a, struct actor_state *state);
void release_userfaultfd(const struct action *a, struct actor_state *state);
void unregister_pages(const struct action *a, struct actor_state *state);
void register_pages(const struct action *a, struct actor_state *state);

/* device.c */
void take_pages(const struct action *a, struct actor_state *state);
void put_in_memory(const struct action *a, struct actor_state *state);
void put_elsewhere(const struct action *a, struct actor_state *state);
void fill_in_memory(const struct action *a, struct actor_state *state);
void take_home(const struct action *a, struct actor_state *state);
void put_home(const struct action *a, struct actor_state *state);
bool can_be_taken(const struct action *a);
bool is_in_memory(const struct action *a);
const void *our_memory(const struct action *a);
const void *their_memory(const struct action *a);
const void *its_memory(const struct action *a);

/* task.c */
void kill_subject(const struct action *a, struct actor_state *state);
bool subject_lives(const struct action *a);
void close_mirror(const struct action *a, struct actor_state *state);
void drop_prefetch(const struct action *a, struct actor_state *state);
void mark_reaped(const struct action *a, struct actor_state *state);
void pass_time(const struct action *a, struct actor_state *state);

#endif
