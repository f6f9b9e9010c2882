// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses to /dev/hmm_region while the hypervisor's calls fail: what is mapped
 * afterwards.
 *
 * The device can be told to fail the n-th mapping. A failed access must leave nothing
 * half mapped: what was mapped before stays, the rest can be accessed later.
 */
#include <errno.h>
#include <sys/mman.h>

#include "area.h"
#include "guest.h"
#include "harness.h"
#include "suites.h"

#define PAGES		64
#define OTHER_SERIES	(SERIES + 1)

/* The driver gives the hypervisor the memory that it lacks, each time it asks. */
static void hypervisor_shortage(const void *variant)
{
	unsigned int times = (uintptr_t)variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 16, 7, REGION_RW);
	uint64_t before;

	area_fill(&area);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, 16), 0);
	before = region_query(g.fd).shortages;
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MEMORY, 9, times), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 16, 16), 0);
	CHECK_EQ(region_query(g.fd).shortages - before, times);
	CHECK_EQ(guest_mapped(&g), 32);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	CHECK_EQ(region_query(g.fd).shortages - before, times);
	CHECK_EQ(guest_mapped(&g), PAGES);
}

/* Another region has made the hypervisor allocate its table before. */
static void hypervisor_shortage_in_premap(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES + 1);
	int fd = region_partition(0, 7);
	uint64_t before;
	char byte;

	area_fill(&area);
	CHECK_EQ(region_set(fd, GUEST + PAGES, 1, area.at + PAGES * PAGE,
			    REGION_RO), 0);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST + PAGES, &byte, 1), 0);
	before = region_query(fd).shortages;
	CHECK_EQ(region_fail(fd, HMM_REGION_FAIL_MEMORY, 9, 2), 0);
	CHECK_EQ(region_set(fd, GUEST, PAGES, area.at,
			    REGION_RW | HMM_REGION_SET_PREMAP), 0);
	CHECK_EQ(region_query(fd).mapped_pages, PAGES + 1);
	CHECK_EQ(region_query(fd).shortages - before, 2);
}

/* The hypervisor always asks for more memory: the access fails in the end. */
static void hypervisor_shortage_for_ever(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 16, 7, REGION_RW);

	area_fill(&area);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, 16), 0);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MEMORY, 0, UINT32_MAX), 0);
	CHECK_EQ(guest_touch_write(&g, 20), -ENOMEM);
	CHECK_EQ(guest_mapped(&g), 16);
	CHECK_EQ(region_set(g.fd, GUEST + PAGES, PAGES, area.at,
			    REGION_RW | HMM_REGION_SET_PREMAP), -ENOMEM);
	CHECK_EQ(guest_mapped(&g), 16);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MEMORY, 0, 0), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
}

/* The failure hits after some mappings, inside a batch and between two. */
static void hypervisor_map_fails(const void *variant)
{
	unsigned int after = (uintptr_t)variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 16, 7, REGION_RW);
	struct hmm_region_query before, q;

	area_fill(&area);
	guest_fill(&g, OTHER_SERIES, 0, 16);
	before = region_query(g.fd);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, after, 2), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(guest_touch_write(&g, 20), -EIO);
		CHECK_EQ(guest_mapped(&g), 16);
		after = 0;
	}
	q = region_query(g.fd);
	CHECK_EQ(q.shortages, before.shortages);
	CHECK_REL(q.rollbacks, >, before.rollbacks);
	CHECK_EQ(content_wrong(area.at + 16 * PAGE, SERIES, 16, 16), 0);
	CHECK_EQ(guest_wrong(&g, OTHER_SERIES, 0, 16), 0);

	CHECK_EQ(guest_wrong(&g, SERIES, 16, 16), 0);
	CHECK_EQ(guest_mapped(&g), 32);
	guest_dirty_is(&g, 0, 64, (uint64_t[]) { 0xffff });
}

/* Part of the window is mapped and dirty when the rest fails: that part stays. */
static void hypervisor_map_fails_beside(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 16, 7, REGION_RW);

	guest_fill(&g, SERIES, 0, 16);
	CHECK_EQ(madvise(area.at + 3 * PAGE, 8 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(guest_mapped(&g), 8);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, 6, 1), 0);
	CHECK_EQ(guest_touch_read(&g, 4), -EIO);
	CHECK_EQ(guest_mapped(&g), 8);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, 3), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 11, 5), 0);
	CHECK_EQ(guest_not_zero(&g, 3, 8), 0);
	CHECK_EQ(guest_mapped(&g), 16);
	guest_dirty_is(&g, 0, 64, (uint64_t[]) { 0xffff });
}

/* Pages mapped for reading are mapped again for writing, which fails. */
static void hypervisor_map_fails_again(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 16, 7, REGION_RW);

	area_fill(&area);
	fork_sharer();
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, 5, 1), 0);
	CHECK_EQ(guest_touch_write(&g, 20), -EIO);
	CHECK_REL(guest_mapped(&g), <=, PAGES);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	CHECK_EQ(guest_mapped(&g), PAGES);
	CHECK_EQ(guest_touch_write(&g, 20), 0);
	CHECK_EQ(area.at[20 * PAGE], TOUCHED);
	guest_dirty_is(&g, 0, 64, (uint64_t[]) { 1 << 20 });
}

/*
 * The window lies in two page tables of the process, which are populated one after the
 * other. The second fails, and nothing of it is mapped.
 */
static void hypervisor_map_fails_behind(const void *unused)
{
	struct area area = area_new(&kind_anon, 2 * PAGES_IN_HUGE);
	struct area inner = {
		.at = area.at + HUGE - 8 * PAGE, .pages = 16,
	};
	struct guest g = guest_new(&inner, 16, 0, REGION_RW);

	content_fill(inner.at, SERIES, 0, 16);
	CHECK_EQ(guest_touch_read(&g, 0), 0);
	CHECK_EQ(madvise(inner.at, 16 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(guest_mapped(&g), 0);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, 12, 1), 0);
	CHECK_EQ(guest_touch_read(&g, 10), -EIO);
	CHECK(guest_mapped(&g) == 0 || guest_mapped(&g) == 8);
	CHECK_EQ(guest_touch_read(&g, 10), 0);
	CHECK_EQ(guest_mapped(&g), 16);
}

static void hypervisor_map_fails_large(const void *unused)
{
	struct area area = guest_huge_new(&kind_thp);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	CHECK_EQ(guest_touch_read(&g, 0), 0);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, 0, 1), 0);
	CHECK_EQ(guest_touch_read(&g, PAGES_IN_HUGE), -EIO);
	CHECK_EQ(region_query(g.fd).large_pages, 1);
	CHECK_EQ(guest_mapped(&g), PAGES_IN_HUGE);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	CHECK_EQ(region_query(g.fd).large_pages, 2);
}

/* The region is not set then, and nothing of it is mapped. */
static void hypervisor_map_fails_in_premap(const void *unused)
{
	struct area area = area_new(&kind_anon, 2 * PAGES_IN_HUGE);
	struct guest g = { .fd = region_partition(0, 7), .area = area };
	const uint32_t flags = REGION_RW | HMM_REGION_SET_PREMAP;

	area_fill(&area);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, PAGES_IN_HUGE + 9, 1), 0);
	CHECK_EQ(region_set(g.fd, GUEST, area.pages, area.at, flags), -EIO);
	CHECK_EQ(guest_mapped(&g), 0);
	CHECK_EQ(guest_touch_read(&g, 0), -ENXIO);
	CHECK_EQ(region_set(g.fd, GUEST, area.pages, area.at, flags), 0);
	CHECK_EQ(guest_mapped(&g), area.pages);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
}

/* Unmapping does not fail; and failures can be turned off again. */
static void hypervisor_map_fails_no_more(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 0, 7, REGION_RW);

	CHECK_EQ(guest_touch_read(&g, 0), 0);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, 0, 1000), 0);
	CHECK_EQ(madvise(area.at, 32 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(guest_mapped(&g), PAGES - 32);
	CHECK_EQ(guest_touch_read(&g, 0), -EIO);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MAP, 0, 0), 0);
	CHECK_EQ(guest_touch_read(&g, 0), 0);
}

void suite_region_hypervisor(void)
{
	static const unsigned int afters[] = { 0, 1, 5, 7, 10, 14, 15 };

	add_case(hypervisor_shortage, (void *)1, "region/shortage/1");
	add_case(hypervisor_shortage, (void *)3, "region/shortage/3");
	add_case(hypervisor_shortage_in_premap, NULL, "region/shortage-in-premap");
	add_case(hypervisor_shortage_for_ever, NULL, "region/shortage-for-ever");
	for (size_t i = 0; i < ARRAY_SIZE(afters); i++)
		add_case(hypervisor_map_fails, (void *)(uintptr_t)afters[i],
			 "region/map-fails/after-%u", afters[i]);
	add_case(hypervisor_map_fails_beside, NULL, "region/map-fails/beside");
	add_case(hypervisor_map_fails_again, NULL, "region/map-fails/again");
	add_case(hypervisor_map_fails_behind, NULL, "region/map-fails/behind");
	add_case(hypervisor_map_fails_large, NULL, "region/map-fails/large");
	add_case(hypervisor_map_fails_in_premap, NULL, "region/map-fails/in-premap");
	add_case(hypervisor_map_fails_no_more, NULL, "region/map-fails/no-more");
}
