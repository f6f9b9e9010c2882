// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of actions is what there is; a new one is a line here and a function that
 * changes the world.
 *
 * The order of locks, invalidation and change is that of the kernel: callbacks
 * are through before anything is taken away, waiters are woken last.
 */
#include <string.h>

#include "actors/operations.h"
#include "explorer/schedule.h"

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
	  MMU_NOTIFY_CLEAR, .locks = true },
	{ "migrate", ONE_PAGE, { INVALIDATION(CHANGE), CHANGE_MORE },
	  begin_migration, end_migration, is_present, "migration to another frame",
	  MMU_NOTIFY_CLEAR, .locks = true },
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
	  kill_subject, NULL, subject_lives, "SIGKILL for the subject" },
	{ "reap", PAGES, { TAKE_READ, CHANGE, INVALIDATION(CHANGE_MORE), RELEASE },
	  mark_reaped, zap_pages, NULL, "the OOM reaper: marks the mm, discards these pages",
	  MMU_NOTIFY_CLEAR },
	{ "soft-dirty", PAGES, { TAKE_WRITE, INVALIDATION(CHANGE), RELEASE },
	  clear_soft_dirty, NULL, NULL, "soft-dirty bits are cleared: writing faults again",
	  MMU_NOTIFY_SOFT_DIRTY },
	{ "exclusive", ONE_PAGE, { TAKE_READ, INVALIDATION(CHANGE), RELEASE },
	  make_exclusive, NULL, is_present, "another device wants the page for itself",
	  MMU_NOTIFY_EXCLUSIVE, .locks = true },
	{ "alone", ONE_PAGE, { TAKE_READ, INVALIDATION(CHANGE), RELEASE },
	  make_alone, NULL, is_present, "the same, and nothing is copied: the page stays where it is",
	  MMU_NOTIFY_EXCLUSIVE, their_memory, .locks = true },
	{ "take-back", ONE_PAGE, { INVALIDATION(CHANGE) },
	  take_back, NULL, is_alone, "the CPU touches a page that is a device's alone",
	  MMU_NOTIFY_EXCLUSIVE, .locks = true },
	{ "take", PAGES, { TAKE_READ, INVALIDATION(CHANGE), CHANGE_MORE, RELEASE },
	  take_pages, put_in_memory, can_be_taken, "another task moves these to the device's memory",
	  MMU_NOTIFY_MIGRATE, our_memory, .locks = true },
	{ "take-holes", PAGES, { TAKE_READ, INVALIDATION(CHANGE), RELEASE },
	  fill_in_memory, NULL, can_be_touched, "the same where nothing is: zeros there",
	  MMU_NOTIFY_MIGRATE, our_memory },
	{ "take-away", PAGES, { TAKE_READ, INVALIDATION(CHANGE), CHANGE_MORE, RELEASE },
	  take_pages, put_elsewhere, can_be_taken, "another device moves these to its own memory",
	  MMU_NOTIFY_MIGRATE, their_memory, .locks = true },
	{ "come-home", ONE_PAGE, { TAKE_READ, INVALIDATION(CHANGE), CHANGE_MORE, RELEASE },
	  take_home, put_home, is_in_memory, "the CPU touches a page in device memory",
	  MMU_NOTIFY_MIGRATE, its_memory, .locks = true },
	{ "evict", PAGES, { INVALIDATION(CHANGE), CHANGE_MORE },
	  take_home, put_home, is_in_memory, "device memory is emptied: no mmap lock",
	  MMU_NOTIFY_CLEAR, .locks = true, .evicts = true },
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
	if (operation->change == mark_reaped)
		deeds |= REAPS;
	if (operation->change == zero_pages || operation->change == share_pages ||
	    operation->change == make_exclusive ||
	    operation->change == make_alone ||
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
