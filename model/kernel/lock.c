// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mmap lock as the subject and its threads take it; the actors' side is in actors/actor.c.
 *
 * When one of them releases the lock everything that it learned under the lock is
 * forgotten: VMAs may be freed, pages may come and go.
 */
#include "contract/contract.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "kernel/world.h"

/* As rwsem_down_read_slowpath(): past waiting writers only if nobody is in. */
bool lock_is_free_for_readers(void)
{
	return world.lock.writer == NOBODY &&
	       !(world.lock.waiting &&
		 (world.lock.ours || world.lock.readers));
}

static bool may_be_taken(const struct stack *stack)
{
	return lock_is_free_for_readers();
}

bool lock_is_held(void)
{
	return world.lock.ours >> running & 1;
}

void model_assert_locked(void)
{
	if (!lock_is_held())
		violated("a function that needs the mmap lock was called without it");
}

void model_assert_unlocked(void)
{
	if (lock_is_held())
		violated("a function that takes the mmap lock was called with it held");
}

int mmap_read_lock_killable(struct mm_struct *mm)
{
	model_assert_unlocked();
	contract_may_wait();
	contract_waits_for_lock();
	point_unless_quiet(WRITE_LOCKS);
	if (!lock_is_free_for_readers())
		wait_until(may_be_taken, true, "for the mmap lock");
	if (!lock_is_free_for_readers()) {
		tell(stack_name(running), "is killed while it waits for the mmap lock");
		return -EINTR;
	}
	world.lock.ours |= 1 << running;
	tell(stack_name(running), "takes the mmap lock for read");
	contract_locked();
	return 0;
}

/* By the stack that holds it, or by a fault on its behalf. */
void lock_dropped(void)
{
	world.lock.ours &= ~(1 << running);
	areas_forget();
	contract_unlocked();
}

void mmap_read_unlock(struct mm_struct *mm)
{
	model_assert_locked();
	contract_lets_go();
	point_unless_quiet(WRITE_LOCKS);
	tell(stack_name(running), "releases the mmap lock");
	lock_dropped();
}

bool mmap_lock_is_contended(struct mm_struct *mm)
{
	point_unless_quiet(WRITE_LOCKS);
	contract_saw_contention(world.lock.waiting);
	return world.lock.waiting;
}
