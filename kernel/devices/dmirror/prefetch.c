// SPDX-License-Identifier: GPL-2.0-only
/* Populating without an access: in the call (POPULATE), or in a thread (PREFETCH). */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "dmirror.h"

#define TIMEOUT_MS	1000

/**
 * struct dmirror_prefetch - a prefetch in progress; dmirror_prefetch_done() frees it
 * @prefetch: the kit's part
 * @dmirror: the file that asked for it
 */
struct dmirror_prefetch {
	struct hmmu_prefetch prefetch;
	struct dmirror *dmirror;
};

/**
 * dmirror_request() - make a request for the kit
 * @start: first address
 * @end: first address behind
 * @write: ask for write access, else for read access
 *
 * Return: the request, with the limit of time for invalidations.
 */
struct hmmu_request dmirror_request(unsigned long start, unsigned long end,
				    bool write)
{
	return (struct hmmu_request) {
		.start = start,
		.end = end,
		.access = write ? HMMU_ACCESS_WRITE : HMMU_ACCESS_READ,
		.timeout = msecs_to_jiffies(TIMEOUT_MS),
	};
}

static int dmirror_cmd_request(const struct hmm_dmirror_cmd *cmd,
			       struct hmmu_request *request)
{
	if (cmd->ptr & ~(HMM_DMIRROR_POPULATE_WRITE | HMM_DMIRROR_POPULATE_BEST))
		return -EINVAL;
	*request = dmirror_request(cmd->addr, dmirror_cmd_end(cmd),
				   cmd->ptr & HMM_DMIRROR_POPULATE_WRITE);
	request->best_effort = cmd->ptr & HMM_DMIRROR_POPULATE_BEST;
	request->needed_start = request->start;
	request->needed_end = request->start;
	return 0;
}

int dmirror_populate(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	struct hmmu_request request;
	int ret = dmirror_cmd_request(cmd, &request);

	if (ret)
		return ret;
	cmd->faults = 1;
	return hmmu_mirror_populate(&dmirror->mirror, &request);
}

static void dmirror_prefetch_account(struct dmirror *dmirror, int begun,
				     int ended, int failed)
{
	spin_lock(&dmirror->prefetch_lock);
	dmirror->prefetches += begun - ended;
	dmirror->ended += ended;
	dmirror->failed += failed;
	if (!dmirror->prefetches)
		wake_up_all(&dmirror->prefetch_wait);
	spin_unlock(&dmirror->prefetch_lock);
}

static void dmirror_prefetch_done(struct hmmu_prefetch *prefetch, int ret)
{
	struct dmirror_prefetch *ours =
		container_of(prefetch, struct dmirror_prefetch, prefetch);

	dmirror_prefetch_account(ours->dmirror, 0, 1, ret != 0);
	kfree(ours);
}

int dmirror_prefetch(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	struct dmirror_prefetch *ours = kzalloc(sizeof(*ours), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!ours)
		return -ENOMEM;
	ours->dmirror = dmirror;
	ours->prefetch.done = dmirror_prefetch_done;
	ret = dmirror_cmd_request(cmd, &ours->prefetch.request);
	if (ret)
		goto out_free;

	dmirror_prefetch_account(dmirror, 1, 0, 0);
	ret = hmmu_mirror_prefetch(&dmirror->mirror, &ours->prefetch);
	if (!ret)
		return 0;
	dmirror_prefetch_account(dmirror, -1, 0, 0);
out_free:
	kfree(ours);
	return ret;
}

static bool dmirror_prefetch_take_ended(struct dmirror *dmirror,
					struct hmm_dmirror_cmd *cmd)
{
	bool all;

	spin_lock(&dmirror->prefetch_lock);
	all = !dmirror->prefetches;
	if (all) {
		cmd->cpages = dmirror->ended;
		cmd->faults = dmirror->failed;
		dmirror->ended = 0;
		dmirror->failed = 0;
	}
	spin_unlock(&dmirror->prefetch_lock);
	return all;
}

int dmirror_wait(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	if (cmd->npages != 1)
		return -EINVAL;
	if (wait_event_interruptible(dmirror->prefetch_wait,
				     dmirror_prefetch_take_ended(dmirror, cmd)))
		return -EINTR;
	return 0;
}

int dmirror_cancel(struct dmirror *dmirror, struct hmm_dmirror_cmd *cmd)
{
	if (cmd->npages != 1)
		return -EINVAL;
	return hmmu_mirror_cancel(&dmirror->mirror);
}
