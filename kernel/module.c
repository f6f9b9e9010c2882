// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_unlocked.ko: begin and end.
 *
 * Nothing of the engine outlives a call but fault threads, which wait for the next one
 * and end here; nothing of a mirror outlives its
 * hmmu_mirror_unregister(), and a driver holds a reference on this module through the
 * symbols it uses. So at exit nothing is under way.
 */
#include <linux/module.h>

#include "fault/call.h"
#include "mirror/mirror.h"

static int __init hmmu_init(void)
{
	int ret = hmmu_flight_selftest();

	if (ret)
		return ret;
	hmmu_mirror_stats_init(hmmu_stats_init());
	return 0;
}

static void __exit hmmu_exit(void)
{
	hmmu_crew_exit();
	hmmu_stats_exit();
}

module_init(hmmu_init);
module_exit(hmmu_exit);
MODULE_DESCRIPTION("hmm_range_fault() that may drop the mmap lock");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
