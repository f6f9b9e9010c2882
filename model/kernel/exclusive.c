// SPDX-License-Identifier: GPL-2.0-only
/*
 * make_device_exclusive_range(), locks and references of pages, and hmmu_evicting.
 *
 * The kit asks it for one page. Two steps, as in the kernel. The first gets the page for
 * writing, as get_user_pages() without leave to release the mmap lock: what would wait in a
 * userfaultfd fails there. The second locks the page if that is possible at once, and
 * replaces its entry under an invalidation of its own, with the caller's owner. Between any
 * two of these steps others may take the page away.
 *
 * A lock and a reference belong to the frame, not to the place where it is mapped: a
 * page that is zapped while we have it locked leaves us with a frame that is mapped nowhere.
 */
#include "actors/actions.h"
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "mirror/device_memory.h"

struct rw_semaphore hmmu_evicting;

bool page_is_locked(unsigned int page)
{
	const struct held_pages *held = &world.held;

	return held->locked >> page & 1 &&
	       held->frame[page] == world.pages[page].frame &&
	       (world.pages[page].kind == PRESENT ||
		world.pages[page].kind == EXCLUSIVE);
}

/* Which of the pages in @set it is: the name may be that of a frame that is gone. */
static unsigned int held_page(const struct page *name, u64 set, const char *what)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (set >> page & 1 && frame_name(world.held.frame[page]) == name)
			return page;
	violated("a page is %s that was not %s", what, what);
}

struct folio *page_folio(struct page *name)
{
	return (struct folio *)name;
}

void folio_unlock(struct folio *folio)
{
	const struct page *name = (const struct page *)folio;

	point();
	world.held.locked &= ~(1ULL << held_page(name, world.held.locked, "unlocked"));
}

void folio_put(struct folio *folio)
{
	const struct page *name = (const struct page *)folio;
	unsigned int page = held_page(name, world.held.referenced, "put");

	if (world.held.locked >> page & 1)
		violated("page %u is put, and is still locked", page);
	world.held.referenced &= ~(1ULL << page);
	if (!world.held.referenced)
		memset(world.held.frame, 0, sizeof(world.held.frame));
}

static void hold_page(unsigned int page)
{
	if (world.held.referenced)
		violated("two pages are held at a time, and they may be of one large folio");
	world.held.referenced |= 1ULL << page;
	world.held.frame[page] = world.pages[page].frame;
}

unsigned long page_to_pfn(const struct page *name)
{
	return name_frame(name);
}

/* Write: eviction, which is an actor. */
int down_read_trylock(struct rw_semaphore *sem)
{
	point();
	if (sem != &hmmu_evicting || world.held.evicting)
		violated("an unknown lock is taken, or hmmu_evicting twice");
	if (actors_evict()) {
		contract_exclusive_is_excused();
		return 0;
	}
	world.held.evicting = true;
	return 1;
}

void down_read(struct rw_semaphore *sem)
{
	violated("waits for an eviction, which may wait for a fault");
}

void up_read(struct rw_semaphore *sem)
{
	if (!world.held.evicting)
		violated("hmmu_evicting is released, and is not held");
	world.held.evicting = false;
}

static bool may_be_written(unsigned int page)
{
	const struct page *p = &world.pages[page];

	return p->area & VM_WRITE && !(p->area & (VM_IO | VM_PFNMAP));
}

/* Returns 0 with a reference on the page that is mapped for writing, or -errno. */
static int get_page_for_write(unsigned int page)
{
	const unsigned int flags = FAULT_FLAG_WRITE | FAULT_FLAG_REMOTE;
	const struct page *p = &world.pages[page];
	vm_fault_t result;

	for (;;) {
		point();
		if (me()->killed)
			return -EINTR;
		if (!may_be_written(page))
			return -EFAULT;
		if (p->huge)
			violated("exclusive access to huge pages is not modelled");
		if (p->kind == PRESENT && p->writable)
			break;
		result = fault_by_kernel(page, flags);
		if (result & VM_FAULT_ERROR)
			return vm_fault_to_errno(result, 0);
	}
	hold_page(page);
	return 0;
}

static bool try_to_lock(unsigned int page)
{
	point();
	if (actors_lock_page(page) || has_trouble(scenario.pinned)) {
		tell(stack_name(running), "finds page %u locked", page);
		return false;
	}
	world.held.locked |= 1ULL << page;
	return true;
}

/* An entry that does not allow writing is replaced too, and does not count. */
static bool replace_entry(unsigned int page, const void *owner)
{
	struct invalidation *inv = &world.invalidation[MAX_ACTORS + running];
	struct page *p = &world.pages[page];
	bool valid = false;

	inv->is_subjects = true;
	invalidate_start(inv, page, page, MMU_NOTIFY_EXCLUSIVE, owner);
	invalidate_callback(inv);
	point();
	if (p->kind == PRESENT && p->frame == world.held.frame[page]) {
		p->kind = EXCLUSIVE;
		valid = p->writable;
	}
	contract_device();
	invalidate_end(inv);
	return valid;
}

static bool make_page_exclusive(unsigned int page, const void *owner)
{
	if (!try_to_lock(page))
		return false;
	if (!(world.pages[page].area & VM_SHARED) && replace_entry(page, owner)) {
		tell(stack_name(running), "has page %u for itself", page);
		return true;
	}
	tell(stack_name(running), "cannot make page %u exclusive (%s)", page,
	     page_text(page));
	folio_unlock(page_folio(frame_name(world.held.frame[page])));
	return false;
}

int make_device_exclusive_range(struct mm_struct *mm, unsigned long start,
				unsigned long end, struct page **pages,
				void *owner)
{
	unsigned int page = page_of(start);
	struct page *name;
	int error;

	model_assert_locked();
	contract_exclusive_begins(page, page_of(end));
	error = get_page_for_write(page);
	if (error) {
		tell(stack_name(running), "does not get page %u", page);
		contract_exclusive_is_excused();
		return error;
	}
	name = frame_name(world.held.frame[page]);
	if (make_page_exclusive(page, owner)) {
		pages[0] = name;
		return 1;
	}
	pages[0] = NULL;
	folio_put(page_folio(name));
	contract_exclusive_is_excused();
	return 1;
}

long schedule_timeout_killable(long ticks)
{
	model_assert_unlocked();
	contract_may_wait();
	contract_exclusive_sleeps();
	tell(stack_name(running), "sleeps for %ld ticks", ticks);
	point();
	return 0;
}
