// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mmap lock as the subject takes it; actors' side is in actions.c.
 *
 * When the subject lets go of the lock everything that it was told under it is
 * forgotten: VMAs may be freed, pages may come and go.
 */
#include "contract.h"
#include "schedule.h"
#include "world.h"

/* As rwsem_down_read_slowpath(): past waiting writers only if nobody is in. */
bool lock_is_free_for_readers(void)
{
	return world.lock.writer == NOBODY &&
	       !(world.lock.waiting &&
		 (world.lock.subject || world.lock.readers));
}

void model_assert_locked(void)
{
	if (!world.lock.subject)
		violated("a function that needs the mmap lock was called without it");
}

void model_assert_unlocked(void)
{
	if (world.lock.subject)
		violated("a function that takes the mmap lock was called with it held");
}

int mmap_read_lock_killable(struct mm_struct *mm)
{
	model_assert_unlocked();
	contract_waits_for_lock();
	point();
	if (!lock_is_free_for_readers())
		wait_until(lock_is_free_for_readers, true,
			   "for the mmap lock");
	if (!lock_is_free_for_readers()) {
		tell("subject", "is killed while it waits for the mmap lock");
		return -EINTR;
	}
	world.lock.subject = true;
	tell("subject", "takes the mmap lock for read");
	contract_locked();
	return 0;
}

/* By the subject itself, or by a fault on its behalf. */
void lock_dropped(void)
{
	world.lock.subject = false;
	areas_forget();
	contract_unlocked();
}

void mmap_read_unlock(struct mm_struct *mm)
{
	model_assert_locked();
	contract_waits_for_lock();
	point();
	tell("subject", "releases the mmap lock");
	lock_dropped();
}

bool mmap_lock_is_contended(struct mm_struct *mm)
{
	point();
	contract_saw_contention(world.lock.waiting);
	return world.lock.waiting;
}
