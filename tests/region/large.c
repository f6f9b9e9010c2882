// SPDX-License-Identifier: GPL-2.0-only
/* Memory that /dev/hmm_region maps for the guest in large pages, and splits. */
#include <errno.h>
#include <sys/mman.h>

#include "area.h"
#include "guest.h"
#include "harness.h"
#include "suites.h"

#define OTHER_SERIES	(SERIES + 1)

/**
 * struct large - a region over two huge pages, and how much of it is mapped large
 * @name: for the name of the case
 * @window: of the partition
 * @shift: by how many pages the guest's page numbers are unaligned
 * @skip: pages at the begin of the first huge page that are not in the region
 * @cut: pages at the end of the second, likewise
 * @large: the number of large mappings expected
 */
struct large {
	const char *name;
	unsigned int window;
	size_t shift, skip, cut, large;
};

static const struct large larges[] = {
	{ "aligned", 0, 0, 0, 0, 2 },
	{ "guest-off", 0, 1, 0, 0, 0 },
	{ "guest-half-off", 0, 256, 0, 0, 0 },
	{ "window-small", 256, 0, 0, 0, 0 },
	{ "cut-off", 0, 0, 0, 1, 1 },
	{ "begins-inside", 0, 0, 511, 511, 0 },
};

static const struct kind *const large_kinds[] = {
	&kind_thp, &kind_hugetlb, &kind_hugetlb_private,
};

struct large_variant {
	const struct large *of;
	const struct kind *kind;
};

/* Only if guest page, user address and huge page are aligned alike. */
static void large_ranges(const void *variant)
{
	const struct large_variant *v = variant;
	const struct large *large = v->of;
	struct area area = guest_huge_new(v->kind);
	size_t pages = area.pages - large->skip - large->cut;
	struct area inner = {
		.at = area.at + large->skip * PAGE, .pages = pages,
	};
	uint64_t pfn = GUEST + large->shift + large->skip;
	struct guest g = {
		.fd = region_partition(large->window, 0), .area = inner,
	};
	char *buffer = malloc(area.pages * PAGE);

	CHECK(buffer);
	CHECK_EQ(region_set(g.fd, pfn, pages, inner.at, REGION_RW), 0);
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(guest_access(g.fd, HMM_REGION_READ, pfn + i,
				      buffer + i * PAGE, PAGE), 0);
	CHECK_EQ(content_wrong(buffer, SERIES, large->skip, pages), 0);
	CHECK_EQ(region_query(g.fd).large_pages, large->large);
	CHECK_EQ(guest_mapped(&g), pages);
}

static void large_counts(const void *variant)
{
	struct area area = guest_huge_new(variant);
	struct guest g = guest_new(&area, 0, 1, REGION_RW);
	struct hmm_region_query q;

	guest_fill(&g, OTHER_SERIES, 0, area.pages);
	q = region_query(g.fd);
	CHECK_EQ(q.large_pages, 2);
	CHECK_EQ(q.mapped_pages, area.pages);
	CHECK_EQ(q.intercepts, 2);
	CHECK_EQ(q.map_calls - q.shortages, 2);
	CHECK_EQ(q.window_hits, area.pages - 2);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);

	CHECK_EQ(madvise(area.at, HUGE, MADV_DONTNEED), 0);
	q = region_query(g.fd);
	CHECK_EQ(q.large_pages, 1);
	CHECK_EQ(q.mapped_pages, PAGES_IN_HUGE);
	CHECK_EQ(q.splits, 0);
	CHECK_EQ(guest_wrong(&g, OTHER_SERIES, 0, area.pages),
		 content_wrong(area.at, OTHER_SERIES, 0, area.pages));
}

/*
 * The kernel does not split a huge page that it cannot free, because another process
 * has it too; but it invalidates the part. All else stays mapped, and dirty pages stay
 * dirty.
 */
static void large_splits(const void *variant)
{
	unsigned int batch = *(const unsigned int *)variant;
	struct area area = guest_huge_new(&kind_thp);
	struct guest g = guest_new(&area, 0, batch, REGION_RW);
	uint64_t bitmap[2 * PAGES_IN_HUGE / 64], dirty;
	struct hmm_region_query q;

	CHECK_EQ(guest_touch_write(&g, 7), 0);
	fork_sharer();
	CHECK_EQ(guest_mapped(&g), 0);
	CHECK_EQ(guest_touch_read(&g, 0) + guest_touch_read(&g, PAGES_IN_HUGE), 0);
	CHECK_EQ(region_query(g.fd).large_pages, 2);

	/* The split works even while the hypervisor has no memory. */
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MEMORY, 0, 1000), 0);
	CHECK_EQ(madvise(area.at + 40 * PAGE, 3 * PAGE, MADV_FREE), 0);
	CHECK_EQ(region_fail(g.fd, HMM_REGION_FAIL_MEMORY, 0, 0), 0);

	q = region_query(g.fd);
	CHECK_EQ(q.large_pages, 1);
	CHECK_EQ(q.splits, 1);
	CHECK_EQ(q.mapped_pages, area.pages - 3);
	for (size_t i = 0; i < PAGES_IN_HUGE; i++)
		CHECK_EQ(guest_touch_read(&g, i < 40 ? i : 43 + (i - 40) % 469), 0);
	CHECK_EQ(region_query(g.fd).intercepts, q.intercepts);
	CHECK_EQ(guest_wrong(&g, SERIES, 8, PAGES_IN_HUGE - 8), 0);
	CHECK_EQ(region_query(g.fd).intercepts, q.intercepts + 1);
	CHECK_EQ(guest_mapped(&g), area.pages);
	CHECK_EQ(region_dirty(g.fd, GUEST, area.pages, bitmap, &dirty), 0);
	CHECK_EQ(dirty, 1);
	CHECK_EQ(bitmap[0], 1ULL << 7);
}

/*
 * If the kernel splits the page itself, all of it is unmapped, and all can be mapped
 * again.
 */
static void large_splits_apart(const void *unused)
{
	struct area area = guest_huge_new(&kind_thp);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);
	struct hmm_region_query q;

	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	CHECK_EQ(madvise(area.at + 100 * PAGE, 50 * PAGE, MADV_DONTNEED), 0);
	q = region_query(g.fd);
	CHECK_EQ(q.large_pages, 1);
	CHECK_EQ(q.splits, 1);
	CHECK_REL(q.mapped_pages, <=, area.pages - 50);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, 100), 0);
	CHECK_EQ(guest_not_zero(&g, 100, 50), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 150, area.pages - 150), 0);
	CHECK_EQ(region_query(g.fd).large_pages, 1);
	CHECK_EQ(guest_mapped(&g), area.pages);
}

/* Mapped small, then collapsed by the kernel: it can be mapped large now. */
static void large_after_small(const void *unused)
{
	struct area area = area_new(&kind_thp, PAGES_IN_HUGE);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	CHECK_EQ(madvise(area.at, HUGE, MADV_NOHUGEPAGE), 0);
	area_fill(&area);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	CHECK_EQ(region_query(g.fd).large_pages, 0);
	CHECK_EQ(madvise(area.at, HUGE, MADV_HUGEPAGE), 0);
	if (madvise(area.at, HUGE, 25 /* MADV_COLLAPSE */))
		skip("this kernel has no MADV_COLLAPSE, or no huge page");
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	CHECK_EQ(region_query(g.fd).large_pages, 1);
	CHECK_EQ(guest_mapped(&g), area.pages);
}

/* A write to one page of a large mapping that the process shares with a child. */
static void large_unshared(const void *variant)
{
	struct area area = guest_huge_new(variant);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	fork_sharer();
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	CHECK_EQ(region_query(g.fd).large_pages, 2);
	CHECK_EQ(guest_touch_write(&g, 300), 0);
	CHECK_EQ(area.at[300 * PAGE], TOUCHED);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 1);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 1);
	CHECK_EQ(guest_mapped(&g), area.pages);
}

static void large_premap(const void *variant)
{
	struct area area = guest_huge_new(variant);
	struct guest g = guest_new(&area, 0, 0,
				   REGION_RW | HMM_REGION_SET_PREMAP);

	CHECK_EQ(region_query(g.fd).large_pages, 2);
	CHECK_EQ(guest_mapped(&g), area.pages);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	CHECK_EQ(region_query(g.fd).intercepts, 0);
	CHECK_EQ(madvise(area.at, 2 * HUGE, MADV_DONTNEED), 0);
	CHECK_EQ(guest_mapped(&g), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages),
		 content_wrong(area.at, SERIES, 0, area.pages));
}

static void add_larges(const struct kind *kind)
{
	static struct large_variant variants[ARRAY_SIZE(large_kinds) *
					     ARRAY_SIZE(larges)];
	static struct large_variant *v = variants;

	for (size_t i = 0; i < ARRAY_SIZE(larges); i++, v++) {
		*v = (struct large_variant) { &larges[i], kind };
		add_case(large_ranges, v, "region/large/%s/%s", kind->name,
			 larges[i].name);
	}
	add_case(large_counts, kind, "region/large-counts/%s", kind->name);
	add_case(large_unshared, kind, "region/large-unshared/%s", kind->name);
	add_case(large_premap, kind, "region/premap-large/%s", kind->name);
}

void suite_region_large(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(large_kinds); i++)
		add_larges(large_kinds[i]);
	add_guest_batches(large_splits, "splits");
	add_case(large_splits_apart, NULL, "region/splits-apart");
	add_case(large_after_small, NULL, "region/small-then-large");
}
