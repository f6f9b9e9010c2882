// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of actions at the end is what there is; a new one is a line there
 * and a function that changes the world.
 *
 * The order of locks, invalidation and change is that of the kernel: callbacks
 * are through before anything is taken away, waiters are woken last.
 */
#include "actions.h"
#include "contract.h"
#include "run.h"
#include "scenario.h"
#include "schedule.h"
#include "stacks.h"

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
};

static void each_page(const struct actor_state *state, void (*f)(unsigned int))
{
	for (unsigned int page = state->first; page <= state->last; page++)
		f(page);
}

static void remove_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		world.pages[page].area = 0;
}

static void zap_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, zap);
}

static void add_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++) {
		zap(page);
		world.pages[page].area = a->area;
	}
}

static void fill_hole(const struct action *a, struct actor_state *state)
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

static void change_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		change_access(&world.pages[page], a->area);
}

static void change_empty_area(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (world.pages[page].kind == ABSENT)
			change_access(&world.pages[page], a->area);
}

static void change_entries(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (!(a->area & VM_WRITE))
			world.pages[page].writable = false;
}

/* What is in the way of the move goes first, with an invalidation of its own. */
static void clear_target(const struct action *a, struct actor_state *state)
{
	each_page(state, zap);
	state->first = a->first;
	state->last = a->last;
}

static void move_pages(const struct action *a, struct actor_state *state)
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

static void share(unsigned int page)
{
	world.pages[page].writable = false;
	world.pages[page].copied = world.pages[page].kind == PRESENT;
}

static void share_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, share);
}

static void swap_out(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = a->first; page <= a->last; page++) {
		if (world.pages[page].kind != PRESENT)
			continue;
		zap(page);
		world.pages[page].kind = SWAPPED;
		world.pages[page].slow = true;
	}
}

static bool is_present(const struct action *a)
{
	return world.pages[a->first].kind == PRESENT;
}

static void begin_migration(const struct action *a, struct actor_state *state)
{
	if (is_present(a)) {
		zap(a->first);
		world.pages[a->first].kind = MIGRATING;
	}
}

static void end_migration(const struct action *a, struct actor_state *state)
{
	if (page_is_taken(a->first, 0))
		new_frame(a->first, world.pages[a->first].area & VM_WRITE);
}

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

static void copy_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, copy_page);
}

static bool some_can_be_copied(const struct action *a)
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

static void zero_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, zero_page);
}

static void poison(unsigned int page)
{
	if (can_be_copied(page))
		world.pages[page].kind = POISONED;
}

static void poison_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, poison);
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
static unsigned int waiting(bool (*fits)(const struct userfault *fault),
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

	return waiting(fits, pages);
}

static bool missing_is_waited_for(const struct action *a)
{
	return is_waited_for(is_for_missing);
}

static bool write_is_waited_for(const struct action *a)
{
	return is_waited_for(is_for_write);
}

static bool anything_is_waited_for(const struct action *a)
{
	return is_waited_for(is_for_anything);
}

/* Who answers what is waited for does so in any order. */
static unsigned int choose_page(const struct action *a,
				bool (*useful)(const struct action *a))
{
	u8 pages[MAX_STACKS];
	unsigned int n = waiting(useful == missing_is_waited_for ? is_for_missing :
				 useful == write_is_waited_for ? is_for_write :
				 is_for_anything, pages);

	return pages[choose(n)];
}

static void guard(unsigned int page)
{
	if (world.pages[page].area & VM_UFFD_WP &&
	    world.pages[page].kind == PRESENT) {
		world.pages[page].guarded = true;
		world.pages[page].writable = false;
	}
}

static void guard_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, guard);
}

/* The entry stays read-only: a write fault finds that nothing is in its way. */
static void unguard(unsigned int page)
{
	world.pages[page].guarded = false;
}

static void unguard_pages(const struct action *a, struct actor_state *state)
{
	each_page(state, unguard);
}

static void release_userfaultfd(const struct action *a, struct actor_state *state)
{
	world.released = true;
}

static void unregister_pages(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++) {
		world.pages[page].area &= ~(VM_UFFD_MISSING | VM_UFFD_WP);
		world.pages[page].guarded = false;
	}
}

static void register_pages(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		if (world.pages[page].area)
			world.pages[page].area |= VM_UFFD_MISSING;
}

static void touch_page(const struct action *a, struct actor_state *state)
{
	struct page *p = &world.pages[a->first];

	if (p->kind == ABSENT && !(p->area & (VM_UFFD_MISSING | VM_SHARED)) &&
	    p->area & VM_WRITE)
		new_frame(a->first, true);
}

static bool can_be_touched(const struct action *a)
{
	return world.pages[a->first].kind == ABSENT;
}

static void split_table(const struct action *a, struct actor_state *state)
{
	for (unsigned int i = state->first; i <= state->last; i++)
		world.pages[i].huge = false;
}

static void kill_subject(const struct action *a, struct actor_state *state)
{
	subject_stack()->killed = true;
	contract_killed();
}

static bool lives(const struct action *a)
{
	return !subject_stack()->killed;
}

static void clear_soft_dirty(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		world.pages[page].writable = false;
}

static void make_exclusive(const struct action *a, struct actor_state *state)
{
	if (is_present(a)) {
		zap(a->first);
		world.pages[a->first].kind = DEVICE_OTHER;
	}
}

/* Migration to and from device memory: what is locked by then, or is none, stays. */
static void make_ready(unsigned int page, u8 mover, bool to_memory)
{
	const struct page *p = &world.pages[page];

	if (to_memory ? p->kind == PRESENT && !p->zero && !p->huge &&
			!(p->area & VM_SHARED) : !!memory_of_page(page))
		page_ready(page, mover);
}

static u8 mover_of(const struct actor_state *state)
{
	return mover_of_actor(state - world.actors);
}

static void take_pages(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		make_ready(page, mover_of(state), true);
}

static void put_in_memory(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		if (page_is_taken(page, mover_of(state)))
			page_put(page, mover_of(state), take_device_frame());
}

static void put_elsewhere(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		if (page_is_taken(page, mover_of(state))) {
			page_put_home(page, mover_of(state));
			world.pages[page].kind = DEVICE_OTHER;
		}
}

static void fill_in_memory(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		page_insert(page, take_device_frame());
}

static void take_home(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		make_ready(page, mover_of(state), false);
}

static void put_home(const struct action *a, struct actor_state *state)
{
	for (unsigned int page = state->first; page <= state->last; page++)
		page_put_home(page, mover_of(state));
}

static bool can_be_taken(const struct action *a)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (world.pages[page].kind == PRESENT)
			return true;
	return false;
}

static bool is_in_memory(const struct action *a)
{
	for (unsigned int page = a->first; page <= a->last; page++)
		if (memory_of_page(page))
			return true;
	return false;
}

static const void *our_memory(const struct action *a)
{
	return &world.memory;
}

static const void *their_memory(const struct action *a)
{
	return &other_memory;
}

static const void *its_memory(const struct action *a)
{
	return memory_of_page(a->first);
}

static void close_mirror(const struct action *a, struct actor_state *state)
{
	world.mirror_state.closing = true;
	contract_may_fail(-ECANCELED);
}

static void drop_prefetch(const struct action *a, struct actor_state *state)
{
	world.prefetch.cancelled = true;
	contract_may_fail(-ECANCELED);
}

static void mark(const struct action *a, struct actor_state *state)
{
	world.reaped = true;
}

static void pass_time(const struct action *a, struct actor_state *state)
{
	let_time_pass(a->number * TICK_NSEC);
}

#define INVALIDATION(change)	START, CALLBACK, change, END

static const struct operation operations[] = {
	{ "unmap", PAGES, { TAKE_WRITE, CHANGE, DOWNGRADE, INVALIDATION(CHANGE_MORE), RELEASE },
	  remove_area, zap_pages, NULL, "munmap()" },
	{ "map", PAGES_AREA, { TAKE_WRITE, INVALIDATION(CHANGE), RELEASE },
	  add_area, NULL, NULL, "mmap() with MAP_FIXED" },
	{ "protect", PAGES_AREA, { TAKE_WRITE, CHANGE, INVALIDATION(CHANGE_MORE), RELEASE },
	  change_area, change_entries, NULL, "mprotect()",
	  MMU_NOTIFY_PROTECTION_VMA },
	{ "move", PAGES_TO, { TAKE_WRITE, INVALIDATION(CHANGE), INVALIDATION(CHANGE_MORE), RELEASE },
	  clear_target, move_pages, NULL, "mremap() to the page named last" },
	{ "map-hole", PAGES_AREA, { TAKE_WRITE, CHANGE, RELEASE },
	  fill_hole, NULL, NULL, "mmap() where nothing is: no invalidation" },
	{ "protect-empty", PAGES_AREA, { TAKE_WRITE, CHANGE, RELEASE },
	  change_empty_area, NULL, NULL, "mprotect() of pages that are absent: no invalidation" },
	{ "register", PAGES, { TAKE_WRITE, CHANGE, RELEASE },
	  register_pages, NULL, NULL, "UFFDIO_REGISTER for missing pages: no invalidation" },
	{ "zap", PAGES, { TAKE_READ, INVALIDATION(CHANGE), RELEASE },
	  zap_pages, NULL, NULL, "madvise(MADV_DONTNEED)",
	  MMU_NOTIFY_CLEAR },
	{ "fork", PAGES, { TAKE_WRITE, INVALIDATION(CHANGE), RELEASE },
	  share_pages, NULL, NULL, "fork(): writing has to copy",
	  MMU_NOTIFY_PROTECTION_PAGE },
	{ "hold", NO_OPERAND, { TAKE_WRITE, RELEASE },
	  NULL, NULL, NULL, "the lock taken for write, and nothing done" },
	{ "swap", PAGES, { INVALIDATION(CHANGE) },
	  swap_out, NULL, is_present, "reclaim: no mmap lock",
	  MMU_NOTIFY_CLEAR },
	{ "migrate", ONE_PAGE, { INVALIDATION(CHANGE), CHANGE_MORE },
	  begin_migration, end_migration, is_present, "migration to another frame",
	  MMU_NOTIFY_CLEAR },
	{ "split", PAGES, { INVALIDATION(CHANGE) },
	  split_table, NULL, is_present, "a huge page's entry becomes a table",
	  MMU_NOTIFY_CLEAR },
	{ "touch", ONE_PAGE, { TAKE_READ, CHANGE, RELEASE },
	  touch_page, NULL, can_be_touched, "the CPU writes to an absent page" },
	{ "copy", PAGES, { TAKE_READ, CHANGE, RELEASE, WAKE },
	  copy_pages, NULL, some_can_be_copied, "UFFDIO_COPY" },
	{ "zero", PAGES, { TAKE_READ, CHANGE, RELEASE, WAKE },
	  zero_pages, NULL, some_can_be_copied, "UFFDIO_ZEROPAGE" },
	{ "poison", PAGES, { TAKE_READ, CHANGE, RELEASE, WAKE },
	  poison_pages, NULL, some_can_be_copied, "UFFDIO_POISON" },
	{ "answer", NO_OPERAND, { TAKE_READ, CHANGE, RELEASE, WAKE },
	  copy_pages, NULL, missing_is_waited_for, "UFFDIO_COPY of the page that is waited for" },
	{ "guard", PAGES, { TAKE_READ, INVALIDATION(CHANGE), RELEASE },
	  guard_pages, NULL, NULL, "UFFDIO_WRITEPROTECT",
	  MMU_NOTIFY_PROTECTION_VMA },
	{ "unguard", NO_OPERAND, { TAKE_READ, INVALIDATION(CHANGE), RELEASE, WAKE },
	  unguard_pages, NULL, write_is_waited_for, "UFFDIO_WRITEPROTECT lifted from the page that is waited for",
	  MMU_NOTIFY_PROTECTION_VMA },
	{ "wake", NO_OPERAND, { WAKE },
	  NULL, NULL, anything_is_waited_for, "UFFDIO_WAKE, nothing brought" },
	{ "unregister", PAGES, { TAKE_WRITE, CHANGE, RELEASE, WAKE },
	  unregister_pages, NULL, NULL, "UFFDIO_UNREGISTER" },
	{ "close", PAGES, { CHANGE, TAKE_WRITE, CHANGE_MORE, RELEASE, WAKE },
	  release_userfaultfd, unregister_pages, NULL, "close() of the userfaultfd of these pages" },
	{ "kill", NO_OPERAND, { CHANGE },
	  kill_subject, NULL, lives, "SIGKILL for the subject" },
	{ "reap", PAGES, { TAKE_READ, CHANGE, INVALIDATION(CHANGE_MORE), RELEASE },
	  mark, zap_pages, NULL, "the OOM reaper: marks the mm, discards these pages",
	  MMU_NOTIFY_CLEAR },
	{ "soft-dirty", PAGES, { TAKE_WRITE, INVALIDATION(CHANGE), RELEASE },
	  clear_soft_dirty, NULL, NULL, "soft-dirty bits are cleared: writing faults again",
	  MMU_NOTIFY_SOFT_DIRTY },
	{ "exclusive", ONE_PAGE, { TAKE_READ, INVALIDATION(CHANGE), RELEASE },
	  make_exclusive, NULL, is_present, "another device wants the page for itself",
	  MMU_NOTIFY_EXCLUSIVE },
	{ "take", PAGES, { TAKE_READ, INVALIDATION(CHANGE), CHANGE_MORE, RELEASE },
	  take_pages, put_in_memory, can_be_taken, "another task moves these to the device's memory",
	  MMU_NOTIFY_MIGRATE, our_memory },
	{ "take-holes", PAGES, { TAKE_READ, INVALIDATION(CHANGE), RELEASE },
	  fill_in_memory, NULL, can_be_touched, "the same where nothing is: zeros there",
	  MMU_NOTIFY_MIGRATE, our_memory },
	{ "take-away", PAGES, { TAKE_READ, INVALIDATION(CHANGE), CHANGE_MORE, RELEASE },
	  take_pages, put_elsewhere, can_be_taken, "another device moves these to its own memory",
	  MMU_NOTIFY_MIGRATE, their_memory },
	{ "come-home", ONE_PAGE, { TAKE_READ, INVALIDATION(CHANGE), CHANGE_MORE, RELEASE },
	  take_home, put_home, is_in_memory, "the CPU touches a page in device memory",
	  MMU_NOTIFY_MIGRATE, its_memory },
	{ "evict", PAGES, { INVALIDATION(CHANGE), CHANGE_MORE },
	  take_home, put_home, is_in_memory, "device memory is emptied: no mmap lock",
	  MMU_NOTIFY_CLEAR },
	{ "nothing", PAGES, { START, CALLBACK, END },
	  NULL, NULL, NULL, "an invalidation, and all stays as it was: a migration that fails",
	  MMU_NOTIFY_CLEAR },
	{ "relay", PAGES, { START, CALLBACK, END_BUT_LAST },
	  NULL, NULL, NULL, "the same, and it ends only while another is running",
	  MMU_NOTIFY_CLEAR },
	{ "cancel", NO_OPERAND, { CANCEL, CANCEL },
	  NULL, NULL, NULL, "hmmu_mirror_cancel(): all that is under way has to end" },
	{ "unregister-mirror", NO_OPERAND, { CHANGE, CANCEL },
	  close_mirror, NULL, NULL, "the same, and nothing begins any more" },
	{ "cancel-prefetch", NO_OPERAND, { CHANGE, CANCEL },
	  drop_prefetch, NULL, NULL, "the same for the prefetch alone" },
	{ "pass", NUMBER, { CHANGE },
	  pass_time, NULL, NULL, "so many ticks go by" },
};

#define N_OPERATIONS	(sizeof(operations) / sizeof(operations[0]))

const struct operation *operation_by_name(const char *name)
{
	for (size_t i = 0; i < N_OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

enum operand operation_operand(const struct operation *operation)
{
	return operation->operand;
}

const char *operation_name(const struct operation *operation)
{
	return operation->name;
}

/* Writing to a page that is shared, or zero, replaces it. */
enum deeds operation_deeds(const struct operation *operation)
{
	enum deeds deeds = 0;

	for (unsigned int i = 0; i < MAX_STEPS; i++) {
		if (operation->steps[i] == TAKE_WRITE)
			deeds |= WRITE_LOCKS;
		if (operation->steps[i] == START)
			deeds |= INVALIDATES;
		if (operation->steps[i] == CANCEL)
			deeds |= KILLS;
	}
	if (operation->change == kill_subject)
		deeds |= KILLS;
	if (operation->change == pass_time)
		deeds |= PASSES_TIME;
	if (operation->change == mark)
		deeds |= REAPS;
	if (operation->change == zero_pages || operation->change == share_pages ||
	    operation->change == make_exclusive ||
	    operation->change == take_pages ||
	    operation->change == fill_in_memory)
		deeds |= REPLACES;
	return deeds;
}

void operations_help(FILE *file)
{
	static const char *const operands[] = {
		"", "PAGE", "PAGES", "PAGES AREA", "PAGES PAGE", "N",
	};

	for (size_t i = 0; i < N_OPERATIONS; i++)
		fprintf(file, "  %-10s %-12s %s\n", operations[i].name,
			operands[operations[i].operand], operations[i].help);
}

/* The actor's next action, or NULL if it has none left. */
static const struct action *next_action(unsigned int actor)
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

static bool is_waiting(unsigned int actor)
{
	return world.lock.waiting >> actor & 1;
}

static bool may_begin(const struct action *a)
{
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
	const struct action *a = next_action(actor);

	if (!a || (!state->step && !is_waiting(actor) && !may_begin(a)))
		return false;
	switch (a->operation->steps[state->step]) {
	case TAKE_READ:
		return lock_is_free_for_readers();
	case TAKE_WRITE:
		/* The first try puts it on the list of those who wait. */
		return lock_is_free() || !is_waiting(actor);
	case END_BUT_LAST:
		return another_is_running(actor);
	case CANCEL:
		return !flight_is_listed() || !world.flight.cancelled ||
		       kick_would_wake();
	default:
		return true;
	}
}

static void tell_step(unsigned int actor, const struct action *a, const char *what)
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

static void begin_action(unsigned int actor, const struct action *a)
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
		state->first = state->last = choose_page(a, a->operation->useful);
}

/* Returns false if the actor has to wait and its step is not done. */
static bool take_write(unsigned int actor, const struct action *a)
{
	if (!lock_is_free()) {
		world.lock.waiting |= 1 << actor;
		tell_step(actor, a, "waits for the mmap lock, for write");
		return false;
	}
	world.lock.waiting &= ~(1 << actor);
	world.lock.writer = actor;
	tell_step(actor, a, "takes the mmap lock for write");
	return true;
}

static void wake(const struct actor_state *state)
{
	for (unsigned int i = 0; i < stacks_made(); i++) {
		struct userfault *fault = &world.stack[i].userfault;

		if (fault->waits && fault->page >= state->first &&
		    fault->page <= state->last)
			fault->woken = true;
	}
}

static bool do_step(unsigned int actor, const struct action *a)
{
	struct actor_state *state = &world.actors[actor];

	switch (a->operation->steps[state->step]) {
	case TAKE_READ:
		world.lock.readers |= 1 << actor;
		tell_step(actor, a, "takes the mmap lock for read");
		break;
	case TAKE_WRITE:
		return take_write(actor, a);
	case DOWNGRADE:
		world.lock.writer = NOBODY;
		world.lock.readers |= 1 << actor;
		tell_step(actor, a, "keeps the mmap lock for read only");
		break;
	case RELEASE:
		world.lock.writer = NOBODY;
		world.lock.readers &= ~(1 << actor);
		tell_step(actor, a, "releases the mmap lock");
		break;
	case START:
		tell_step(actor, a, "invalidation begins");
		invalidate_start(&world.invalidation[actor], state->first,
				 state->last, a->operation->event,
				 a->operation->owner ? a->operation->owner(a) : NULL);
		break;
	case CALLBACK:
		tell_step(actor, a, "invalidate callback");
		invalidate_callback(&world.invalidation[actor]);
		break;
	case CHANGE:
		tell_step(actor, a, a->operation->help);
		if (a->operation->change)
			a->operation->change(a, state);
		break;
	case CHANGE_MORE:
		tell_step(actor, a, "page tables changed");
		a->operation->change_more(a, state);
		break;
	case END:
	case END_BUT_LAST:
		tell_step(actor, a, "invalidation ends");
		invalidate_end(&world.invalidation[actor]);
		break;
	case WAKE:
		tell_step(actor, a, "wakes whoever waits for these");
		wake(state);
		break;
	case CANCEL:
		tell_step(actor, a, "cancels what is under way");
		return cancel_flights(a->operation->change != drop_prefetch);
	case NO_STEP:
		break;
	}
	return true;
}

static void next_step(unsigned int actor, const struct action *a)
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
	const struct action *a = next_action(actor);

	tally.acting = tally.stepping = true;
	if (!world.actors[actor].step && !is_waiting(actor))
		begin_action(actor, a);
	if (do_step(actor, a))
		next_step(actor, a);
	tally.acting = tally.stepping = false;
	contract_actor_acted();
}
