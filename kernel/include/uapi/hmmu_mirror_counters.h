/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The counters of the mirror kit, in one table. The kernel's struct, the debugfs files and
 * the user-space tools are made from it.
 *
 * X(identifier, name, meaning); all are sums.
 *
 * A retry is a pass that begins a window again because an invalidation overlapped it.
 * Retries are counted by the MMU_NOTIFY_* event of the first invalidation that did.
 */
#ifndef _UAPI_HMMU_MIRROR_COUNTERS_H
#define _UAPI_HMMU_MIRROR_COUNTERS_H

#define HMMU_MIRROR_COUNTERS(X)						\
	X(POPULATES,	populates,	"ended populates, prefetches, exclusive accesses") \
	X(SNAPSHOTS,	snapshots,	"snapshots that have ended")	\
	X(FAILED,	failed,		"populates and snapshots that ended in an error")	\
	X(CANCELLED,	cancelled,	"failed ones that were cancelled")	\
	X(PREFETCHES,	prefetches,	"prefetches asked for")		\
	X(WINDOWS,	windows,	"windows collected and handed on") \
	X(PAGES_MAPPED,	pages_mapped,	"pages handed to map()")	\
	X(INVALIDATIONS, invalidations,	"invalidations of mirrored memory") \
	X(RETRY_UNMAP,	retry_unmap,	"retries: munmap(), mremap(), MADV_REMOVE") \
	X(RETRY_CLEAR,	retry_clear,	"retries: pages taken away or replaced, COW") \
	X(RETRY_PROTECTION, retry_protection, "retries: protection of mappings or pages") \
	X(RETRY_SOFT_DIRTY, retry_soft_dirty, "retries: soft-dirty bits cleared") \
	X(RETRY_MIGRATE, retry_migrate,	"retries: migration to or from another device") \
	X(RETRY_OWN,	retry_own,	"retries: migration to or from this device") \
	X(RETRY_OTHER,	retry_other,	"retries: any other event")	\
	X(RETRIES_AVOIDED, retries_avoided, "windows handed on although others were invalidated") \
	X(WAITS,	waits,		"waits for an overlapping invalidation to end") \
	X(CROWDED,	crowded,	"invalidations that found 32 others running") \
	X(REFILLS,	refills,	"times map() was short of memory") \
	X(PAGES_MOVED,	pages_moved,	"pages moved to the device's memory by populates") \
	X(PAGES_STAYED,	pages_stayed,	"pages that were to be moved and could not") \
	X(EXCLUSIVE,	exclusive,	"pages made exclusive to the device")

#define HMMU_MIRROR_COUNTER_ID(id, name, help) HMMU_MIRROR_##id,

enum hmmu_mirror_counter {
	HMMU_MIRROR_COUNTERS(HMMU_MIRROR_COUNTER_ID)
	HMMU_MIRROR_NR_COUNTERS
};

#undef HMMU_MIRROR_COUNTER_ID

#endif
