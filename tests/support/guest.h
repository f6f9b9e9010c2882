/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of /dev/hmm_region whose memory is an area of a case.
 *
 * The guest is a partition with one region; its page GUEST is page 0 of the area. What
 * it reads and writes goes through the hypervisor's page table, which must never have a
 * page that the process no longer maps.
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include "area.h"
#include "harness.h"
#include "region.h"

/* The first guest page; large pages can begin there. */
#define GUEST		(1ULL << 20)

#define REGION_RO	HMM_REGION_READ
#define REGION_RW	(HMM_REGION_READ | HMM_REGION_WRITE)

/**
 * struct guest - a partition with one region
 * @fd: the partition
 * @area: the memory, page 0 of which is guest page GUEST
 */
struct guest {
	int fd;
	struct area area;
};

/* See struct hmm_region_partition and struct hmm_region_set. */
struct guest guest_new(const struct area *area, unsigned int window,
		       unsigned int batch, uint32_t flags);

/* One access that begins at guest page @pfn. Returns 0 or -errno. */
int guest_access(int fd, uint32_t access, uint64_t pfn, void *data,
		 size_t length);

/* Access whole pages of the area, one access after the other. Return 0 or -errno. */
int guest_read(const struct guest *g, size_t page, void *to, size_t pages);
int guest_write(const struct guest *g, size_t page, const void *from,
		size_t pages);

/* Let the guest write what content_fill() would. Fails the case if it cannot. */
void guest_fill(const struct guest *g, uint64_t seed, size_t page, size_t pages);

/* As content_wrong() and content_not_zero(), by reads of the guest. */
size_t guest_wrong(const struct guest *g, uint64_t seed, size_t page,
		   size_t pages);
size_t guest_not_zero(const struct guest *g, size_t page, size_t pages);

/* Access one byte of a page. Return 0 or -errno. */
int guest_touch_read(const struct guest *g, size_t page);
int guest_touch_write(const struct guest *g, size_t page);

/* What guest_touch_write() writes at the beginning of the page. */
#define TOUCHED		0x5a

uint64_t guest_mapped(const struct guest *g);

/* Read the dirty log, which must be @expected, or empty if that is NULL. */
void guest_dirty_is(const struct guest *g, size_t page, size_t pages,
		    const uint64_t *expected);

/* How many pages of @kind to test with. */
size_t guest_pages_of(const struct kind *kind);

/* Two huge pages, filled. */
struct area guest_huge_new(const struct kind *kind);

/* Add cases region/NAME/KIND, each with a struct kind. */
void add_guest_kinds(case_fn *fn, const char *name);

/* Add cases region/NAME/batch-N, each with an unsigned int. */
void add_guest_batches(case_fn *fn, const char *name);

#endif
