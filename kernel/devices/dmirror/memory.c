// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory.
 *
 * Devices 0 and 1 have private memory, which the CPU cannot access: a device-private
 * page has a page frame number and no storage, so each is backed by a system page of
 * its own (zone_device_data), which stands for the device's RAM. A huge page is backed by
 * system pages that follow each other. Its zone_device_data is the first one.
 *
 * Devices 2 and 3 have coherent memory: physical memory that the kernel was told not
 * to use (memmap= on its command line).
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
		 "physical address of device 2's memory, which the kernel must not use (none)");

static ulong spm_addr_dev1;
module_param(spm_addr_dev1, ulong, 0444);
MODULE_PARM_DESC(spm_addr_dev1,
		 "physical address of device 3's memory, which the kernel must not use (none)");

static struct dmirror_device *dmirror_device_of(struct hmmu_memory *memory)
{
	return container_of(memory, struct dmirror_device, memory);
}

/**
 * dmirror_storage() - the system page that holds a page's contents
 * @page: any page that a device has mapped, or that is being moved
 *
 * Return: the backing page of a device-private page; @page itself if it is another.
 */
struct page *dmirror_storage(struct page *page)
{
	struct page *head;

	if (!is_device_private_page(page))
		return page;
	head = compound_head(page);
	return (struct page *)head->zone_device_data + (page - head);
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

static bool dmirror_attach_fails(struct dmirror_device *device, unsigned int order)
{
	if (!order)
		return test_and_clear_bit(DMIRROR_FAIL_PAGE, &device->flags);
	return test_and_clear_bit(DMIRROR_FAIL_ALLOC, &device->flags) ||
	       test_bit(DMIRROR_FAIL_PAGE, &device->flags);
}

static int dmirror_memory_attach(struct hmmu_memory *memory, struct page *page,
				 unsigned int order)
{
	struct page *storage;

	if (dmirror_attach_fails(dmirror_device_of(memory), order))
		return -ENOMEM;
	if (memory->pagemap.type != MEMORY_DEVICE_PRIVATE)
		return 0;
	storage = alloc_pages(GFP_HIGHUSER | __GFP_NOWARN, order);
	if (!storage)
		return -ENOMEM;
	/* So that each can be freed alone. */
	if (order)
		split_page(storage, order);
	page->zone_device_data = storage;
	return 0;
}

static void dmirror_memory_split(struct hmmu_memory *memory, struct page *head,
				 struct page *tail)
{
	tail->zone_device_data = (struct page *)head->zone_device_data + (tail - head);
}

static void dmirror_memory_detach(struct hmmu_memory *memory, struct page *page,
				  unsigned int order)
{
	struct page *storage = page->zone_device_data;
	unsigned int i;

	if (memory->pagemap.type != MEMORY_DEVICE_PRIVATE)
		return;
	for (i = 0; i < 1U << order; i++)
		__free_page(storage + i);
}

static const struct hmmu_memory_ops dmirror_memory_ops = {
	.owner = THIS_MODULE,
	.copy = dmirror_memory_copy,
	.attach = dmirror_memory_attach,
	.split = dmirror_memory_split,
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
 * Context: Module init. Sleeps.
 * Return: %0, also if the kernel has no CONFIG_DEVICE_PRIVATE, or no address for
 * coherent memory was given. A negative errno, with a line in the log, if memory that
 * was asked for is unavailable; call dmirror_memory_remove() then too.
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
 * dmirror_memory_remove() - remove the memory of the devices
 * @devices: all of them
 *
 * No page is in use any more, because each page in use holds a reference on the module.
 *
 * Context: Module init or exit. Sleeps.
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
	struct dmirror_device *device;

	if (cmd->npages & ~(HMM_DMIRROR_FLAG_FAIL_ALLOC | HMM_DMIRROR_FLAG_FAIL_PAGE))
		return -EINVAL;
	if (!dmirror->mirror.memory)
		return -EOPNOTSUPP;
	device = dmirror_device_of(dmirror->mirror.memory);
	if (cmd->npages & HMM_DMIRROR_FLAG_FAIL_ALLOC)
		set_bit(DMIRROR_FAIL_ALLOC, &device->flags);
	if (cmd->npages & HMM_DMIRROR_FLAG_FAIL_PAGE)
		set_bit(DMIRROR_FAIL_PAGE, &device->flags);
	return 0;
}

/**
 * dmirror_flags_clear() - nothing fails for the next user of the device
 * @dmirror: a file that is being closed
 */
void dmirror_flags_clear(struct dmirror *dmirror)
{
	struct dmirror_device *device;

	if (!dmirror->mirror.memory)
		return;
	device = dmirror_device_of(dmirror->mirror.memory);
	clear_bit(DMIRROR_FAIL_ALLOC, &device->flags);
	clear_bit(DMIRROR_FAIL_PAGE, &device->flags);
}
