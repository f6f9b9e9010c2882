// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's own memory. That of devices 0 and 1 is private: the CPU can't reach it, so
 * a page there is a number, and what it holds is in a page of the system that nobody else
 * knows. That of devices 2 and 3 is coherent: memory that the system was told to leave
 * alone.
 */
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "dmirror.h"

static uint memory_mib = 256;
module_param(memory_mib, uint, 0444);
MODULE_PARM_DESC(memory_mib, "memory of each device that has some, in MiB (256)");

static ulong spm_addr_dev0;
module_param(spm_addr_dev0, ulong, 0444);
MODULE_PARM_DESC(spm_addr_dev0,
		 "physical address of device 2's memory, which the system must not use (none)");

static ulong spm_addr_dev1;
module_param(spm_addr_dev1, ulong, 0444);
MODULE_PARM_DESC(spm_addr_dev1, "the same of device 3 (none)");

static struct dmirror_device *dmirror_device_of(struct hmmu_memory *memory)
{
	return container_of(memory, struct dmirror_device, memory);
}

/**
 * dmirror_storage() - where is what a page holds?
 * @page: any page that a device has mapped
 */
struct page *dmirror_storage(struct page *page)
{
	return is_device_private_page(page) ? page->zone_device_data : page;
}

static int dmirror_memory_copy(struct hmmu_memory *memory,
			       struct page *const *to, struct page *const *from,
			       unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (from[i])
			copy_highpage(dmirror_storage(to[i]),
				      dmirror_storage(from[i]));
		else
			clear_highpage(dmirror_storage(to[i]));
	}
	return 0;
}

static int dmirror_memory_attach(struct hmmu_memory *memory, struct page *page)
{
	if (test_and_clear_bit(DMIRROR_FAIL_ALLOC,
			       &dmirror_device_of(memory)->flags))
		return -ENOMEM;
	if (!is_device_private_page(page))
		return 0;
	page->zone_device_data = alloc_page(GFP_HIGHUSER);
	return page->zone_device_data ? 0 : -ENOMEM;
}

static void dmirror_memory_detach(struct hmmu_memory *memory, struct page *page)
{
	if (is_device_private_page(page))
		__free_page(page->zone_device_data);
}

static const struct hmmu_memory_ops dmirror_memory_ops = {
	.owner = THIS_MODULE,
	.copy = dmirror_memory_copy,
	.attach = dmirror_memory_attach,
	.detach = dmirror_memory_detach,
};

static int dmirror_device_add(struct dmirror_device *device,
			      enum hmmu_memory_type type, unsigned long start)
{
	int ret = hmmu_memory_add(&device->memory, type, start,
				  (u64)memory_mib * SZ_1M, &dmirror_memory_ops);

	device->has_memory = !ret;
	return ret;
}

static int dmirror_device_add_coherent(struct dmirror_device *device,
				       unsigned long start)
{
	int ret;

	if (!start)
		return 0;
	ret = dmirror_device_add(device, HMMU_MEMORY_COHERENT, start);
	if (ret)
		pr_err("hmm_dmirror: no %u MiB of device memory at %#lx: error %d; multiples of 2 MiB, reserved with memmap=%uM$%#lx on the kernel's command line?\n",
		       memory_mib, start, ret, memory_mib, start);
	return ret;
}

static int dmirror_device_add_private(struct dmirror_device *device)
{
	int ret = dmirror_device_add(device, HMMU_MEMORY_PRIVATE, 0);

	if (ret == -EOPNOTSUPP) {
		pr_notice_once("hmm_dmirror: this kernel is without CONFIG_DEVICE_PRIVATE: no private device memory and no exclusive access (EOPNOTSUPP)\n");
		return 0;
	}
	if (ret)
		pr_err("hmm_dmirror: no %u MiB of private device memory: error %d; give a lower memory_mib\n",
		       memory_mib, ret);
	return ret;
}

/**
 * dmirror_memory_add() - give the devices their memory
 * @devices: all of them
 *
 * Return: %0 also if there is none to be had; an errno, and a line in the log, if what was
 * asked for can't be. Then dmirror_memory_remove() is due too.
 */
int dmirror_memory_add(struct dmirror_device *devices)
{
	int ret;

	if (!memory_mib) {
		pr_err("hmm_dmirror: memory_mib=0 is no memory: give 2 or more\n");
		return -EINVAL;
	}
	ret = dmirror_device_add_private(&devices[0]);
	ret = ret ?: dmirror_device_add_private(&devices[1]);
	ret = ret ?: dmirror_device_add_coherent(&devices[2], spm_addr_dev0);
	return ret ?: dmirror_device_add_coherent(&devices[3], spm_addr_dev1);
}

/**
 * dmirror_memory_remove() - and take it away again
 * @devices: all of them
 *
 * No page is in use: each holds the module.
 */
void dmirror_memory_remove(struct dmirror_device *devices)
{
	unsigned int i;

	for (i = 0; i < HMM_DMIRROR_NDEVICES; i++)
		if (devices[i].has_memory)
			hmmu_memory_remove(&devices[i].memory);
}

int dmirror_release_memory(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	struct hmmu_memory *memory = dmirror->mirror.memory;

	return memory ? hmmu_memory_evict(memory) : 0;
}

int dmirror_flags(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	if (cmd->npages & ~HMM_DMIRROR_FLAG_FAIL_ALLOC)
		return -EINVAL;
	if (!dmirror->mirror.memory)
		return -EOPNOTSUPP;
	set_bit(DMIRROR_FAIL_ALLOC,
		&dmirror_device_of(dmirror->mirror.memory)->flags);
	return 0;
}
