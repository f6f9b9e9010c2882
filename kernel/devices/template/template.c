// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole driver on the mirror kit, without hardware: to be copied.
 *
 * Each open file is a context. It mirrors the memory of the process that opened
 * it, and has a page table of its own, as the device would. An ioctl stands for
 * the device: it reads 8 bytes through that table, and faults where the table
 * has no page.
 *
 * Principle: the device uses what its table has, under a lock or a TLB that
 * unmap() waits for. A miss is never answered from the result of the fault:
 * look in the table, populate on a miss, look again.
 *
 *	open	set up the table, then register: unmap() may be called from now
 *	ioctl	is it the mirrored process? Look, populate, look again
 *	exit	the kit calls unmap() for all memory; the file may stay open
 *	close	unregister: no callback runs any more. Then free the table
 *
 * Lock order: mmap lock -> what the invalidation holds -> mirror lock (the
 * kit's) -> table.xa_lock. No call of the kit is made with table.xa_lock held.
 * unmap() may be called by reclaim: nothing that waits for memory is done under
 * table.xa_lock.
 *
 * To be replaced by the device:
 *
 *	template_context.table	the device's page table
 *	template_map()		write its entries; for DMA map each page first
 *	template_unmap()	clear them, flush the TLB, mark pages dirty
 *	template_prepare()	allocate levels of the table
 *	template_load()		the device's access
 *	template_read()		the handler of its page faults
 *
 * docs/writing-a-driver.md walks through each with DMA, interrupts and workers,
 * and has the rules.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/hmmu_mirror.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "../../include/uapi/hmmu_template.h"

/* Jiffies that invalidations may cost a fault. Page servers may take longer. */
#define TEMPLATE_TIMEOUT	HZ

/**
 * struct template_context - an open file
 * @mirror: the memory of the process that opened it
 * @table: struct page by page number, without a reference: what map() stored is
 *	   valid until unmap() was called
 */
struct template_context {
	struct hmmu_mirror mirror;
	struct xarray table;
};

static struct template_context *template_context_of(struct hmmu_mirror *mirror)
{
	return container_of(mirror, struct template_context, mirror);
}

/*
 * Enter pages into the device's table. The mirror lock, a spinlock, is held: so
 * memory may only come from GFP_NOWAIT. When that fails, -ENOMEM has the kit
 * call template_prepare() and then this again.
 *
 * An entry without HMM_PFN_VALID says nothing about the page: what the table
 * has there stays. Nothing outside [pages->start, pages->end) may be entered.
 *
 * This device only reads. One that writes may do so only where the entry has
 * HMM_PFN_WRITE.
 */
static int template_map(struct hmmu_mirror *mirror,
			const struct hmmu_pages *pages)
{
	struct template_context *context = template_context_of(mirror);
	const unsigned long *entry = pages->entries;
	unsigned long index;
	int ret = 0;

	for (index = PFN_DOWN(pages->start);
	     !ret && index < PFN_DOWN(pages->end); index++, entry++)
		if (*entry & HMM_PFN_VALID)
			ret = xa_err(xa_store(&context->table, index,
					      hmm_pfn_to_page(*entry),
					      GFP_NOWAIT | __GFP_NOWARN));
	return ret;
}

/*
 * Set memory aside for template_map(), which was short of it. No lock is held,
 * so this may sleep. A reserved entry of an xarray reads as NULL, and a store
 * there needs no memory. Another fault may use the entry up before map() is
 * called again: then the kit calls this once more, 8 times at most.
 */
static int template_prepare(struct hmmu_mirror *mirror, unsigned long start,
			    unsigned long end)
{
	struct template_context *context = template_context_of(mirror);
	unsigned long index;
	int ret = 0;

	for (index = PFN_DOWN(start); !ret && index < PFN_DOWN(end); index++)
		ret = xa_reserve(&context->table, index, GFP_KERNEL);
	return ret;
}

/*
 * Take pages from the device. The kernel gives them to others when this
 * returns, so nothing may be left for later: xa_erase() takes the lock under
 * which template_load() uses a page, which is what the TLB flush is to
 * hardware. A device that writes calls set_page_dirty() here.
 *
 * This cannot fail, and may be called at any time after the table was set up,
 * for addresses that were never mapped too. It skips reserved entries.
 */
static void template_unmap(struct hmmu_mirror *mirror, unsigned long start,
			   unsigned long end, bool may_sleep)
{
	struct template_context *context = template_context_of(mirror);
	unsigned long index;
	struct page *page;

	xa_for_each_range(&context->table, index, page, PFN_DOWN(start),
			  PFN_DOWN(end - 1)) {
		xa_erase(&context->table, index);
		if (may_sleep)
			cond_resched();
	}
}

static const struct hmmu_mirror_ops template_mirror_ops = {
	.map = template_map,
	.unmap = template_unmap,
	.prepare = template_prepare,
};

/*
 * The device's access: look the page up and use it under one hold of the lock,
 * because template_unmap() waits for that lock and for nothing else.
 *
 * Return: 0; -ENOENT for a miss; -EFAULT for a page that the kernel itself has
 * not mapped (memfd_secret), hence the copy that may fail.
 */
static int template_load(struct template_context *context, u64 addr, u64 *value)
{
	struct page *page;
	int ret = -ENOENT;
	void *at;

	xa_lock(&context->table);
	page = xa_load(&context->table, PFN_DOWN(addr));
	if (page) {
		at = kmap_local_page(page);
		ret = copy_from_kernel_nofault(value, at + offset_in_page(addr),
					       sizeof(*value));
		kunmap_local(at);
		if (ret)
			ret = -EFAULT;
	}
	xa_unlock(&context->table);
	return ret;
}

/*
 * The page fault of the device. What populate has mapped may be unmapped before
 * it is used, so only the table says whether it is there. It asks for the
 * access that the device needs: asking to write would break COW for a device
 * that reads.
 *
 * The loop ends with a hit or with an error of populate: -EFAULT, -EBUSY in a
 * storm of invalidations, -EINTR for SIGKILL.
 */
static int template_read(struct template_context *context, u64 addr, u64 *value)
{
	struct hmmu_request request = {
		.start = PAGE_ALIGN_DOWN(addr),
		.end = PAGE_ALIGN_DOWN(addr) + PAGE_SIZE,
		.access = HMMU_ACCESS_READ,
		.timeout = TEMPLATE_TIMEOUT,
	};
	int ret;

	ret = template_load(context, addr, value);
	while (ret == -ENOENT) {
		ret = hmmu_mirror_populate(&context->mirror, &request);
		if (!ret)
			ret = template_load(context, addr, value);
	}
	return ret;
}

/* Reserved fields must be 0, or no later version could give them a meaning. */
static int template_ioctl_read(struct template_context *context,
			       struct hmmu_template_read __user *arg)
{
	struct hmmu_template_read read;
	int ret;

	if (copy_from_user(&read, arg, sizeof(read)))
		return -EFAULT;
	if (!IS_ALIGNED(read.addr, sizeof(read.value)) ||
	    memchr_inv(read.reserved, 0, sizeof(read.reserved)))
		return -EINVAL;

	ret = template_read(context, read.addr, &read.value);
	if (!ret && copy_to_user(arg, &read, sizeof(read)))
		return -EFAULT;
	return ret;
}

/*
 * A child inherits the file, and a file can be sent to another process. Neither
 * may reach into the memory of the process that opened it.
 */
static long template_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct template_context *context = file->private_data;

	if (hmmu_mirror_check_current(&context->mirror))
		return -EACCES;
	switch (cmd) {
	case HMMU_TEMPLATE_READ:
		return template_ioctl_read(context, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

/* The table comes first: unmap() may be called before register returns. */
static int template_open(struct inode *inode, struct file *file)
{
	struct template_context *context =
			kzalloc(sizeof(*context), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!context)
		return -ENOMEM;
	xa_init_flags(&context->table, XA_FLAGS_ACCOUNT);
	ret = hmmu_mirror_register(&context->mirror, &(struct hmmu_mirror_config) {
		.name = "template",
		.start = 0,
		.end = ULONG_MAX & PAGE_MASK,
		.ops = &template_mirror_ops,
	});
	if (ret) {
		kfree(context);
		return ret;
	}
	file->private_data = context;
	return 0;
}

/*
 * No ioctl is under way: each holds a reference on the file. Unregister calls
 * template_unmap(); only reserved entries are left in the table after it.
 */
static int template_release(struct inode *inode, struct file *file)
{
	struct template_context *context = file->private_data;

	hmmu_mirror_unregister(&context->mirror);
	xa_destroy(&context->table);
	kfree(context);
	return 0;
}

static const struct file_operations template_fops = {
	.owner = THIS_MODULE,		/* no unload while a file is open */
	.open = template_open,
	.release = template_release,
	.unlocked_ioctl = template_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice template_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = HMMU_TEMPLATE_DEVICE,
	.fops = &template_fops,
	.mode = 0600,
};
module_misc_device(template_device);

MODULE_DESCRIPTION("Template of a driver on hmm_unlocked's mirror kit");
MODULE_LICENSE("GPL");
