// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files and ioctls. /dev/hmm_region creates partitions; each partition is a file of its
 * own. Only the process that created a partition may use it, because the guest's memory
 * is memory of that process.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "region.h"

#define WINDOW_MAX	HMM_REGION_LARGE_PAGES
#define BATCH_MAX	HMM_REGION_LARGE_PAGES

static long partition_ioctl_set(struct partition *partition, void __user *arg)
{
	struct hmm_region_set set;

	if (copy_from_user(&set, arg, sizeof(set)))
		return -EFAULT;
	return region_set(partition, &set);
}

static long partition_ioctl_unset(struct partition *partition, void __user *arg)
{
	struct hmm_region_unset unset;

	if (copy_from_user(&unset, arg, sizeof(unset)))
		return -EFAULT;
	return region_unset(partition, &unset);
}

static long partition_ioctl_access(struct partition *partition,
				   void __user *arg)
{
	struct hmm_region_access access;
	int ret;

	if (copy_from_user(&access, arg, sizeof(access)))
		return -EFAULT;
	ret = partition_access(partition, &access);
	if (copy_to_user(arg, &access, sizeof(access)))
		return -EFAULT;
	return ret;
}

static long partition_ioctl_query(struct partition *partition, void __user *arg)
{
	struct hmm_region_query query = {
		.accesses = atomic64_read(&partition->accesses),
		.intercepts = atomic64_read(&partition->intercepts),
		.window_hits = atomic64_read(&partition->window_hits),
		.map_calls = atomic64_read(&partition->map_calls),
		.unmap_calls = atomic64_read(&partition->unmap_calls),
		.rollbacks = atomic64_read(&partition->rollbacks),
		.shortages = atomic64_read(&partition->shortages),
	};

	region_hv()->query(partition->hv, &query);
	return copy_to_user(arg, &query, sizeof(query)) ? -EFAULT : 0;
}

static long partition_ioctl_dirty_log(struct partition *partition,
				      void __user *arg)
{
	struct hmm_region_dirty dirty;
	int ret;

	if (copy_from_user(&dirty, arg, sizeof(dirty)))
		return -EFAULT;
	ret = partition_dirty_log(partition, &dirty);
	if (!ret && copy_to_user(arg, &dirty, sizeof(dirty)))
		return -EFAULT;
	return ret;
}

static long partition_ioctl_fail(struct partition *partition, void __user *arg)
{
	struct hmm_region_fail fail;

	if (copy_from_user(&fail, arg, sizeof(fail)))
		return -EFAULT;
	if (fail.reserved || (fail.what != HMM_REGION_FAIL_MEMORY &&
			      fail.what != HMM_REGION_FAIL_MAP))
		return -EINVAL;
	region_hv()->fail(partition->hv, &fail);
	return 0;
}

static long partition_ioctl(struct file *file, unsigned int number,
			    unsigned long arg)
{
	struct partition *partition = file->private_data;
	void __user *user = (void __user *)arg;

	if (current->mm != partition->mm)
		return -EACCES;
	switch (number) {
	case HMM_REGION_SET:
		return partition_ioctl_set(partition, user);
	case HMM_REGION_UNSET:
		return partition_ioctl_unset(partition, user);
	case HMM_REGION_ACCESS:
		return partition_ioctl_access(partition, user);
	case HMM_REGION_QUERY:
		return partition_ioctl_query(partition, user);
	case HMM_REGION_DIRTY_LOG:
		return partition_ioctl_dirty_log(partition, user);
	case HMM_REGION_FAIL:
		return partition_ioctl_fail(partition, user);
	default:
		return -ENOTTY;
	}
}

static void partition_free(struct partition *partition)
{
	region_hv()->destroy(partition->hv);
	mmdrop(partition->mm);
	kfree(partition);
}

static int partition_release(struct inode *inode, struct file *file)
{
	struct partition *partition = file->private_data;

	regions_unset_all(partition);
	partition_free(partition);
	return 0;
}

static const struct file_operations partition_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = partition_ioctl,
	.release = partition_release,
};

static bool partition_is_sane(const struct hmm_region_partition *args)
{
	return !memchr_inv(args->reserved, 0, sizeof(args->reserved)) &&
	       args->window <= WINDOW_MAX && args->batch <= BATCH_MAX &&
	       (!args->window || is_power_of_2(args->window));
}

static struct partition *partition_new(const struct hmm_region_partition *args)
{
	struct partition *partition;

	partition = kzalloc(sizeof(*partition), GFP_KERNEL_ACCOUNT);
	if (!partition)
		return ERR_PTR(-ENOMEM);
	partition->window = args->window ?: WINDOW_MAX;
	partition->batch = args->batch ?: BATCH_MAX;
	partition->hv = region_hv()->create(partition->batch);
	if (IS_ERR(partition->hv)) {
		int ret = PTR_ERR(partition->hv);

		kfree(partition);
		return ERR_PTR(ret);
	}
	init_rwsem(&partition->sets);
	spin_lock_init(&partition->lock);
	partition->regions = RB_ROOT_CACHED;
	partition->mm = current->mm;
	mmgrab(partition->mm);
	return partition;
}

static long partition_create(void __user *arg)
{
	struct hmm_region_partition args;
	struct partition *partition;
	int fd;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (!partition_is_sane(&args))
		return -EINVAL;
	partition = partition_new(&args);
	if (IS_ERR(partition))
		return PTR_ERR(partition);
	fd = anon_inode_getfd("[hmm_region]", &partition_fops, partition,
			      O_RDWR | O_CLOEXEC);
	if (fd < 0)
		partition_free(partition);
	return fd;
}

static long region_device_ioctl(struct file *file, unsigned int number,
				unsigned long arg)
{
	if (number != HMM_REGION_CREATE_PARTITION)
		return -ENOTTY;
	return partition_create((void __user *)arg);
}

static const struct file_operations region_device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = region_device_ioctl,
};

static struct miscdevice region_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hmm_region",
	.fops = &region_device_fops,
	.mode = 0600,
};
module_misc_device(region_device);

MODULE_DESCRIPTION("Guest memory regions, demand-mapped");
MODULE_LICENSE("GPL");
