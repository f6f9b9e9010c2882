// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver on the mirror kit, to be copied. Its device is a table that map() fills and
 * unmap() empties, and an ioctl that reads through it: look, and on a miss fault.
 *
 * Lock order: mmap lock -> mirror lock -> table.xa_lock. A page is looked up and used
 * under the last, which unmap() takes: then nothing uses it any more.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/hmmu_mirror.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "../../include/uapi/hmmu_template.h"

struct template {
	struct hmmu_mirror mirror;
	struct xarray table;	/* struct page by page number, no references needed */
};

static int map(struct hmmu_mirror *mirror, const struct hmmu_pages *pages)
{
	struct xarray *table = &container_of(mirror, struct template, mirror)->table;
	const unsigned long *entry = pages->entries;
	unsigned long addr;
	int ret = 0;

	for (addr = pages->start; !ret && addr < pages->end; addr += PAGE_SIZE, entry++)
		if (*entry & HMM_PFN_VALID)
			ret = xa_err(xa_store(table, PFN_DOWN(addr),
					      hmm_pfn_to_page(*entry),
					      GFP_NOWAIT | __GFP_NOWARN));
	return ret;
}

/* A reserved place reads as empty; to store there takes no memory. */
static int prepare(struct hmmu_mirror *mirror, unsigned long start, unsigned long end)
{
	struct xarray *table = &container_of(mirror, struct template, mirror)->table;
	int ret = 0;

	for (; !ret && start < end; start += PAGE_SIZE)
		ret = xa_reserve(table, PFN_DOWN(start), GFP_KERNEL);
	return ret;
}

/* A device that writes marks pages dirty here. Places merely reserved stay. */
static void unmap(struct hmmu_mirror *mirror, unsigned long start, unsigned long end,
		  bool may_sleep)
{
	struct xarray *table = &container_of(mirror, struct template, mirror)->table;
	unsigned long i;
	void *page;

	xa_for_each_range(table, i, page, PFN_DOWN(start), PFN_DOWN(end - 1)) {
		xa_erase(table, i);
		if (may_sleep)
			cond_resched();
	}
}

static const struct hmmu_mirror_ops ops = { .map = map, .unmap = unmap, .prepare = prepare };

/* %-ENOENT: a miss. nofault: of memfd_secret pages the kernel has no mapping. */
static int access(struct template *t, struct hmmu_template_read *read)
{
	int ret = -ENOENT;
	struct page *page;
	void *at;

	xa_lock(&t->table);
	page = xa_load(&t->table, PFN_DOWN(read->addr));
	if (page) {
		at = kmap_local_page(page) + offset_in_page(read->addr);
		ret = copy_from_kernel_nofault(&read->value, at, 8) ? -EFAULT : 0;
		kunmap_local(at);
	}
	xa_unlock(&t->table);
	return ret;
}

static long template_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hmmu_request request = { .access = HMMU_ACCESS_READ, .timeout = HZ };
	struct template *t = file->private_data;
	struct hmmu_template_read read;
	int ret;

	if (cmd != HMMU_TEMPLATE_READ)
		return -ENOTTY;
	if (hmmu_mirror_check_current(&t->mirror))
		return -EACCES;
	if (copy_from_user(&read, (void __user *)arg, sizeof(read)))
		return -EFAULT;
	if (!IS_ALIGNED(read.addr, 8))
		return -EINVAL;
	request.start = PAGE_ALIGN_DOWN(read.addr);
	request.end = request.start + PAGE_SIZE;

	/* What was mapped may be gone before it is used: the device faults again. */
	ret = access(t, &read);
	while (ret == -ENOENT)
		ret = hmmu_mirror_populate(&t->mirror, &request) ?: access(t, &read);
	if (!ret && copy_to_user((void __user *)arg, &read, sizeof(read)))
		return -EFAULT;
	return ret;
}

static int template_open(struct inode *inode, struct file *file)
{
	struct template *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!t)
		return -ENOMEM;
	file->private_data = t;
	xa_init_flags(&t->table, XA_FLAGS_ACCOUNT);	/* first: unmap() may come */
	ret = hmmu_mirror_register(&t->mirror, "template", 0, ULONG_MAX & PAGE_MASK, &ops);
	if (ret)
		kfree(t);
	return ret;
}

static int template_release(struct inode *inode, struct file *file)
{
	struct template *t = file->private_data;

	hmmu_mirror_unregister(&t->mirror);
	xa_destroy(&t->table);				/* places that stayed */
	kfree(t);
	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE, .unlocked_ioctl = template_ioctl,
	.open = template_open, .release = template_release,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR, .name = HMMU_TEMPLATE_DEVICE,
	.fops = &fops, .mode = 0600,
};
module_misc_device(device);
MODULE_DESCRIPTION("Template of a driver on hmm_unlocked's mirror kit");
MODULE_LICENSE("GPL");
