// SPDX-License-Identifier: GPL-2.0-only
/* The calls of hmm_region. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fail.h"
#include "region.h"

int region_partition(unsigned int window, unsigned int batch)
{
	struct hmm_region_partition partition = {
		.window = window,
		.batch = batch,
	};
	int device = open(REGION_DEVICE, O_RDWR | O_CLOEXEC), fd;

	if (device < 0)
		die_errno("cannot open " REGION_DEVICE " (is hmm_region.ko loaded?)");
	fd = ioctl(device, HMM_REGION_CREATE_PARTITION, &partition);
	if (fd < 0)
		die_errno("HMM_REGION_CREATE_PARTITION");
	close(device);
	return fd;
}

int region_set(int fd, uint64_t guest_pfn, size_t pages, const void *at,
	       uint32_t flags)
{
	struct hmm_region_set set = {
		.guest_pfn = guest_pfn,
		.pages = pages,
		.address = (uintptr_t)at,
		.flags = flags,
	};

	int ret;

	do {
		ret = ioctl(fd, HMM_REGION_SET, &set) ? -errno : 0;
	} while (ret == -EINTR);
	return ret;
}

int region_unset(int fd, uint64_t guest_pfn, size_t pages)
{
	struct hmm_region_unset unset = {
		.guest_pfn = guest_pfn,
		.pages = pages,
	};

	return ioctl(fd, HMM_REGION_UNSET, &unset) ? -errno : 0;
}

int region_access(int fd, struct hmm_region_access *access)
{
	return ioctl(fd, HMM_REGION_ACCESS, access) ? -errno : 0;
}

struct hmm_region_query region_query(int fd)
{
	struct hmm_region_query query;

	if (ioctl(fd, HMM_REGION_QUERY, &query))
		die_errno("HMM_REGION_QUERY");
	return query;
}

int region_dirty(int fd, uint64_t guest_pfn, size_t pages, uint64_t *bitmap,
		 uint64_t *dirty)
{
	struct hmm_region_dirty log = {
		.guest_pfn = guest_pfn,
		.pages = pages,
		.bitmap = (uintptr_t)bitmap,
	};
	int ret = ioctl(fd, HMM_REGION_DIRTY_LOG, &log) ? -errno : 0;

	if (dirty)
		*dirty = log.dirty;
	return ret;
}

int region_fail(int fd, enum hmm_region_failure what, unsigned int after,
		unsigned int times)
{
	struct hmm_region_fail fail = {
		.what = what,
		.after = after,
		.times = times,
	};

	return ioctl(fd, HMM_REGION_FAIL, &fail) ? -errno : 0;
}
