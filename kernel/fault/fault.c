// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faulting the pages that are short.
 *
 * No walk is open here and no VMA is kept from one fault to the next, so the fault
 * handler may drop the mmap lock: userfaultfd drops it for user space to answer, swap
 * and files to wait for I/O. Then the run ends, and the page is read again before
 * anything else: mostly it is there now, and a page that satisfies its request is not
 * faulted. crew.c makes several faults wait at the same time.
 *
 * An entry with HMM_PFN_ERROR is final, except in anonymous memory: asked for nothing,
 * Linux 7.x reports a huge page in the memory of another device so, and a fault brings
 * that page home. If faults do not help, the call fails as it does for other errors, see
 * walk.c.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>

#include "call.h"
#include "trace.h"

#define FAULT_DROPPED	(VM_FAULT_RETRY | VM_FAULT_COMPLETED)

static unsigned int fault_flags(const struct hmmu_call *call,
				unsigned long addr, unsigned long need)
{
	unsigned int flags = FAULT_FLAG_REMOTE | FAULT_FLAG_ALLOW_RETRY |
			     FAULT_FLAG_KILLABLE;

	if (need & HMM_PFN_REQ_WRITE)
		flags |= FAULT_FLAG_WRITE;
	if (call->tried == addr)
		flags |= FAULT_FLAG_TRIED;
	return flags;
}

static int fault_errno(vm_fault_t result)
{
	int ret = vm_fault_to_errno(result, 0);

	WARN_ONCE(!ret, "hmm_unlocked: fault handler answered %#x\n", result);
	return ret ?: -EINVAL;
}

/* The handler has dropped the lock, @waited ns after the run began. */
static int fault_dropped(struct hmmu_call *call, unsigned long addr,
			 vm_fault_t result, u64 waited)
{
	int ret;

	hmmu_call_lock_lost(call);
	hmmu_call_count(call, HMM_UNLOCKED_LOCK_DROPS, 1);
	hmmu_call_count_max(call, HMM_UNLOCKED_LONGEST_WAIT_NS, waited);
	trace_hmm_unlocked_drop(call, addr, waited);

	if (call->stop_completed &&
	    !(result & (VM_FAULT_RETRY | VM_FAULT_ERROR)))
		return hmmu_call_interrupted(call) ? -EINTR : HMMU_COMPLETED;

	if (result & VM_FAULT_RETRY) {
		call->tried = addr;
		call->waited = true;
	}
	ret = hmmu_call_resume(call);
	if (ret != -EINTR && WARN_ON_ONCE(result & VM_FAULT_ERROR))
		ret = fault_errno(result);
	return ret;
}

/* Calls handle_mm_fault(), with its counter, its hook and its tracepoint. */
static vm_fault_t handle_fault(struct hmmu_call *call,
			       struct vm_area_struct *vma, unsigned long addr,
			       unsigned int flags)
{
	const struct hmmu_hooks *hooks = call->hooks;
	vm_fault_t result;

	hmmu_call_count(call, HMM_UNLOCKED_FAULTS, 1);
	call->tried = ULONG_MAX;
	if (hooks->faulting)
		hooks->faulting(call->range, true);
	result = handle_mm_fault(vma, addr, flags, NULL);
	if (hooks->faulting)
		hooks->faulting(call->range, false);
	trace_hmm_unlocked_fault(call, addr, flags, (__force u32)result);
	return result;
}

/*
 * This page cannot be faulted. Returns 0 if the page is not needed: the call goes on
 * without it. A fault of an interrupted task may have failed because of that alone.
 */
static int fault_failed(struct hmmu_call *call, unsigned long addr, int ret)
{
	if (hmmu_call_interrupted(call))
		return -EINTR;
	if (ret == -EINVAL)
		return ret;
	return hmmu_call_request_lower(call, addr, 0) ? 0 : ret;
}

/*
 * @begun is when the run began, or when the clock was last read in it. Reading the
 * clock at each fault would be a tenth of the time of a quick fault.
 */
static int fault_page(struct hmmu_call *call, unsigned long addr, u64 *begun)
{
	unsigned long need = hmmu_call_request(call, addr);
	struct vm_area_struct *vma;
	unsigned int flags;
	vm_fault_t result;
	bool dropped;
	u64 now, waited = 0;
	int ret;

	mmap_assert_locked(call->mm);

	/* It was read since the lock was taken: the VMA exists and is readable. */
	vma = vma_lookup(call->mm, addr);
	if (WARN_ON_ONCE(!vma))
		return -EFAULT;
	if (need & HMM_PFN_REQ_WRITE && !(vma->vm_flags & VM_WRITE)) {
		need = HMM_PFN_REQ_FAULT;
		if (!hmmu_call_request_lower(call, addr, need))
			return -EPERM;
		if (*hmmu_call_entry(call, addr) & HMM_PFN_VALID)
			return 0;
	}

	flags = fault_flags(call, addr, need);
	result = handle_fault(call, vma, addr, flags);
	dropped = result & FAULT_DROPPED;
	if (dropped || flags & FAULT_FLAG_TRIED) {
		now = ktime_get_ns();
		waited = now - *begun;
		*begun = now;
	}
	hmmu_limit_take_off(&call->limit, waited);
	if (dropped) {
		ret = fault_dropped(call, addr, result, waited);
		if (!ret && result & VM_FAULT_RETRY && call->guess.pace)
			hmmu_pace_note(call->guess.pace, 1, 1,
				       waited + ktime_get_ns() - *begun);
		return ret;
	}
	if (result & VM_FAULT_ERROR)
		return fault_failed(call, addr, fault_errno(result));
	return 0;
}

/*
 * Is the entry an error that no fault can end? In anonymous memory a fault may: all that
 * the walker can mean there is a page of another device.
 */
static bool entry_is_final(const struct hmmu_call *call, unsigned long addr)
{
	struct vm_area_struct *vma;

	if (!(*hmmu_call_entry(call, addr) & HMM_PFN_ERROR))
		return false;
	vma = vma_lookup(call->mm, addr);
	return !vma || !vma_is_anonymous(vma) || !(vma->vm_flags & VM_READ) ||
	       vma->vm_flags & (VM_IO | VM_PFNMAP);
}

/**
 * hmmu_call_fault_run() - fault some of the pages that are short
 * @call: the call
 * @addr: on input the first short page, read since the lock was taken; on output the
 *	  next page that is short by what was read before the run, or @end
 * @end: end of the chunk
 * @batch: how many faults to make that may fill more than their own page; faults that
 *	   fill only their page are made in addition
 *
 * The run ends where the lock was dropped, and at call->known: no page is faulted by an
 * entry that is older. Afterwards the caller reads the entries again: it does not know
 * what the faults brought, and breaking COW has moved the sequence.
 *
 * Context: mmap lock held for read on entry. On return see call->locked.
 * Return:
 * * %0		     - done; what was collected is as true as before
 * * %-EBUSY	     - the lock was dropped and the sequence has moved
 * * %-EFAULT	     - a needed page cannot be faulted, or the OOM reaper marked the mm
 * * %-EPERM	     - write asked of a VMA that does not allow it
 * * %-ENOMEM	     - the fault handler found no memory
 * * %-EINTR	     - fatal signal
 * * %-EINVAL	     - the fault handler broke its rules
 * * HMMU_COMPLETED  - the lock was dropped, and the call is to end there
 */
int hmmu_call_fault_run(struct hmmu_call *call, unsigned long *addr,
			unsigned long end, unsigned int batch)
{
	u64 begun = ktime_get_ns();
	int ret;

	while (batch && *addr < min(end, call->known)) {
		if (hmmu_call_interrupted(call))
			return -EINTR;
		if (!hmmu_call_plan_fills_one(call, *addr))
			batch--;
		if (entry_is_final(call, *addr))
			ret = fault_failed(call, *addr, -EFAULT);
		else
			ret = fault_page(call, *addr, &begun);
		if (ret)
			return ret;
		*addr = hmmu_call_plan_next(call, *addr + PAGE_SIZE, end);
	}
	return 0;
}
