// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of page tables, and faults: only of pages that are asked for and short of it.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"

/* A table of single pages takes long to read, and writers wait meanwhile. */
static void check_read_length(unsigned int page, unsigned int end)
{
	if (page / TABLE_PAGES != (end - 1) / TABLE_PAGES)
		violated("several page tables are read at once");
}

/*
 * Reading: while a writer waits, huge pages may be read by one entry each, and then one
 * page table, not a second.
 */
void contract_read_begins(unsigned int page, unsigned int end)
{
	struct watch *w = &me()->watch;
	unsigned int table = page / TABLE_PAGES;

	w->walked = true;
	w->gets_on = true;
	if (contract_has_to_end() && ++w->reads_after_kill > 2)
		violated("killed or cancelled, and reads on");
	w->where = WALKING;
	check_read_length(page, end);
	if (!world.mm.mm_users.counter)
		violated("an address space without users is read");
	if (!world.lock.waiting)
		w->starved_table = NOWHERE;
	else if (w->starved_table == NOWHERE && end - page == 1 && world.pages[page].huge)
		return;
	else if (w->starved_table == NOWHERE)
		w->starved_table = table;
	else if (w->starved_table != table)
		violated("a writer waits for the lock while one page table after the other is read");
}

void contract_read(unsigned int page, unsigned long entry)
{
	struct watch *w = &me()->watch;

	if (entry != cpu_entry(page, world.range.dev_private_owner))
		violated("page %u is read as somebody else's device memory", page);
	w->read[page] = page_is_satisfied(page, entry) ? READ_FINE : READ_SHORT;
	w->gets_on &= w->read[page] == READ_FINE;
	if (running == SUBJECT)
		contract_is_there(page, entry);
	if (running == SUBJECT && w->gets_on && page == w->furthest) {
		w->furthest++;
		contract_progress();
		/* A clock that is being read is not set back in the same moment. */
		w->where = ELSEWHERE;
	}
}

/* Faulting. */
static void check_flags(unsigned int page, unsigned int flags)
{
	unsigned long asked = scenario_asked(page);
	bool again = me()->watch.tried == page;
	unsigned int expected = FAULT_FLAG_REMOTE | FAULT_FLAG_ALLOW_RETRY |
				FAULT_FLAG_KILLABLE;

	if (!asked || scenario.present_only)
		violated("page %u was faulted, and nobody asked for it", page);
	if (asked & HMM_PFN_REQ_WRITE)
		expected |= FAULT_FLAG_WRITE;
	/* Once less was asked of it, it stays so, whatever its mapping is by then. */
	if (world.call.may_get_less[page])
		expected &= flags | ~FAULT_FLAG_WRITE;
	if (again)
		expected |= FAULT_FLAG_TRIED;
	if (flags != expected)
		violated("page %u was faulted with flags %#x instead of %#x",
			 page, flags, expected);
}

static void check_need(unsigned int page, unsigned int flags)
{
	u32 area = world.pages[page].area;

	if (!(area & VM_READ) || area & (VM_IO | VM_PFNMAP))
		violated("page %u was faulted, its mapping does not allow that",
			 page);
	if (flags & FAULT_FLAG_WRITE && !(area & VM_WRITE))
		violated("page %u was faulted for write in a read-only mapping",
			 page);
	if (me()->watch.read[page] == READ_FINE)
		violated("page %u was faulted though it was read and satisfies its request",
			 page);
	if (me()->watch.read[page] == UNREAD)
		violated("page %u was faulted by what was read before something happened to it",
			 page);
}

/* Two faults of one page at a time bring nothing that one does not. */
static void check_crowd(unsigned int page)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < stacks_made(); i++) {
		const struct watch *w = &world.stack[i].watch;

		if (!w->in_fault)
			continue;
		if (w->faults == page)
			violated("page %u is faulted, and %s has a fault of it under way",
				 page, stack_name(i));
		n++;
	}
	if (n >= scenario.in_flight)
		violated("%u faults are in flight, %u are allowed", n + 1,
			 scenario.in_flight);
	tally.in_flight = max(tally.in_flight, n + 1);
}

/* What a thread is to look at once it has the lock. */
static void check_worth(unsigned int page)
{
	const struct watch *w = &me()->watch;

	if (running == SUBJECT)
		return;
	if (w->moved)
		violated("page %u is faulted, and the sequence had moved before the lock was taken",
			 page);
	if (w->marked)
		violated("page %u is faulted, and the reaper had marked the mm before the lock was taken",
			 page);
	tally.thread_faults++;
}

void contract_fault_begins(unsigned int page, unsigned int flags)
{
	struct watch *w = &me()->watch;

	check_crowd(page);
	check_worth(page);
	w->in_fault = true;
	w->faults = page;
	check_flags(page, flags);
	check_need(page, flags);
	if (contract_has_to_end() && ++w->faults_after_kill > 1)
		violated("killed or cancelled, and begins another fault");
	w->read[page] = UNREAD;
	w->where = FAULTING;
	/* From here on the engine takes off more than just waits. */
	if (flags & FAULT_FLAG_TRIED)
		w->lost = 0;
}

void contract_dropped(void)
{
	me()->watch.where = DROPPED;
	me()->watch.lost = 0;
	tally.drops++;
}

static void note_idle(unsigned int page, vm_fault_t result)
{
	struct watch *w = &me()->watch;

	if (w->idle_page != page)
		w->idle_faults = w->idle_holding = w->idle_awake = 0;
	w->idle_page = page;
	if (result & VM_FAULT_RETRY || contract_got_enough(page,
			cpu_entry(page, world.range.dev_private_owner))) {
		w->idle_faults = w->idle_awake = 0;
		return;
	}
	w->hindered = true;
	/* The first may have been the last page of a run. */
	if (++w->idle_awake > 2)
		violated("page %u is faulted without effect again and again, and nobody sleeps",
			 page);
	if (++w->idle_faults > IDLE_FAULTS_MAX)
		violated("page %u was faulted %u times without effect", page,
			 w->idle_faults);
	if (w->idle_faults == IDLE_FAULTS_MAX && scenario_is_optional(page))
		world.call.may_get_less[page] |= EXCUSED_ALL;
	if (++w->idle_holding > 1 && world.lock.waiting)
		violated("page %u is faulted without effect again and again, and a writer waits for the lock",
			 page);
}

/* What a thread has found of a page that is needed, the call has to find for itself. */
static void fault_failed(unsigned int page, vm_fault_t result)
{
	int error = vm_fault_to_errno(result, 0) ?: -EINVAL;

	if (running != SUBJECT && !scenario_is_optional(page))
		return;
	if (error == -EINVAL || result & (VM_FAULT_RETRY | VM_FAULT_COMPLETED))
		contract_may_fail(error);
	else if (!contract_has_to_end())
		contract_page_fails(page, error);
}

/* Again, if a thread has found it, the call has to find it for itself. */
static void note_broken_rules(void)
{
	if (running == SUBJECT)
		world.call.broke_rules = true;
	else
		me()->watch.may_warn = true;
}

void contract_fault_ends(unsigned int page, vm_fault_t result)
{
	struct watch *w = &me()->watch;
	const vm_fault_t dropped = VM_FAULT_RETRY | VM_FAULT_COMPLETED;
	/* The engine takes off what passes until it looks at the clock. */
	bool again = w->tried == page;

	w->in_fault = false;
	w->faults = 0;
	w->where = result & dropped || again ? ELSEWHERE : WALKING;
	w->tried = result & VM_FAULT_RETRY ? page : NOWHERE;
	if (running == SUBJECT)
		world.call.completed |= !!(result & VM_FAULT_COMPLETED);
	if (result & VM_FAULT_ERROR)
		fault_failed(page, result);
	if (result & VM_FAULT_FALLBACK ||
	    (result & VM_FAULT_ERROR && result & dropped))
		note_broken_rules();
	note_idle(page, result);
}
