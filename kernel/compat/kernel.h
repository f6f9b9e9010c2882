/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the engine takes for granted of the kernel it is built for, checked
 * here at build time and nowhere else. The sources speak the newest kernel's
 * API; adaptation for older ones goes into this folder.
 */
#ifndef _COMPAT_KERNEL_H
#define _COMPAT_KERNEL_H

#include <linux/build_bug.h>
#include <linux/hmm.h>
#include <linux/mmu_notifier.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "hmm-unlocked needs a kernel of 6.1 or later"
#endif

#if !IS_ENABLED(CONFIG_HMM_MIRROR)
#error "this kernel is built without CONFIG_HMM_MIRROR: it has no hmm_range_fault()"
#endif

#if BITS_PER_LONG != 64
#error "hmm-unlocked is for 64-bit kernels: its counters are read without a lock"
#endif

/*
 * The mirror kit has notifiers that are never inserted, see mirror/mirror.h. A field
 * more, and somebody has to look whether hmm_range_fault() reads it.
 */
static_assert(sizeof(struct mmu_interval_notifier) ==
	      sizeof(struct interval_tree_node) + 2 * sizeof(void *) +
	      sizeof(struct hlist_node) + sizeof(unsigned long));

/* A page is short of its request exactly where ~entry & request is not 0. */
static_assert(HMM_PFN_REQ_FAULT == HMM_PFN_VALID);
static_assert(HMM_PFN_REQ_WRITE == HMM_PFN_WRITE);

/* Saved requests are the two topmost bits of an entry, see fault/requests.c. */
static_assert(HMM_PFN_REQ_FAULT == 1UL << (BITS_PER_LONG - 1));
static_assert(HMM_PFN_REQ_WRITE == 1UL << (BITS_PER_LONG - 2));

/* A kernel has both private device memory and exclusive access, or neither. */
static inline bool hmmu_has_device_private(void)
{
	return IS_ENABLED(CONFIG_DEVICE_PRIVATE);
}

/*
 * Flags of an entry that hmm_range_fault() carries from input to output: those that are
 * neither results nor the order. From ~6.15 on; 0 on kernels before, where a read replaces
 * the whole entry.
 */
#define HMMU_PFN_STICKY	(HMM_PFN_FLAGS & ~(HMM_PFN_VALID | HMM_PFN_WRITE | \
					   HMM_PFN_ERROR | \
					   0x1fUL << HMM_PFN_ORDER_SHIFT))

/* No request is among them: the engine writes requests back into the entries. */
static_assert(!(HMMU_PFN_STICKY & (HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE)));

#endif
