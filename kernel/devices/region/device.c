// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files and calls: the device makes partitions, and a partition is a file of its own.
 * Only the process that made it may use it, for it is that process's memory.
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

static long set_call(struct partition *partition, void __user *arg)
{
	struct hmm_region_set set;

	if (copy_from_user(&set, arg, sizeof(set)))
		return -EFAULT;
	return region_set(partition, &set);
}

static long unset_call(struct partition *partition, void __user *arg)
{
	struct hmm_region_unset unset;

	if (copy_from_user(&unset, arg, sizeof(unset)))
		return -EFAULT;
	return region_unset(partition, &unset);
}

static long access_call(struct partition *partition, void __user *arg)
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

static long query_call(struct partition *partition, void __user *arg)
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

	hypervisor()->query(partition->hv, &query);
	return copy_to_user(arg, &query, sizeof(query)) ? -EFAULT : 0;
}

static long dirty_call(struct partition *partition, void __user *arg)
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

static long fail_call(struct partition *partition, void __user *arg)
{
	struct hmm_region_fail fail;

	if (copy_from_user(&fail, arg, sizeof(fail)))
		return -EFAULT;
	if (fail.reserved || (fail.what != HMM_REGION_FAIL_MEMORY &&
			      fail.what != HMM_REGION_FAIL_MAP))
		return -EINVAL;
	hypervisor()->fail(partition->hv, &fail);
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
		return set_call(partition, user);
	case HMM_REGION_UNSET:
		return unset_call(partition, user);
	case HMM_REGION_ACCESS:
		return access_call(partition, user);
	case HMM_REGION_QUERY:
		return query_call(partition, user);
	case HMM_REGION_DIRTY_LOG:
		return dirty_call(partition, user);
	case HMM_REGION_FAIL:
		return fail_call(partition, user);
	default:
		return -ENOTTY;
	}
}

static void partition_free(struct partition *partition)
{
	hypervisor()->destroy(partition->hv);
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
	partition->hv = hypervisor()->create(partition->batch);
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

static long create_partition(void __user *arg)
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

static long device_ioctl(struct file *file, unsigned int number,
			 unsigned long arg)
{
	if (number != HMM_REGION_CREATE_PARTITION)
		return -ENOTTY;
	return create_partition((void __user *)arg);
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hmm_region",
	.fops = &device_fops,
	.mode = 0600,
};
module_misc_device(device);

MODULE_DESCRIPTION("Guest memory regions, demand-mapped");
MODULE_LICENSE("GPL");
