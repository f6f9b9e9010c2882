/* SPDX-License-Identifier: GPL-2.0-only */
/* Mainline's own hmm_range_fault_unlocked_timeout(), which ours is compared with: from 7.3. */
#ifndef _COMPAT_MAINLINE_H
#define _COMPAT_MAINLINE_H

#include <linux/hmm.h>

#include <kernel_has.h>

#if HMMU_HAS_HMM_RANGE_FAULT_UNLOCKED_TIMEOUT
/* In parentheses the name is not our macro, but the kernel's function. */
static inline int hmmu_mainline_fault(struct hmm_range *range, unsigned long timeout)
{
	return (hmm_range_fault_unlocked_timeout)(range, timeout);
}
#else
static inline int hmmu_mainline_fault(struct hmm_range *range, unsigned long timeout)
{
	return -EOPNOTSUPP;
}
#endif

static inline bool hmmu_has_mainline_fault(void)
{
	return HMMU_HAS_HMM_RANGE_FAULT_UNLOCKED_TIMEOUT;
}

#endif
