// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's accesses: look up the page in the device's page table, populate what is
 * missing, look again. A miss populates the rest of the call's range, so a call takes
 * one fault unless pages are invalidated meanwhile.
 */
#include <linux/gfp.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "dmirror.h"

/* Copies one page between the user's buffer and the device, by way of @bounce. */
typedef int dmirror_access_fn(struct dmirror *dmirror, unsigned long addr,
			      void __user *user, void *bounce);

static int dmirror_read_page(struct dmirror *dmirror, unsigned long addr,
			     void __user *user, void *bounce)
{
	int ret = dmirror_copy_from(dmirror, addr, bounce);

	if (!ret && copy_to_user(user, bounce, PAGE_SIZE))
		return -EFAULT;
	return ret;
}

static int dmirror_write_page(struct dmirror *dmirror, unsigned long addr,
			      void __user *user, void *bounce)
{
	if (copy_from_user(bounce, user, PAGE_SIZE))
		return -EFAULT;
	return dmirror_copy_to(dmirror, addr, bounce);
}

static int dmirror_access_pages(struct dmirror *dmirror,
				struct hmm_dmirror_cmd *cmd,
				dmirror_access_fn *access, bool write,
				void *bounce)
{
	unsigned long addr = cmd->addr, end = dmirror_cmd_end(cmd);
	struct hmmu_request request;
	int ret;

	while (addr < end) {
		ret = access(dmirror, addr,
			     u64_to_user_ptr(cmd->ptr + (addr - cmd->addr)),
			     bounce);
		if (!ret) {
			addr += PAGE_SIZE;
			cmd->cpages++;
		} else if (ret == -ENOENT) {
			request = dmirror_request(addr, end, write);
			ret = hmmu_mirror_populate(&dmirror->mirror, &request);
			cmd->faults++;
		}
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

static int dmirror_access(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd,
			  dmirror_access_fn *access, bool write)
{
	void *bounce = (void *)__get_free_page(GFP_KERNEL);
	int ret;

	if (!bounce)
		return -ENOMEM;
	ret = dmirror_access_pages(dmirror, cmd, access, write, bounce);
	free_page((unsigned long)bounce);
	return ret;
}

int dmirror_read(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	return dmirror_access(dmirror, cmd, dmirror_read_page, false);
}

int dmirror_write(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	return dmirror_access(dmirror, cmd, dmirror_write_page, true);
}
