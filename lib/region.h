/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/hmm_region from user space: partitions, regions and accesses of guests. See
 * <hmm_region.h>.
 */
#ifndef LIB_REGION_H
#define LIB_REGION_H

#include <stddef.h>
#include <stdint.h>

#include <hmm_region.h>

#define REGION_DEVICE	"/dev/hmm_region"

/*
 * Create a partition and return its file; 0: as many pages as possible. Ends the
 * program on failure.
 */
int region_partition(unsigned int window, unsigned int batch);

/*
 * Return 0 or -errno. region_set() repeats the call if it was interrupted: starting to
 * mirror memory is refused while a signal is pending, and the kernel takes this task's
 * io_uring work for a signal, too.
 */
int region_set(int fd, uint64_t guest_pfn, size_t pages, const void *at,
	       uint32_t flags);
int region_unset(int fd, uint64_t guest_pfn, size_t pages);

/* @access also gets the result. */
int region_access(int fd, struct hmm_region_access *access);

/* Ends the program on failure. */
struct hmm_region_query region_query(int fd);

/* @dirty, if not NULL, gets the number of bits set in @bitmap. */
int region_dirty(int fd, uint64_t guest_pfn, size_t pages, uint64_t *bitmap,
		 uint64_t *dirty);

int region_fail(int fd, enum hmm_region_failure what, unsigned int after,
		unsigned int times);

#endif
