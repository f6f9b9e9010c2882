// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faulting the pages that are short.
 *
 * No walk is open here, so the fault handler may drop the mmap lock: userfaultfd drops
 * it for user space to answer, swap and files to wait for I/O. Then the run ends, and
 * with it the use of its VMA. The page is read again before anything else: mostly it is
 * there now, and a page that satisfies its request is not faulted. crew.c makes several
 * faults wait at the same time.
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

/**
 * struct fault_run - what holds until the lock is dropped, which ends the run
 * @vma: the VMA of the last fault, or NULL
 * @begun: when the run began, in ns
 */
struct fault_run {
	struct vm_area_struct *vma;
	u64 begun;
};

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

/*
 * Fault the page at *@addr and those that follow up to @end, as long as the faults succeed
 * at once and the task is not killed. *@addr becomes the end of what was faulted. Returns
 * the result of the last fault.
 *
 * The stock call has as good as nothing between two faults, so each test here shows.
 */
static vm_fault_t fault_pages(struct hmmu_call *call, struct vm_area_struct *vma,
			      unsigned long *addr, unsigned long end,
			      unsigned int flags)
{
	const struct hmmu_hooks *hooks = call->hooks;
	unsigned long next = *addr;
	vm_fault_t result;

	if (hooks->faulting)
		hooks->faulting(call->range, true);
	do {
		result = handle_mm_fault(vma, next, flags, NULL);
		trace_hmm_unlocked_fault(call, next, flags, (__force u32)result);
		next += PAGE_SIZE;
	} while (!(result & (FAULT_DROPPED | VM_FAULT_ERROR)) && next < end &&
		 !fatal_signal_pending(current));
	if (hooks->faulting)
		hooks->faulting(call->range, false);

	call->tried = ULONG_MAX;
	hmmu_call_count(call, HMM_UNLOCKED_FAULTS, (next - *addr) >> PAGE_SHIFT);
	*addr = next;
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
 * The VMA of a page, kept from one fault of the run to the next: the lock is not dropped
 * within a run, and @addr only grows. A page that was read since the lock was taken, and
 * is not an error, has one that is readable.
 */
static struct vm_area_struct *run_vma(const struct hmmu_call *call,
				      struct fault_run *run, unsigned long addr)
{
	mmap_assert_locked(call->mm);

	if (!run->vma || addr >= run->vma->vm_end)
		run->vma = vma_lookup(call->mm, addr);
	return run->vma;
}

/*
 * The time from the beginning of the run to the end of a fault that waited, which is no
 * reason to give up. The clock is read at such faults only: reading it at each would be a
 * tenth of the time of a quick fault.
 */
static u64 run_waited(struct hmmu_call *call, struct fault_run *run)
{
	u64 now = ktime_get_ns(), waited = now - run->begun;

	run->begun = now;
	hmmu_limit_take_off(&call->limit, waited);
	return waited;
}

/*
 * Where the pages end that are faulted with the page at @addr: missing pages of its VMA, with
 * the same request. A page that is tried again is faulted by itself. So is each page of a
 * call that can be cancelled, which is tested before each fault.
 */
static unsigned long alike_end(const struct hmmu_call *call,
			       const struct vm_area_struct *vma,
			       unsigned long addr, unsigned long end)
{
	unsigned long next = addr + PAGE_SIZE;

	if (call->requests.saved || call->tried == addr || call->hooks->cancelled)
		return next;
	return hmmu_call_plan_missing(call, next, min(end, vma->vm_end));
}

/*
 * Fault the short page at *@addr, and missing pages that follow it up to @end. *@addr
 * becomes the end of what was faulted.
 */
static int run_fault(struct hmmu_call *call, struct fault_run *run,
		     unsigned long *addr, unsigned long end)
{
	unsigned long need = hmmu_call_request(call, *addr), last;
	struct vm_area_struct *vma = run_vma(call, run, *addr);
	unsigned int flags;
	vm_fault_t result;
	u64 waited = 0;
	int ret;

	if (WARN_ON_ONCE(!vma))
		return -EFAULT;
	if (need & HMM_PFN_REQ_WRITE && !(vma->vm_flags & VM_WRITE)) {
		need = HMM_PFN_REQ_FAULT;
		if (!hmmu_call_request_lower(call, *addr, need))
			return -EPERM;
		if (*hmmu_call_entry(call, *addr) & HMM_PFN_VALID) {
			*addr += PAGE_SIZE;
			return 0;
		}
	}

	flags = fault_flags(call, *addr, need);
	result = fault_pages(call, vma, addr, alike_end(call, vma, *addr, end), flags);
	last = *addr - PAGE_SIZE;
	if (result & FAULT_DROPPED || flags & FAULT_FLAG_TRIED)
		waited = run_waited(call, run);
	if (result & FAULT_DROPPED) {
		ret = fault_dropped(call, last, result, waited);
		if (!ret && result & VM_FAULT_RETRY && call->guess.pace)
			hmmu_pace_note(call->guess.pace, 1, 1,
				       waited + ktime_get_ns() - run->begun);
		return ret;
	}
	if (result & VM_FAULT_ERROR)
		return fault_failed(call, last, fault_errno(result));
	return 0;
}

/*
 * Is the entry an error that no fault can end? In anonymous memory a fault may: all that
 * the walker can mean there is a page of another device.
 */
static bool entry_is_final(const struct hmmu_call *call, struct fault_run *run,
			   unsigned long addr)
{
	struct vm_area_struct *vma;

	if (!(*hmmu_call_entry(call, addr) & HMM_PFN_ERROR))
		return false;
	vma = run_vma(call, run, addr);
	return !vma || !vma_is_anonymous(vma) || !(vma->vm_flags & VM_READ) ||
	       vma->vm_flags & (VM_IO | VM_PFNMAP);
}

/* The entry says that no page can be there: the fault of *@addr has failed already. */
static int run_refused(struct hmmu_call *call, unsigned long *addr)
{
	*addr += PAGE_SIZE;
	return fault_failed(call, *addr - PAGE_SIZE, -EFAULT);
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
	struct fault_run run = { .begun = ktime_get_ns() };
	unsigned long from, most;
	int ret;

	while (batch && *addr < min(end, call->known)) {
		if (hmmu_call_interrupted(call))
			return -EINTR;
		from = *addr;
		most = min(end, call->known) - from;
		if (entry_is_final(call, &run, from))
			ret = run_refused(call, addr);
		else
			ret = run_fault(call, &run, addr,
					from + min(most, batch * PAGE_SIZE));
		if (ret)
			return ret;
		batch -= (*addr - from) >> PAGE_SHIFT;
		if (hmmu_call_plan_fills_one(call, from))
			batch++;
		*addr = hmmu_call_plan_next(call, *addr, end);
	}
	return 0;
}
