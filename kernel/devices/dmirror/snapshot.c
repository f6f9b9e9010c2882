// SPDX-License-Identifier: GPL-2.0-only
/* SNAPSHOT and COMPARE: read the CPU's page table without faulting anything. */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dmirror.h"

#define BYTES_MAX	512UL
#define COMPARE_MAX	64UL

/* Device pages have two bytes for each type: of this device, and of another. */
static u8 dmirror_page_kind(const struct dmirror *dmirror, unsigned long cpu)
{
	const struct page *page = hmm_pfn_to_page(cpu);
	bool local = dmirror->mirror.memory &&
		     hmmu_memory_has(dmirror->mirror.memory, page);

	if (is_zero_pfn(cpu & ~HMM_PFN_FLAGS))
		return HMM_DMIRROR_PROT_ZERO;
	if (is_device_private_page(page))
		return local ? HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL :
			       HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE;
	if (is_device_coherent_page(page))
		return local ? HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL :
			       HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE;
	return 0;
}

static u8 dmirror_page_byte(const struct dmirror *dmirror, unsigned long cpu)
{
	unsigned int order = hmm_pfn_to_map_order(cpu);
	u8 byte;

	if (cpu & HMM_PFN_ERROR)
		return HMM_DMIRROR_PROT_ERROR;
	if (!(cpu & HMM_PFN_VALID))
		return HMM_DMIRROR_PROT_NONE;

	byte = cpu & HMM_PFN_WRITE ? HMM_DMIRROR_PROT_WRITE :
				     HMM_DMIRROR_PROT_READ;
	byte |= dmirror_page_kind(dmirror, cpu);
	if (order == PMD_SHIFT - PAGE_SHIFT)
		byte |= HMM_DMIRROR_PROT_PMD;
	else if (order == PUD_SHIFT - PAGE_SHIFT)
		byte |= HMM_DMIRROR_PROT_PUD;
	return byte;
}

static void dmirror_snapshot_bytes(struct hmmu_mirror *mirror,
				   const struct hmmu_pages *pages, void *data)
{
	unsigned long n = (pages->end - pages->start) >> PAGE_SHIFT;
	u8 **next = data;
	unsigned long i;

	for (i = 0; i < n; i++)
		*(*next)++ = dmirror_page_byte(dmirror_of(mirror),
					       pages->entries[i]);
}

static int dmirror_snapshot_pieces(struct dmirror *dmirror,
				   struct hmm_dmirror_cmd *cmd, u8 *bytes)
{
	unsigned long addr, n, end = dmirror_cmd_end(cmd);
	u8 *next;
	int ret;

	for (addr = cmd->addr; addr < end; addr += n << PAGE_SHIFT) {
		n = min(BYTES_MAX, (end - addr) >> PAGE_SHIFT);
		next = bytes;
		ret = hmmu_mirror_snapshot(&dmirror->mirror, addr,
					   addr + (n << PAGE_SHIFT),
					   dmirror_snapshot_bytes, &next);
		if (ret)
			return ret;
		if (copy_to_user(u64_to_user_ptr(cmd->ptr + cmd->cpages), bytes,
				 n))
			return -EFAULT;
		cmd->cpages += n;
	}
	return 0;
}

int dmirror_snapshot(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	u8 *bytes = kmalloc(BYTES_MAX, GFP_KERNEL);
	int ret;

	if (!bytes)
		return -ENOMEM;
	ret = dmirror_snapshot_pieces(dmirror, cmd, bytes);
	kfree(bytes);
	return ret;
}

/**
 * struct dmirror_comparison - compares a few pages
 * @cmd: the call
 * @before: the device's entries before the CPU's page table was read
 * @mapped: pages that the device has mapped
 * @wrong: how many of @mapped differ from the CPU's
 */
struct dmirror_comparison {
	const struct hmm_dmirror_cmd *cmd;
	void *before[COMPARE_MAX];
	unsigned long mapped, wrong;
};

/*
 * A page that was missing when the CPU's page table was read may have been faulted and
 * mapped since: no invalidation guards against that. So only entries that the device
 * had before and still has are compared.
 */
static void dmirror_compare_entries(struct hmmu_mirror *mirror,
				    const struct hmmu_pages *pages, void *data)
{
	struct dmirror_comparison *c = data;
	const unsigned long *cpu = pages->entries;
	unsigned long addr, i = 0;
	void *entry;

	c->mapped = 0;
	c->wrong = 0;
	for (addr = pages->start; addr < pages->end; addr += PAGE_SIZE, cpu++) {
		entry = dmirror_entry(dmirror_of(mirror), addr);
		c->mapped += entry != NULL;
		if (entry != c->before[i++])
			continue;
		if (!c->cmd->ptr || !(*cpu & HMM_PFN_ERROR))
			c->wrong += dmirror_differs(entry, *cpu);
	}
}

/* A difference counts only if the device has unmapped nothing meanwhile; else again. */
static int dmirror_compare_piece(struct dmirror *dmirror,
				 struct dmirror_comparison *c,
				 unsigned long start, unsigned long end)
{
	unsigned long addr, unmaps;
	int ret;

	do {
		unmaps = atomic_long_read(&dmirror->unmaps);
		for (addr = start; addr < end; addr += PAGE_SIZE)
			c->before[(addr - start) >> PAGE_SHIFT] =
				dmirror_entry(dmirror, addr);
		ret = hmmu_mirror_snapshot(&dmirror->mirror, start, end,
					   dmirror_compare_entries, c);
	} while (!ret && c->wrong &&
		 unmaps != atomic_long_read(&dmirror->unmaps));
	return ret;
}

static int dmirror_compare_pieces(struct dmirror *dmirror,
				  struct hmm_dmirror_cmd *cmd,
				  struct dmirror_comparison *c)
{
	unsigned long addr, next, end = dmirror_cmd_end(cmd);
	int ret = 0;

	for (addr = cmd->addr; !ret && addr < end; addr = next) {
		next = min(end - 1, addr | (COMPARE_MAX * PAGE_SIZE - 1)) + 1;
		ret = dmirror_compare_piece(dmirror, c, addr, next);
		cmd->cpages += c->mapped;
		cmd->faults += c->wrong;
	}
	return ret;
}

int dmirror_compare(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	struct dmirror_comparison *c;
	int ret;

	if (cmd->ptr & ~HMM_DMIRROR_COMPARE_MAPPED)
		return -EINVAL;
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	c->cmd = cmd;
	ret = dmirror_compare_pieces(dmirror, cmd, c);
	kfree(c);
	return ret;
}
