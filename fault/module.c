// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_unlocked.ko: begin and end.
 *
 * Nothing of the engine outlives a call, and a driver that calls it holds a
 * reference on this module through the symbols it uses. So at exit no call can
 * be under way, and only debugfs is left to be undone.
 */
#include <linux/module.h>

#include "call.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init hmmu_init(void)
{
	hmmu_stats_init();
	return 0;
}

static void __exit hmmu_exit(void)
{
	hmmu_stats_exit();
}

module_init(hmmu_init);
module_exit(hmmu_exit);
MODULE_DESCRIPTION("hmm_range_fault() that may drop the mmap lock");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
