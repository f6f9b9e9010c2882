// SPDX-License-Identifier: GPL-2.0-only
/*
 * handle_mm_fault(): what a fault does to each kind of page, and how it answers.
 *
 * A fault may release the mmap lock on its caller's behalf (userfaultfd, slow
 * I/O, the first write to a shared mapping), may invalidate (breaking COW), may
 * wait with the lock held (migration), may succeed without effect (a userfaultfd
 * of 6.1 that is being closed) and, where the scenario says so, may fail for no
 * reason that the model knows of.
 */
#include "actors/actions.h"
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"

struct fault {
	unsigned int page;
	unsigned int flags;
	bool write;
};

static struct page *page_at(const struct fault *f)
{
	return &world.pages[f->page];
}

/* A fault that invalidates: breaking COW. */
static vm_fault_t fault_replace(const struct fault *f)
{
	struct invalidation *inv = &world.invalidation[MAX_ACTORS + running];

	invalidate_start(inv, f->page, f->page, MMU_NOTIFY_CLEAR, NULL);
	tell(stack_name(running), "its fault invalidates page %u", f->page);
	invalidate_callback(inv);
	point();
	zap(f->page);
	new_frame(f->page, page_at(f)->area & VM_WRITE);
	invalidate_end(inv);
	return 0;
}

/*
 * Leaving device memory, a huge page as a whole: what somebody else moves meanwhile, this
 * fault does not.
 */
static vm_fault_t bring_home(const struct fault *f)
{
	struct invalidation *inv = &world.invalidation[MAX_ACTORS + running];
	const void *memory = memory_of_page(f->page);
	unsigned int pages = page_at(f)->huge ? TABLE_PAGES : 1;
	unsigned int first = f->page - f->page % pages;

	invalidate_start(inv, first, first + pages - 1, MMU_NOTIFY_MIGRATE, memory);
	tell(stack_name(running), "its fault brings page %u home%s", f->page,
	     pages > 1 ? ", and all of its huge page" : "");
	invalidate_callback(inv);
	point();
	for (unsigned int page = first; page < first + pages; page++)
		if (memory_of_page(page) == memory)
			page_ready(page, mover_of_stack());
	invalidate_end(inv);
	point();
	for (unsigned int page = first; page < first + pages; page++)
		page_put_home(page, mover_of_stack());
	return 0;
}

static bool page_is_unlocked(const struct stack *stack)
{
	return !actors_lock_page(stack->migrating);
}

/* Taking a page back from a device that has it for itself alone. */
static vm_fault_t take_back(const struct fault *f)
{
	struct invalidation *inv = &world.invalidation[MAX_ACTORS + running];

	me()->migrating = f->page;
	if (actors_lock_page(f->page))
		wait_until(page_is_unlocked, false, "for a page's lock, the mmap lock held");
	invalidate_start(inv, f->page, f->page, MMU_NOTIFY_EXCLUSIVE, NULL);
	tell(stack_name(running), "its fault takes page %u back", f->page);
	invalidate_callback(inv);
	point();
	page_take_back(f->page);
	invalidate_end(inv);
	return 0;
}

static void fault_drop_lock(void)
{
	lock_dropped();
	contract_dropped();
}

static bool fault_is_woken(const struct stack *stack)
{
	return stack->userfault.woken;
}

static vm_fault_t fault_wait_for_server(const struct fault *f, bool write_protect)
{
	if (!(f->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (world.released && scenario.released_nopage)
		return VM_FAULT_NOPAGE;

	me()->userfault = (struct userfault){
		.page = f->page,
		.waits = true,
		.write_protect = write_protect,
	};
	fault_drop_lock();
	tell(stack_name(running), "releases the mmap lock and waits for the page server, page %u",
	     f->page);
	if (!world.released)
		wait_until(fault_is_woken, true, "for a page server");
	me()->userfault = (struct userfault){};
	return VM_FAULT_RETRY;
}

/*
 * Contents that are read from somewhere: the first try need not hold the lock, the
 * second does, and releases it only to answer a kill.
 */
static vm_fault_t read_slowly(const struct fault *f)
{
	struct page *p = page_at(f);

	if (!p->slow)
		return 0;
	if (f->flags & FAULT_FLAG_TRIED || !(f->flags & FAULT_FLAG_ALLOW_RETRY)) {
		point();
		if (me()->killed && f->flags & FAULT_FLAG_ALLOW_RETRY) {
			fault_drop_lock();
			return VM_FAULT_RETRY;
		}
		p->slow = false;
		return 0;
	}
	fault_drop_lock();
	tell(stack_name(running), "releases the mmap lock and waits for I/O, page %u",
	     f->page);
	point();
	p->slow = false;
	return VM_FAULT_RETRY;
}

static bool table_is_empty(const struct fault *f)
{
	unsigned int first = f->page - f->page % TABLE_PAGES;

	for (unsigned int page = first; page < first + TABLE_PAGES; page++)
		if (world.pages[page].kind != ABSENT ||
		    world.pages[page].area != page_at(f)->area ||
		    world.pages[page].generation != page_at(f)->generation)
			return false;
	return true;
}

static vm_fault_t fill_shared(const struct fault *f)
{
	unsigned int first = f->page - f->page % 4, page;
	vm_fault_t result = read_slowly(f);

	if (result)
		return result;
	for (page = first; page < first + 4; page++)
		if (world.pages[page].kind == ABSENT &&
		    !world.pages[page].slow &&
		    world.pages[page].area == page_at(f)->area)
			new_frame(page, false);
	return 0;
}

/* The first write to a page of a file: its owner is told, and has his time. */
static vm_fault_t make_shared_writable(const struct fault *f)
{
	page_at(f)->writable = true;
	if (f->flags & FAULT_FLAG_TRIED || !(f->flags & FAULT_FLAG_ALLOW_RETRY))
		return 0;
	fault_drop_lock();
	tell(stack_name(running), "its fault has made page %u writable and released the mmap lock",
	     f->page);
	point();
	return VM_FAULT_COMPLETED;
}

static vm_fault_t fill_absent(const struct fault *f)
{
	struct page *p = page_at(f);
	vm_fault_t result;

	if (world.reaped && !(p->area & VM_SHARED))
		return VM_FAULT_SIGBUS;
	if (p->area & VM_UFFD_MISSING)
		return fault_wait_for_server(f, false);
	if (p->area & VM_SHARED) {
		result = fill_shared(f);
		if (result || !f->write)
			return result;
		return make_shared_writable(f);
	}
	if (p->area & (VM_HUGEPAGE | VM_HUGETLB) && table_is_empty(f)) {
		new_table(f->page);
		return 0;
	}
	new_frame(f->page, f->write)->zero = !f->write;
	return 0;
}

static vm_fault_t allow_write(const struct fault *f)
{
	struct page *p = page_at(f);

	if (p->guarded)
		return fault_wait_for_server(f, true);
	if (p->area & VM_SHARED)
		return make_shared_writable(f);
	if (p->copied || p->zero)
		return fault_replace(f);
	p->writable = true;
	return 0;
}

static vm_fault_t swap_in(const struct fault *f)
{
	vm_fault_t result = read_slowly(f);

	if (!result)
		new_frame(f->page, f->write);
	return result;
}

static bool migration_is_over(const struct stack *stack)
{
	return world.pages[stack->migrating].kind != MIGRATING;
}

static vm_fault_t fault_resolve(const struct fault *f)
{
	switch (page_at(f)->kind) {
	case ABSENT:
		return fill_absent(f);
	case SWAPPED:
		return swap_in(f);
	case MIGRATING:
		me()->migrating = f->page;
		wait_until(migration_is_over, false, "for a migration, the mmap lock held");
		return 0;
	case POISONED:
		return VM_FAULT_HWPOISON;
	case DEVICE_OURS:
	case DEVICE_OTHER:
		return bring_home(f);
	case EXCLUSIVE:
		return take_back(f);
	case SPECIAL:
		if (page_at(f)->area & VM_SHARED)
			violated("page %u is special and was faulted", f->page);
		return 0;
	default:
		return f->write && !page_at(f)->writable ? allow_write(f) : 0;
	}
}

/* One of the scenario's troubles, or 0. */
static vm_fault_t fault_trouble(void)
{
	unsigned int which;

	if (!world.trouble_left || !scenario.troubles)
		return 0;
	which = choose(scenario.troubles + 1);
	if (!which)
		return 0;
	world.trouble_left--;
	tally.acted = true;
	return scenario.trouble[which - 1];
}

static vm_fault_t fault_answer(const struct fault *f)
{
	vm_fault_t result = fault_trouble();

	if (!result)
		return fault_resolve(f);
	/* A handler that answers RETRY or COMPLETED has released the lock. */
	if (result & (VM_FAULT_RETRY | VM_FAULT_COMPLETED))
		fault_drop_lock();
	return result;
}

vm_fault_t handle_mm_fault(struct vm_area_struct *vma, unsigned long addr,
			   unsigned int flags, void *regs)
{
	struct fault f = {
		.page = page_of(addr),
		.flags = flags,
		.write = flags & FAULT_FLAG_WRITE,
	};
	vm_fault_t result;

	model_assert_locked();
	contract_may_wait();
	point();
	areas_check(vma, f.page);
	tell(stack_name(running), "faults page %u%s%s (%s)", f.page,
	     f.write ? " for write" : "",
	     flags & FAULT_FLAG_TRIED ? ", again" : "", page_text(f.page));
	contract_fault_begins(f.page, flags);
	tally.faults++;
	result = fault_answer(&f);
	contract_fault_ends(f.page, result);
	return result;
}

vm_fault_t fault_by_kernel(unsigned int page, unsigned int flags)
{
	struct fault f = {
		.page = page,
		.flags = flags,
		.write = flags & FAULT_FLAG_WRITE,
	};

	tell(stack_name(running), "the kernel faults page %u for it (%s)", page,
	     page_text(page));
	return fault_resolve(&f);
}
