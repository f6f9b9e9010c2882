// SPDX-License-Identifier: GPL-2.0-only
/* Migrating pages to device memory and back, and exclusive access of the device. */
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../compat/kernel.h"
#include "dmirror.h"

#define BYTES_MAX	512UL

/* So often pages that have stayed are moved again. */
#define MIGRATE_TRIES	10

typedef int dmirror_copy_fn(struct dmirror *dmirror, unsigned long addr,
			    void *to);

static int dmirror_read_back_pages(struct dmirror *dmirror,
				   struct hmm_dmirror_cmd *cmd,
				   dmirror_copy_fn *copy, void *bounce)
{
	unsigned long addr, end = dmirror_cmd_end(cmd);
	int ret;

	for (addr = cmd->addr; addr < end; addr += PAGE_SIZE) {
		ret = copy(dmirror, addr, bounce);
		if (ret)
			return ret;
		if (copy_to_user(u64_to_user_ptr(cmd->ptr + (addr - cmd->addr)),
				 bounce, PAGE_SIZE))
			return -EFAULT;
		cmd->cpages++;
		cond_resched();
	}
	return 0;
}

/* Copies to the user what the device has mapped, without populating. */
static int dmirror_read_back(struct dmirror *dmirror,
			     struct hmm_dmirror_cmd *cmd, dmirror_copy_fn *copy)
{
	void *bounce = (void *)__get_free_page(GFP_KERNEL);
	int ret;

	if (!bounce)
		return -ENOMEM;
	ret = dmirror_read_back_pages(dmirror, cmd, copy, bounce);
	free_page((unsigned long)bounce);
	return ret;
}

static int dmirror_map_present(struct dmirror *dmirror,
			       const struct hmm_dmirror_cmd *cmd)
{
	struct hmmu_request request =
		dmirror_request(cmd->addr, dmirror_cmd_end(cmd), false);

	request.present_only = true;
	return hmmu_mirror_populate(&dmirror->mirror, &request);
}

static int dmirror_migrate(struct dmirror *dmirror,
			   const struct hmm_dmirror_cmd *cmd, bool to_memory,
			   unsigned long *moved)
{
	*moved = 0;
	if (!dmirror->mirror.memory)
		return -EOPNOTSUPP;
	return hmmu_mirror_migrate(&dmirror->mirror, cmd->addr,
				   dmirror_cmd_end(cmd), to_memory, moved);
}

static int dmirror_migrate_counted(struct dmirror *dmirror,
				   struct hmm_dmirror_cmd *cmd, bool to_memory)
{
	unsigned long moved;
	int ret = dmirror_migrate(dmirror, cmd, to_memory, &moved);

	cmd->cpages = moved;
	return ret;
}

static int dmirror_migrate_try(struct dmirror *dmirror,
			       struct hmm_dmirror_cmd *cmd)
{
	unsigned long moved;
	int ret = dmirror_migrate(dmirror, cmd, true, &moved);

	if (!ret)
		ret = dmirror_map_present(dmirror, cmd);
	cmd->cpages = 0;
	return ret ?: dmirror_read_back(dmirror, cmd, dmirror_copy_local);
}

/*
 * The caller wants all pages in the device's memory. The kernel leaves a page where it is if
 * somebody else holds its lock or a reference at that moment. (Seen in one of some thousand
 * calls on a busy host: another processor of the kernel had the lock of one page in 512.) As
 * the kernel's own migrate_pages() does, try again before a page counts as one that cannot
 * move; a tick later, so that the other can end.
 */
int dmirror_migrate_to_dev(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	int ret = dmirror_migrate_try(dmirror, cmd), tries;

	for (tries = 1; ret == -ENOENT && tries < MIGRATE_TRIES; tries++) {
		schedule_timeout_killable(1);
		ret = dmirror_migrate_try(dmirror, cmd);
	}
	return ret;
}

int dmirror_migrate_to_sys(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	return dmirror_migrate_counted(dmirror, cmd, false);
}

int dmirror_move(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	if (cmd->ptr & ~HMM_DMIRROR_MOVE_TO_DEV)
		return -EINVAL;
	return dmirror_migrate_counted(dmirror, cmd,
				       cmd->ptr & HMM_DMIRROR_MOVE_TO_DEV);
}

int dmirror_exclusive(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	int ret = hmmu_mirror_exclusive(&dmirror->mirror, cmd->addr,
					dmirror_cmd_end(cmd),
					dmirror_map_alone);

	if (ret)
		return ret;
	ret = dmirror_read_back(dmirror, cmd, dmirror_copy_from);
	return ret == -ENOENT ? -EBUSY : ret;
}

int dmirror_check_exclusive(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	if (!hmmu_has_device_private())
		return -EOPNOTSUPP;
	if (dmirror_has_alone(dmirror, cmd->addr, dmirror_cmd_end(cmd)))
		return -EPERM;
	return 0;
}

static int dmirror_accesses(u8 *bytes, unsigned long n)
{
	static const u8 access[] = {
		[HMM_DMIRROR_PROT_NONE] = HMMU_ACCESS_NONE,
		[HMM_DMIRROR_PROT_READ] = HMMU_ACCESS_READ,
		[HMM_DMIRROR_PROT_WRITE] = HMMU_ACCESS_WRITE,
	};

	while (n--) {
		if (bytes[n] >= ARRAY_SIZE(access))
			return -EINVAL;
		bytes[n] = access[bytes[n]];
	}
	return 0;
}

/* The kit's places go to user space as they are, as HMM_DMIRROR_AT_*. */
static_assert(HMM_DMIRROR_AT_NONE == HMMU_PLACE_NONE);
static_assert(HMM_DMIRROR_AT_SYSTEM == HMMU_PLACE_SYSTEM);
static_assert(HMM_DMIRROR_AT_DEVICE == HMMU_PLACE_MEMORY);
static_assert(HMM_DMIRROR_AT_OTHER == HMMU_PLACE_OTHER);

static int dmirror_populate_piece(struct dmirror *dmirror,
				  struct hmm_dmirror_cmd *cmd,
				  unsigned long addr, u8 *bytes,
				  unsigned long n)
{
	u8 __user *user = u64_to_user_ptr(cmd->ptr +
					  ((addr - cmd->addr) >> PAGE_SHIFT));
	struct hmmu_request request = dmirror_request(addr,
						      addr + (n << PAGE_SHIFT),
						      false);
	unsigned long i;
	int ret;

	if (copy_from_user(bytes, user, n))
		return -EFAULT;
	ret = dmirror_accesses(bytes, n);
	if (ret)
		return ret;
	request.accesses = bytes;
	request.to_memory = true;
	request.places = bytes + BYTES_MAX;
	ret = hmmu_mirror_populate(&dmirror->mirror, &request);
	cmd->faults++;
	if (ret)
		return ret;
	for (i = 0; i < n; i++)
		cmd->cpages += request.places[i] == HMMU_PLACE_MEMORY;
	return copy_to_user(user, request.places, n) ? -EFAULT : 0;
}

static int dmirror_populate_pieces(struct dmirror *dmirror,
				   struct hmm_dmirror_cmd *cmd, u8 *bytes)
{
	unsigned long addr, n, end = dmirror_cmd_end(cmd);
	int ret = 0;

	for (addr = cmd->addr; !ret && addr < end; addr += n << PAGE_SHIFT) {
		n = min(BYTES_MAX, (end - addr) >> PAGE_SHIFT);
		ret = dmirror_populate_piece(dmirror, cmd, addr, bytes, n);
	}
	return ret;
}

int dmirror_populate_dev(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	u8 *bytes;
	int ret;

	if (!dmirror->mirror.memory)
		return -EOPNOTSUPP;
	bytes = kmalloc(2 * BYTES_MAX, GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	ret = dmirror_populate_pieces(dmirror, cmd, bytes);
	kfree(bytes);
	return ret;
}
