/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/hmm_region from user space: see <hmm_region.h>. */
#ifndef LIB_REGION_H
#define LIB_REGION_H

#include <stddef.h>
#include <stdint.h>

#include <hmm_region.h>

#define REGION_DEVICE	"/dev/hmm_region"

/* The file of a new partition; 0: as many as can be. Ends the program on failure. */
int region_partition(unsigned int window, unsigned int batch);

/*
 * These return 0 or -errno. A region is set again where that was interrupted: to begin to
 * mirror memory is refused with a signal pending, for which the kernel also takes what
 * io_uring has this task do.
 */
int region_set(int fd, uint64_t guest_pfn, size_t pages, const void *at,
	       uint32_t flags);
int region_unset(int fd, uint64_t guest_pfn, size_t pages);

/* @access also has what came back. */
int region_access(int fd, struct hmm_region_access *access);

/* Ends the program on failure. */
struct hmm_region_query region_query(int fd);

/* @dirty, if not NULL, is how many bits of @bitmap are set. */
int region_dirty(int fd, uint64_t guest_pfn, size_t pages, uint64_t *bitmap,
		 uint64_t *dirty);

int region_fail(int fd, enum hmm_region_failure what, unsigned int after,
		unsigned int times);

#endif
