// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files and ioctls. A file mirrors the memory of the process that opened it, and only
 * tasks of that process may use it.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dmirror.h"

static ushort mode = 0600;
module_param(mode, ushort, 0444);
MODULE_PARM_DESC(mode, "permissions of /dev/hmm_dmirror* (0600)");

static uint faults_in_flight;
module_param(faults_in_flight, uint, 0644);
MODULE_PARM_DESC(faults_in_flight,
		 "most faults that a populate has in flight, 0: the engine's default (0)");

static const struct {
	unsigned int number;
	dmirror_call_fn *call;
} dmirror_calls[] = {
	{ HMM_DMIRROR_READ, dmirror_read },
	{ HMM_DMIRROR_WRITE, dmirror_write },
	{ HMM_DMIRROR_MIGRATE_TO_DEV, dmirror_migrate_to_dev },
	{ HMM_DMIRROR_MIGRATE_TO_SYS, dmirror_migrate_to_sys },
	{ HMM_DMIRROR_SNAPSHOT, dmirror_snapshot },
	{ HMM_DMIRROR_EXCLUSIVE, dmirror_exclusive },
	{ HMM_DMIRROR_CHECK_EXCLUSIVE, dmirror_check_exclusive },
	{ HMM_DMIRROR_RELEASE, dmirror_release_memory },
	{ HMM_DMIRROR_FLAGS, dmirror_flags },
	{ HMM_DMIRROR_READ_UNLOCKED, dmirror_read },
	{ HMM_DMIRROR_POPULATE, dmirror_populate },
	{ HMM_DMIRROR_PREFETCH, dmirror_prefetch },
	{ HMM_DMIRROR_WAIT, dmirror_wait },
	{ HMM_DMIRROR_CANCEL, dmirror_cancel },
	{ HMM_DMIRROR_COMPARE, dmirror_compare },
	{ HMM_DMIRROR_POPULATE_DEV, dmirror_populate_dev },
	{ HMM_DMIRROR_MOVE, dmirror_move },
};

static dmirror_call_fn *dmirror_call_find(unsigned int number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dmirror_calls); i++)
		if (dmirror_calls[i].number == number)
			return dmirror_calls[i].call;
	return NULL;
}

static bool dmirror_cmd_is_sane(const struct hmm_dmirror_cmd *cmd)
{
	u64 length, end;

	return PAGE_ALIGNED(cmd->addr) && cmd->npages &&
	       !check_mul_overflow(cmd->npages, (u64)PAGE_SIZE, &length) &&
	       !check_add_overflow(cmd->addr, length, &end) &&
	       end <= (ULONG_MAX & PAGE_MASK);
}

static long dmirror_ioctl(struct file *file, unsigned int number,
			  unsigned long arg)
{
	struct dmirror *dmirror = file->private_data;
	dmirror_call_fn *call = dmirror_call_find(number);
	struct hmm_dmirror_cmd cmd;
	int ret;

	if (!call)
		return -ENOTTY;
	ret = hmmu_mirror_check_current(&dmirror->mirror);
	if (ret)
		return ret;
	if (copy_from_user(&cmd, (void __user *)arg, sizeof(cmd)))
		return -EFAULT;
	if (!dmirror_cmd_is_sane(&cmd))
		return -EINVAL;

	cmd.cpages = 0;
	cmd.faults = 0;
	ret = call(dmirror, &cmd);
	if (!ret && copy_to_user((void __user *)arg, &cmd, sizeof(cmd)))
		ret = -EFAULT;
	return ret;
}

static int dmirror_open(struct inode *inode, struct file *file)
{
	struct dmirror_device *device = container_of(file->private_data,
						     struct dmirror_device, misc);
	struct dmirror *dmirror = kzalloc(sizeof(*dmirror), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!dmirror)
		return -ENOMEM;
	xa_init_flags(&dmirror->table, XA_FLAGS_ACCOUNT);
	spin_lock_init(&dmirror->prefetch_lock);
	init_waitqueue_head(&dmirror->prefetch_wait);
	dmirror->files = current->files;
	ret = hmmu_mirror_register(&dmirror->mirror, &(struct hmmu_mirror_config) {
		.name = "hmm_dmirror",
		.start = 0,
		.end = ULONG_MAX & PAGE_MASK,
		.ops = &dmirror_ops,
		.memory = device->has_memory ? &device->memory : NULL,
		.faults_in_flight = READ_ONCE(faults_in_flight),
	});
	if (ret) {
		kfree(dmirror);
		return ret;
	}
	file->private_data = dmirror;
	return 0;
}

/*
 * A file may be shared with another process. If the opener exits, or executes another
 * program, a prefetch that waits for a page server would keep the opener's memory
 * alive. flush() cannot tell exit and execve() from a close(), so any close by the
 * opener cancels what is in progress. What cannot be cancelled yet ends later.
 */
static int dmirror_flush(struct file *file, fl_owner_t owner)
{
	struct dmirror *dmirror = file->private_data;

	if (owner == dmirror->files)
		hmmu_mirror_cancel(&dmirror->mirror);
	return 0;
}

/*
 * All pages in the device's memory go home, of whichever process; but not if the task that
 * closes the file is exiting, for its memory goes with it.
 */
static int dmirror_release(struct inode *inode, struct file *file)
{
	struct dmirror *dmirror = file->private_data;

	hmmu_mirror_unregister(&dmirror->mirror);
	dmirror_flags_clear(dmirror);
	if (dmirror->mirror.memory && !(current->flags & PF_EXITING))
		hmmu_memory_evict(dmirror->mirror.memory);
	xa_destroy(&dmirror->table);
	kfree(dmirror);
	return 0;
}

/* For tests: pages that are neither anonymous nor of a file, as many drivers map them. */
static int dmirror_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long addr;
	struct page *page;
	int ret = 0;

	for (addr = vma->vm_start; !ret && addr < vma->vm_end; addr += PAGE_SIZE) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!page || fatal_signal_pending(current))
			ret = -ENOMEM;
		else
			ret = vm_insert_page(vma, addr, page);
		if (page)
			put_page(page);
	}
	return ret;
}

static const struct file_operations dmirror_fops = {
	.owner = THIS_MODULE,
	.open = dmirror_open,
	.flush = dmirror_flush,
	.release = dmirror_release,
	.unlocked_ioctl = dmirror_ioctl,
	.mmap = dmirror_mmap,
};

#define DMIRROR_DEVICE(device) {					\
	.misc.minor = MISC_DYNAMIC_MINOR,				\
	.misc.name = device,						\
	.misc.fops = &dmirror_fops,					\
}

static struct dmirror_device dmirror_devices[HMM_DMIRROR_NDEVICES] = {
	DMIRROR_DEVICE("hmm_dmirror0"),
	DMIRROR_DEVICE("hmm_dmirror1"),
	DMIRROR_DEVICE("hmm_dmirror2"),
	DMIRROR_DEVICE("hmm_dmirror3"),
};

static void dmirror_deregister(unsigned int n)
{
	while (n--)
		misc_deregister(&dmirror_devices[n].misc);
}

static int __init dmirror_init(void)
{
	unsigned int i;
	int ret;

	if (mode & ~0777) {
		pr_err("hmm_dmirror: mode=%#o is not a set of permissions: give 0 to 0777\n",
		       mode);
		return -EINVAL;
	}
	ret = dmirror_memory_add(dmirror_devices);
	for (i = 0; !ret && i < ARRAY_SIZE(dmirror_devices); i++) {
		dmirror_devices[i].misc.mode = mode;
		ret = misc_register(&dmirror_devices[i].misc);
		if (ret)
			dmirror_deregister(i);
	}
	if (ret)
		dmirror_memory_remove(dmirror_devices);
	return ret;
}

static void __exit dmirror_exit(void)
{
	dmirror_deregister(ARRAY_SIZE(dmirror_devices));
	dmirror_memory_remove(dmirror_devices);
}

module_init(dmirror_init);
module_exit(dmirror_exit);
MODULE_DESCRIPTION("Device in software that mirrors a process's memory");
MODULE_LICENSE("GPL");
