/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hmm_unlocked_template: a device that reads memory of the process that
 * opened it. A driver to be copied: see docs/writing-a-driver.md.
 *
 *   EACCES	called by another process than the one that opened the device
 *   EBUSY	invalidations took the page away again and again, for longer
 *		than a second
 *   EFAULT	@addr has no mapping that can be read, or its fault failed; the
 *		argument cannot be read or written
 *   EINTR	fatal signal (from open: any signal)
 *   EINVAL	@addr is not a multiple of 8, or a reserved field is not 0
 *   ENOMEM	no memory for the page or for the device's page table (also from
 *		open)
 *   ENOTTY	no such ioctl
 */
#ifndef _UAPI_HMMU_TEMPLATE_H
#define _UAPI_HMMU_TEMPLATE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HMMU_TEMPLATE_DEVICE	"hmm_unlocked_template"

/**
 * struct hmmu_template_read - the device reads 8 bytes
 * @addr: (in) where, a multiple of 8
 * @value: (out) what is there
 * @reserved: (in) 0
 */
struct hmmu_template_read {
	__u64 addr;
	__u64 value;
	__u64 reserved[2];
};

#define HMMU_TEMPLATE_READ	_IOWR('H', 0x90, struct hmmu_template_read)

#endif
