// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_unlocked_probe.ko: one call of the fault engine from user space.
 *
 * Principle: user space describes a run (struct hmmu_probe_run), the probe makes the
 * call as a driver would, and reports all that came of it: entries, request bits,
 * contents, counters, staleness.
 *
 * An open file has a notifier over the whole memory of the opener. A run with
 * HMMU_PROBE_EXACT inserts a notifier for just its range instead.
 *
 * Lock order: mmap lock -> probe_interval.lock. Invalidation takes the latter, so
 * nothing is allocated and no user memory is touched under it: contents are copied
 * to a kernel buffer under the lock, and from there to the user without it.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../compat/kernel.h"
#include "../../compat/mainline.h"
#include "probe.h"

/**
 * struct probe_pages - the buffers of one run, one element a page
 * @n: number of pages
 * @pfns: hmm_range.hmm_pfns
 * @bytes: requests before the call, request bits after it
 * @contents: copy of the pages, or NULL
 */
struct probe_pages {
	unsigned long n;
	unsigned long *pfns;
	u8 *bytes;
	void *contents;
};

static bool probe_invalidate(struct mmu_interval_notifier *notifier,
			     const struct mmu_notifier_range *range,
			     unsigned long seq)
{
	struct probe_interval *interval =
		container_of(notifier, struct probe_interval, notifier);

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&interval->lock);
	else if (!mutex_trylock(&interval->lock))
		return false;
	mmu_interval_set_seq(notifier, seq);
	mutex_unlock(&interval->lock);
	return true;
}

static const struct mmu_interval_notifier_ops probe_ops = {
	.invalidate = probe_invalidate,
};

static int probe_interval_init(struct probe_interval *interval,
			       struct mm_struct *mm, unsigned long start,
			       unsigned long length)
{
	mutex_init(&interval->lock);
	return mmu_interval_notifier_insert(&interval->notifier, mm, start,
					    length, &probe_ops);
}

/* Three flags side by side in the byte, and in the entries of kernels that have them. */
#define STICKY_BYTE_SHIFT	2
#define STICKY_ENTRY_SHIFT	(BITS_PER_LONG - 6)

static unsigned long probe_sticky_flags(u8 byte)
{
	unsigned long flags = (byte & HMMU_PROBE_STICKY) >> STICKY_BYTE_SHIFT;

	BUILD_BUG_ON(HMMU_PFN_STICKY && HMMU_PFN_STICKY != 7UL << STICKY_ENTRY_SHIFT);
	return (flags << STICKY_ENTRY_SHIFT) & HMMU_PFN_STICKY;
}

static u8 probe_sticky_byte(unsigned long entry)
{
	return (entry & HMMU_PFN_STICKY) >> STICKY_ENTRY_SHIFT << STICKY_BYTE_SHIFT;
}

static unsigned long probe_request_bits(u64 probe)
{
	return (probe & HMMU_PROBE_REQ_FAULT ? HMM_PFN_REQ_FAULT : 0) |
	       (probe & HMMU_PROBE_REQ_WRITE ? HMM_PFN_REQ_WRITE : 0);
}

static u8 probe_request_byte(unsigned long entry)
{
	return (entry & HMM_PFN_REQ_FAULT ? HMMU_PROBE_REQ_FAULT : 0) |
	       (entry & HMM_PFN_REQ_WRITE ? HMMU_PROBE_REQ_WRITE : 0);
}

static u64 probe_entry(unsigned long entry)
{
	unsigned long pfn = entry & ~HMM_PFN_FLAGS;
	u64 out = 0;

	if (entry & HMM_PFN_ERROR)
		return HMMU_PROBE_ERROR;
	if (!(entry & HMM_PFN_VALID))
		return 0;
	out = HMMU_PROBE_VALID | pfn | (u64)hmm_pfn_to_map_order(entry) << 52;
	if (entry & HMM_PFN_WRITE)
		out |= HMMU_PROBE_WRITE;
	if (is_zero_pfn(pfn))
		out |= HMMU_PROBE_ZERO;
	return out;
}

static void probe_pages_free(struct probe_pages *pages)
{
	kvfree(pages->pfns);
	kvfree(pages->bytes);
	kvfree(pages->contents);
}

static int probe_pages_alloc(struct probe_pages *pages,
			     const struct hmmu_probe_run *run)
{
	bool any = run->start < run->end;

	*pages = (struct probe_pages){};
	if (any)
		pages->n = (run->end - run->start) >> PAGE_SHIFT;
	else if (run->requests || run->entries || run->contents || run->after)
		return -EINVAL;
	if (pages->n > (run->contents ? HMMU_PROBE_MAX_CONTENTS :
					HMMU_PROBE_MAX_PAGES))
		return -EINVAL;

	/*
	 * A malformed range has no pages, and is still passed to the call, which
	 * must refuse it. One more element keeps the array from being NULL.
	 */
	pages->pfns = kvcalloc(pages->n + 1, sizeof(*pages->pfns), GFP_KERNEL);
	pages->bytes = kvzalloc(pages->n + 1, GFP_KERNEL);
	if (run->contents)
		pages->contents = kvzalloc(pages->n << PAGE_SHIFT, GFP_KERNEL);
	if (!pages->pfns || !pages->bytes ||
	    (run->contents && !pages->contents)) {
		probe_pages_free(pages);
		return -ENOMEM;
	}
	return 0;
}

static void probe_pages_request(struct probe_pages *pages)
{
	unsigned long i;

	for (i = 0; i < pages->n; i++)
		pages->pfns[i] = probe_request_bits(pages->bytes[i]) |
				 probe_sticky_flags(pages->bytes[i]);
}

/*
 * probe_interval.lock keeps invalidation out, so the pages cannot be freed. Pages of
 * memfd_secret cannot be read by the kernel: they stay zeros in the buffer.
 */
static void probe_pages_copy(struct probe_pages *pages)
{
	unsigned long i;
	void *page;

	for (i = 0; i < pages->n; i++) {
		if (!(pages->pfns[i] & HMM_PFN_VALID))
			continue;
		page = kmap_local_page(hmm_pfn_to_page(pages->pfns[i]));
		copy_from_kernel_nofault(pages->contents + (i << PAGE_SHIFT),
					 page, PAGE_SIZE);
		kunmap_local(page);
	}
}

static int probe_call_once(struct probe_interval *interval,
			   struct hmmu_probe_run *run,
			   struct probe_pages *pages,
			   struct hmm_unlocked_counters *counters)
{
	struct hmm_range range = {
		.notifier = &interval->notifier,
		.start = run->start,
		.end = run->end,
		.hmm_pfns = pages->pfns,
		.default_flags = probe_request_bits(run->default_flags),
		.pfn_flags_mask = probe_request_bits(run->pfn_flags_mask),
	};
	u64 begun = ktime_get_ns();
	int ret;

	run->locked = 0;
	run->stale = 0;
	ret = probe_call(run->call)(&range, run, counters);
	run->ns += ktime_get_ns() - begun;
	run->loops++;
	if (ret || (run->call == HMMU_PROBE_UNLOCKABLE && !run->locked))
		return ret;

	mutex_lock(&interval->lock);
	run->stale = mmu_interval_read_retry(range.notifier,
					     range.notifier_seq);
	if (pages->contents && !run->stale)
		probe_pages_copy(pages);
	mutex_unlock(&interval->lock);
	return 0;
}

static bool probe_call_again(const struct hmmu_probe_run *run, int ret)
{
	if (!(run->flags & HMMU_PROBE_LOOP) || fatal_signal_pending(current))
		return false;
	if (ret)
		return ret == -EBUSY;
	return run->stale ||
	       (run->call == HMMU_PROBE_UNLOCKABLE && !run->locked);
}

static void probe_call_loop(struct probe_interval *interval,
			    struct hmmu_probe_run *run,
			    struct probe_pages *pages)
{
	unsigned int i;
	int ret;

	BUILD_BUG_ON(HMM_UNLOCKED_NR_COUNTERS > HMMU_PROBE_NR_COUNTERS);
	probe_pages_request(pages);
	do {
		struct hmm_unlocked_counters counters = {};

		/*
		 * A result that went stale has overwritten the requests. On
		 * failure the engine keeps the requests, the kernel's calls do not.
		 */
		if (run->stale || run->call == HMMU_PROBE_STOCK ||
		    run->call == HMMU_PROBE_MAINLINE)
			probe_pages_request(pages);
		ret = probe_call_once(interval, run, pages, &counters);
		for (i = 0; i < HMM_UNLOCKED_NR_COUNTERS; i++)
			run->counters[i] += counters.n[i];
		cond_resched();
	} while (probe_call_again(run, ret));
	run->error = ret;
}

static int probe_results_out(const struct hmmu_probe_run *run,
			     struct probe_pages *pages)
{
	bool collected = !run->error && (run->locked ||
					 run->call != HMMU_PROBE_UNLOCKABLE);
	unsigned long i;

	if (run->contents && collected && !run->stale &&
	    copy_to_user(u64_to_user_ptr(run->contents), pages->contents,
			 pages->n << PAGE_SHIFT))
		return -EFAULT;
	BUILD_BUG_ON(sizeof(*pages->pfns) != sizeof(u64));
	for (i = 0; i < pages->n; i++) {
		pages->bytes[i] = probe_request_byte(pages->pfns[i]) |
				  probe_sticky_byte(pages->pfns[i]);
		pages->pfns[i] = collected ? probe_entry(pages->pfns[i]) : 0;
	}
	if (run->entries &&
	    copy_to_user(u64_to_user_ptr(run->entries), pages->pfns,
			 pages->n * sizeof(u64)))
		return -EFAULT;
	if (run->after && copy_to_user(u64_to_user_ptr(run->after),
				       pages->bytes, pages->n))
		return -EFAULT;
	return 0;
}

static int probe_run_exact(struct mm_struct *mm, struct hmmu_probe_run *run,
			   struct probe_pages *pages)
{
	struct probe_interval interval;
	int ret;

	ret = probe_interval_init(&interval, mm, run->start,
				  run->end - run->start);
	if (ret)
		return ret;
	probe_call_loop(&interval, run, pages);
	mmu_interval_notifier_remove(&interval.notifier);
	return 0;
}

static int probe_run_pages(struct probe_interval *whole,
			   struct hmmu_probe_run *run)
{
	struct probe_pages pages;
	int ret;

	ret = probe_pages_alloc(&pages, run);
	if (ret)
		return ret;

	if (run->requests && copy_from_user(pages.bytes,
					    u64_to_user_ptr(run->requests),
					    pages.n))
		ret = -EFAULT;
	else if (run->flags & HMMU_PROBE_EXACT)
		ret = probe_run_exact(whole->notifier.mm, run, &pages);
	else
		probe_call_loop(whole, run, &pages);

	if (!ret)
		ret = probe_results_out(run, &pages);
	probe_pages_free(&pages);
	return ret;
}

static int probe_run_mm(struct probe_interval *whole,
			struct hmmu_probe_run *run)
{
	struct mm_struct *mm = whole->notifier.mm;
	int ret;

	if (run->flags & HMMU_PROBE_NO_MMGET)
		return probe_run_pages(whole, run);
	if (!mmget_not_zero(mm))
		return -ESRCH;
	ret = probe_run_pages(whole, run);
	mmput(mm);
	return ret;
}

static bool probe_run_is_sane(const struct hmmu_probe_run *run)
{
	if (!probe_call(run->call) || run->flags & ~HMMU_PROBE_FLAGS ||
	    run->timeout_ms > U32_MAX ||
	    memchr_inv(run->reserved, 0, sizeof(run->reserved)))
		return false;
	return !(run->flags & HMMU_PROBE_EXACT) ||
	       (run->start < run->end && !(run->flags & HMMU_PROBE_NO_MMGET));
}

static long probe_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hmmu_probe_run run;
	int ret;

	if (cmd != HMMU_PROBE_RUN)
		return -ENOTTY;
	if (copy_from_user(&run, (void __user *)arg, sizeof(run)))
		return -EFAULT;
	if (!probe_run_is_sane(&run))
		return -EINVAL;
	if (run.call == HMMU_PROBE_MAINLINE && !hmmu_has_mainline_fault())
		return -EOPNOTSUPP;

	run.ns = 0;
	run.loops = 0;
	memset(run.counters, 0, sizeof(run.counters));

	ret = probe_run_mm(&((struct probe_file *)file->private_data)->whole, &run);
	if (!ret && copy_to_user((void __user *)arg, &run, sizeof(run)))
		ret = -EFAULT;
	return ret;
}

static int probe_open(struct inode *inode, struct file *file)
{
	struct probe_file *of;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	of = kzalloc(sizeof(*of), GFP_KERNEL);
	if (!of)
		return -ENOMEM;
	ret = probe_interval_init(&of->whole, current->mm, 0, ULONG_MAX & PAGE_MASK);
	if (ret) {
		kfree(of);
		return ret;
	}
	file->private_data = of;
	return 0;
}

static int probe_mmap(struct file *file, struct vm_area_struct *vma)
{
	return probe_memory_map(file->private_data, vma);
}

static ssize_t probe_write(struct file *file, const char __user *from, size_t size,
			   loff_t *offset)
{
	probe_memory_end(file->private_data);
	return size;
}

static int probe_release(struct inode *inode, struct file *file)
{
	struct probe_file *of = file->private_data;

	mmu_interval_notifier_remove(&of->whole.notifier);
	kfree(of);
	return 0;
}

static const struct file_operations probe_fops = {
	.owner = THIS_MODULE,
	.open = probe_open,
	.release = probe_release,
	.unlocked_ioctl = probe_ioctl,
	.mmap = probe_mmap,
	.write = probe_write,
};

static struct miscdevice probe_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = HMMU_PROBE_DEVICE,
	.fops = &probe_fops,
	.mode = 0600,
};

module_misc_device(probe_device);
MODULE_DESCRIPTION("Test device of hmm_unlocked");
MODULE_LICENSE("GPL");
