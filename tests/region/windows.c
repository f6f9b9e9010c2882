// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /dev/hmm_region maps for the guest, and when: each kind of memory, windows, and
 * premapping.
 *
 * An access maps the whole window around its page, in batches. Memory in the window
 * that is unavailable is left out, and memory that may only be read is mapped for
 * reading.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"
#include "guest.h"
#include "harness.h"
#include "suites.h"

#define PAGES		64
#define OTHER_SERIES	(SERIES + 1)

static void windows_read(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, guest_pages_of(kind));
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	area_fill(&area);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	CHECK_EQ(guest_mapped(&g), area.pages);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 0);
	CHECK_EQ(region_unset(g.fd, GUEST, area.pages), 0);
	CHECK_EQ(guest_mapped(&g), 0);
}

static void windows_read_absent(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, guest_pages_of(kind));
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	CHECK_EQ(guest_not_zero(&g, 0, area.pages), 0);
	CHECK_EQ(guest_mapped(&g), area.pages);

	/* The zero page must not be written to. */
	guest_fill(&g, SERIES, 0, area.pages);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
}

/* Missing, then present; and the CPU always sees what the guest wrote. */
static void windows_write(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, guest_pages_of(kind));
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	guest_fill(&g, SERIES, 0, area.pages);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 0);
	CHECK_EQ(guest_mapped(&g), area.pages);
	guest_fill(&g, OTHER_SERIES, 0, area.pages);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
	area_fill(&area);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
}

/* What a child shares of the parent's memory does not change, and is not the guest's. */
static void windows_write_shared(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, guest_pages_of(kind));
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	area_fill(&area);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	fork_sharer();
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	guest_fill(&g, OTHER_SERIES, 0, area.pages);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
	CHECK_EQ(guest_wrong(&g, OTHER_SERIES, 0, area.pages), 0);
}

/* Behind a private mapping: the file does not see what a guest writes. */
static void windows_file_is_kept(const void *unused)
{
	struct area area = area_new(&kind_file_private, PAGES);
	struct guest g = guest_new(&area, 8, 0, REGION_RW);
	char *file = malloc(PAGES * PAGE);

	CHECK(file);
	area_fill_file(&area);
	guest_fill(&g, OTHER_SERIES, 8, 8);
	CHECK_EQ(pread(area.fd, file, PAGES * PAGE, 0), PAGES * PAGE);
	CHECK_EQ(content_wrong(file, SERIES, 0, PAGES), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 8), 0);
	CHECK_EQ(content_wrong(area.at + 8 * PAGE, OTHER_SERIES, 8, 8), 0);
	CHECK_EQ(content_wrong(area.at + 16 * PAGE, SERIES, 16, PAGES - 16), 0);
}

/* How many pages were replaced by another page. */
static size_t pages_replaced(const struct area *area, const uint64_t *before,
			     size_t first, size_t pages)
{
	uint64_t after[PAGES];
	size_t n = 0;

	pagemap_read(area->at, PAGES, after);
	for (size_t i = first; i < first + pages; i++)
		n += PAGEMAP_PFN(before[i]) != PAGEMAP_PFN(after[i]);
	return n;
}

/**
 * struct shared - memory that a write would have to copy
 * @name: of the case
 * @kind: of the memory
 * @by_child: a child shares it, else the file
 */
struct shared {
	const char *name;
	const struct kind *kind;
	bool by_child;
};

static const struct shared shared[] = {
	{ "child", &kind_anon, true },
	{ "file", &kind_file_private, false },
	{ "shmem", &kind_shmem_private, false },
};

/* Present and mapped for reading; @before gets the pagemap entries. */
static struct area shared_new(const struct shared *shared, uint64_t *before)
{
	struct area area = area_new(shared->kind, PAGES);

	if (shared->by_child) {
		area_fill(&area);
		fork_sharer();
	} else {
		area_fill_file(&area);
		CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	}
	pagemap_read(area.at, PAGES, before);
	return area;
}

/* Neither reading breaks COW nor a write that the region does not allow. */
static void windows_reads_share(const void *variant)
{
	uint64_t before[PAGES];
	struct area area = shared_new(variant, before);
	struct guest g = guest_new(&area, 0, 0, REGION_RO);

	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	for (size_t i = 0; i < PAGES; i += 7)
		CHECK_EQ(guest_touch_write(&g, i), -EPERM);
	CHECK_EQ(pages_replaced(&area, before, 0, PAGES), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(guest_mapped(&g), PAGES);
}

/*
 * Reading breaks no COW where the guest may write, either. A write breaks it in its
 * window, and only there.
 */
static void windows_writes_unshare(const void *variant)
{
	uint64_t before[PAGES];
	struct area area = shared_new(variant, before);
	struct guest g = guest_new(&area, 8, 0, REGION_RW);
	struct hmm_region_query query;

	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	CHECK_EQ(pages_replaced(&area, before, 0, PAGES), 0);
	query = region_query(g.fd);
	CHECK_EQ(query.intercepts, PAGES / 8);

	CHECK_EQ(guest_touch_write(&g, 19), 0);
	CHECK_EQ(region_query(g.fd).intercepts, query.intercepts + 1);
	CHECK_EQ(pages_replaced(&area, before, 19, 1), 1);
	CHECK_EQ(pages_replaced(&area, before, 0, 16), 0);
	CHECK_EQ(pages_replaced(&area, before, 24, PAGES - 24), 0);
	CHECK_EQ(area.at[19 * PAGE], TOUCHED);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 1);
}

/*
 * The guest cannot write to what the process may not write to, even if the region
 * allows writing.
 */
static void windows_read_only_mapping(const void *variant)
{
	uint64_t before[PAGES];
	struct area area = shared_new(variant, before);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	CHECK_EQ(mprotect(area.at, PAGES * PAGE, PROT_READ), 0);
	for (size_t i = 0; i < PAGES; i += 9)
		CHECK_EQ(guest_touch_write(&g, i), -EPERM);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	for (size_t i = 0; i < PAGES; i += 9)
		CHECK_EQ(guest_touch_write(&g, i), -EPERM);
	CHECK_EQ(pages_replaced(&area, before, 0, PAGES), 0);

	CHECK_EQ(mprotect(area.at, PAGES * PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(guest_touch_write(&g, 9), 0);
	CHECK_EQ(area.at[9 * PAGE], TOUCHED);
}

/* A page that was mapped for writing, and is shared with a child from now on. */
static void windows_shared_later(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 8, 0, REGION_RW);
	uint64_t before[PAGES];

	guest_fill(&g, SERIES, 0, PAGES);
	fork_sharer();
	pagemap_read(area.at, PAGES, before);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	CHECK_EQ(pages_replaced(&area, before, 0, PAGES), 0);
	CHECK_EQ(guest_touch_write(&g, 42), 0);
	CHECK_EQ(pages_replaced(&area, before, 42, 1), 1);
	CHECK_EQ(area.at[42 * PAGE], TOUCHED);
}

/*
 * The counters after an area was read once, and again. The hypervisor may have been
 * short of memory for its first table: then one batch was mapped twice.
 */
static void windows_counts(const void *variant)
{
	unsigned int batch = *(const unsigned int *)variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct hmm_region_query q;
	struct guest g;

	area_fill(&area);
	g = guest_new(&area, 16, batch, REGION_RW);
	q = region_query(g.fd);
	CHECK_EQ(q.accesses + q.mapped_pages + q.map_calls, 0);
	for (int twice = 1; twice <= 2; twice++) {
		CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
		q = region_query(g.fd);
		CHECK_EQ(q.mapped_pages, PAGES);
		CHECK_EQ(q.large_pages, 0);
		CHECK_EQ(q.accesses, twice * PAGES);
		CHECK_EQ(q.intercepts, PAGES / 16);
		CHECK_EQ(q.window_hits, PAGES - PAGES / 16);
		CHECK_EQ(q.map_calls - q.shortages,
			 PAGES / 16 * ((16 + batch - 1) / batch));
		CHECK_EQ(q.rollbacks, q.shortages);
		CHECK_REL(q.shortages, <=, 1);
		CHECK_EQ(q.unmap_calls + q.splits, 0);
	}
	CHECK_EQ(madvise(area.at + 5 * PAGE, 20 * PAGE, MADV_DONTNEED), 0);
	q = region_query(g.fd);
	CHECK_EQ(q.mapped_pages, PAGES - 20);
	CHECK_REL(q.unmap_calls, >=, (20 + batch - 1) / batch);
	CHECK_EQ(region_unset(g.fd, GUEST, PAGES), 0);
	CHECK_EQ(guest_mapped(&g), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 5), 0);
}

/**
 * struct window - which pages one access maps
 * @name: for the name of the case
 * @window: size of the partition's window in pages
 * @pages: size of the region
 * @page: the page that is accessed
 * @first: the first page that is mapped
 * @mapped: how many pages are mapped
 */
struct window {
	const char *name;
	unsigned int window;
	size_t pages, page, first, mapped;
};

static const struct window windows[] = {
	{ "one", 1, 40, 7, 7, 1 },
	{ "first", 16, 40, 0, 0, 16 },
	{ "inside", 16, 40, 21, 16, 16 },
	{ "last-of", 16, 40, 31, 16, 16 },
	{ "clipped", 16, 40, 32, 32, 8 },
	{ "clipped-last", 16, 40, 39, 32, 8 },
	{ "default", 0, 600, 3, 0, 512 },
	{ "default-clipped", 0, 600, 599, 512, 88 },
};

/* Neither the region's guest page nor its address is a multiple of the window. */
static void windows_one_access(const void *variant)
{
	const struct window *w = variant;
	struct area area = area_new(&kind_anon, w->pages + 16);
	uint64_t before[700], after[700];
	struct area inner = {
		.at = area.at + 5 * PAGE, .pages = w->pages,
	};
	struct guest g = {
		.fd = region_partition(w->window, 0), .area = inner,
	};

	CHECK_EQ(region_set(g.fd, GUEST + 3, w->pages, inner.at, REGION_RW), 0);
	pagemap_read(area.at, area.pages, before);
	CHECK_EQ(guest_touch_write(&g, 3 + w->page), 0);
	CHECK_EQ(guest_mapped(&g), w->mapped);
	pagemap_read(area.at, area.pages, after);
	for (size_t i = 0; i < area.pages; i++)
		CHECK_EQ(!!(after[i] & PAGEMAP_PRESENT),
			 i >= 5 + w->first && i < 5 + w->first + w->mapped);
}

/*
 * Three kinds of memory in one window, the last of them read only. That part is mapped
 * for reading, though the access is a write, and is not copied.
 */
static void windows_two_mappings(const void *variant)
{
	bool write = variant;
	char *at = area_reserve(48 * PAGE);
	struct area anon = area_at(at, &kind_anon, 16);
	struct area shmem = area_at(at + 16 * PAGE, &kind_shmem, 16);
	struct area file = area_at(at + 32 * PAGE, &kind_file_private, 16);
	struct area all = { .at = at, .pages = 48 };
	struct guest g = guest_new(&all, 64, 0, REGION_RW);
	uint64_t before[16], after[16];

	area_fill(&anon);
	area_fill(&shmem);
	area_fill_file(&file);
	CHECK_EQ(mprotect(file.at, 16 * PAGE, PROT_READ), 0);
	CHECK_EQ(content_wrong(file.at, SERIES, 0, 16), 0);
	pagemap_read(file.at, 16, before);

	CHECK_EQ(write ? guest_touch_write(&g, 3) : guest_touch_read(&g, 3), 0);
	CHECK_EQ(guest_mapped(&g), 48);
	CHECK_EQ(guest_touch_write(&g, 20), 0);
	CHECK_EQ(guest_touch_write(&g, 40), -EPERM);
	CHECK_EQ(guest_touch_read(&g, 40), 0);
	pagemap_read(file.at, 16, after);
	CHECK(!memcmp(before, after, sizeof(before)));
	CHECK_EQ(content_wrong(file.at, SERIES, 0, 16), 0);
	CHECK_EQ(at[20 * PAGE], TOUCHED);
}

static void make_no_mapping(char *at)
{
	CHECK_EQ(munmap(at, 4 * PAGE), 0);
}

static void make_no_protection(char *at)
{
	CHECK_EQ(mprotect(at, 4 * PAGE, PROT_NONE), 0);
}

static void make_past_end(char *at)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);

	CHECK(mmap(at, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   fd, 0) == at);
}

struct gap {
	const char *name;
	void (*make)(char *at);
};

static const struct gap gaps[] = {
	{ "unmapped", make_no_mapping },
	{ "protected", make_no_protection },
	{ "past-end", make_past_end },
};

/* Pages 20 to 23 are missing; only accesses to these fail. */
static void windows_gap(const void *variant)
{
	const struct gap *gap = variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, PAGES, 0, REGION_RW);

	area_fill(&area);
	gap->make(area.at + 20 * PAGE);
	CHECK_EQ(guest_touch_read(&g, 20), -EFAULT);
	CHECK_EQ(guest_touch_write(&g, 23), -EFAULT);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, 20), 0);
	CHECK_EQ(guest_mapped(&g), PAGES - 4);
	CHECK_EQ(guest_wrong(&g, SERIES, 24, PAGES - 24), 0);
	guest_fill(&g, OTHER_SERIES, 24, PAGES - 24);
	CHECK_EQ(guest_touch_read(&g, 21), -EFAULT);

	/* Demand mapping: memory that is mapped later is found later. */
	CHECK(mmap(area.at + 20 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	      MAP_FAILED);
	guest_fill(&g, OTHER_SERIES, 20, 4);
	CHECK_EQ(content_wrong(area.at + 20 * PAGE, OTHER_SERIES, 20,
			       PAGES - 20), 0);
	CHECK_EQ(guest_mapped(&g), PAGES);
}

/* The guest loses exactly what the process unmaps or changes. */
static void windows_invalidated(const void *variant)
{
	unsigned int batch = *(const unsigned int *)variant;
	struct area area = area_new(&kind_anon, 4 * PAGES);
	struct guest g = guest_new(&area, 0, batch, REGION_RW);

	guest_fill(&g, SERIES, 0, 4 * PAGES);
	CHECK_EQ(guest_mapped(&g), 4 * PAGES);
	CHECK_EQ(madvise(area.at + 3 * PAGE, 29 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(guest_mapped(&g), 4 * PAGES - 29);
	CHECK_EQ(munmap(area.at + PAGES * PAGE, PAGES * PAGE), 0);
	CHECK_EQ(guest_mapped(&g), 3 * PAGES - 29);
	CHECK_EQ(mprotect(area.at + 2 * PAGES * PAGE, PAGES * PAGE, PROT_READ),
		 0);
	CHECK_EQ(guest_mapped(&g), 2 * PAGES - 29);

	CHECK_EQ(guest_wrong(&g, SERIES, 0, 3), 0);
	CHECK_EQ(guest_not_zero(&g, 3, 29), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 32, PAGES - 32), 0);
	CHECK_EQ(guest_touch_read(&g, PAGES + 5), -EFAULT);
	CHECK_EQ(guest_touch_write(&g, 2 * PAGES), -EPERM);
	CHECK_EQ(guest_wrong(&g, SERIES, 2 * PAGES, 2 * PAGES), 0);
}

/* Another mapping replaces part of the memory. */
static void windows_remapped(const void *unused)
{
	struct area area = area_new(&kind_shmem, PAGES);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);
	char *other = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(other != MAP_FAILED);
	content_fill(other, OTHER_SERIES, 8, 8);
	guest_fill(&g, SERIES, 0, PAGES);
	CHECK(mremap(other, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     area.at + 8 * PAGE) != MAP_FAILED);
	CHECK_EQ(guest_mapped(&g), PAGES - 8);
	CHECK_EQ(guest_wrong(&g, OTHER_SERIES, 8, 8), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, 8), 0);
	CHECK_EQ(guest_wrong(&g, SERIES, 16, PAGES - 16), 0);
}

/*
 * The first quarter of the area is missing, the second is written, the third is read
 * only (a write would have to copy it), the last is inaccessible.
 */
static struct area quarters_new(void)
{
	struct area area = area_new(&kind_file_private, PAGES);

	area_fill_file(&area);
	content_fill(area.at + 16 * PAGE, SERIES, 16, 16);
	CHECK_EQ(content_wrong(area.at + 32 * PAGE, SERIES, 32, 16), 0);
	CHECK_EQ(madvise(area.at, 16 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(mprotect(area.at + 48 * PAGE, 16 * PAGE, PROT_NONE), 0);
	return area;
}

static size_t area_present(const struct area *area)
{
	uint64_t entries[PAGES];
	size_t n = 0;

	pagemap_read(area->at, PAGES, entries);
	for (size_t i = 0; i < PAGES; i++)
		n += !!(entries[i] & PAGEMAP_PRESENT);
	return n;
}

/* Premapping faults nothing, and maps nothing that would have to be copied. */
static void windows_premap(const void *variant)
{
	bool writable = variant;
	struct area area = quarters_new();
	uint64_t faults = counter_total(HMM_UNLOCKED_FAULTS);
	uint64_t before[PAGES];
	size_t there = area_present(&area);
	struct hmm_region_query q;
	struct guest g;

	pagemap_read(area.at, PAGES, before);
	g = guest_new(&area, 8, 5, HMM_REGION_SET_PREMAP |
		      (writable ? REGION_RW : REGION_RO));
	CHECK_EQ(counter_total(HMM_UNLOCKED_FAULTS), faults);
	CHECK_EQ(area_present(&area), there);
	CHECK_EQ(guest_mapped(&g), writable ? 16 : there);

	CHECK_EQ(guest_wrong(&g, SERIES, 16, 32), 0);
	q = region_query(g.fd);
	CHECK_EQ(q.window_hits, writable ? 16 + 2 * 7 : 32);
	CHECK_EQ(q.intercepts, writable ? 2 : 0);
	CHECK_EQ(pages_replaced(&area, before, 16, 32), 0);
	CHECK_EQ(guest_touch_read(&g, 50), -EFAULT);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, 16), 0);
	if (!writable) {
		CHECK_EQ(guest_touch_write(&g, 20), -EPERM);
		return;
	}
	CHECK_EQ(guest_touch_write(&g, 20), 0);
	CHECK_EQ(guest_touch_write(&g, 40), 0);
	CHECK_EQ(pages_replaced(&area, before, 16, 16), 0);
	CHECK_EQ(pages_replaced(&area, before, 40, 1), 1);
	CHECK_EQ(pages_replaced(&area, before, 32, 8), 0);
}

/* More pages than one page table maps, and a region where nothing is mapped. */
static void windows_premap_sparse(const void *unused)
{
	size_t pages = 5 * PAGES_IN_HUGE;
	struct area area = area_new(&kind_anon, pages);
	struct guest g;

	for (size_t i = 100; i < pages; i += 300)
		area.at[i * PAGE] = 1;
	g = guest_new(&area, 0, 0, REGION_RW | HMM_REGION_SET_PREMAP);
	CHECK_EQ(guest_mapped(&g), (pages - 100 + 299) / 300);
	CHECK_EQ(region_unset(g.fd, GUEST, pages), 0);
	CHECK_EQ(munmap(area.at, pages * PAGE), 0);
	CHECK_EQ(region_set(g.fd, GUEST, pages, area.at,
			    REGION_RW | HMM_REGION_SET_PREMAP), 0);
	CHECK_EQ(guest_mapped(&g), 0);
}

#define HOLE_PAGES	(16UL << 30 >> 12)

/* A hole takes no memory of the hypervisor: it asks for memory only once. */
static void windows_premap_hole(const void *unused)
{
	char *at = area_reserve(HOLE_PAGES * PAGE);
	struct area area = area_at(at + HOLE_PAGES / 2 * PAGE, &kind_anon, 1);
	struct guest g;

	area_fill(&area);
	area = (struct area) { .at = at, .pages = HOLE_PAGES };
	g = guest_new(&area, 0, 0, REGION_RW | HMM_REGION_SET_PREMAP);
	CHECK_EQ(region_query(g.fd).shortages, 1);
	CHECK_EQ(guest_mapped(&g), 1);
	CHECK_EQ(guest_touch_read(&g, HOLE_PAGES / 2), 0);
	CHECK_EQ(region_query(g.fd).intercepts, 0);
}

/* Pages that were swapped out come back with the guest's contents. */
static void windows_swapped(const void *unused)
{
	struct area area = area_new(&kind_anon, 4 * PAGES);
	struct guest g = guest_new(&area, 16, 0, REGION_RW);
	uint64_t entries[4 * PAGES];
	size_t out = 0;

	swap_new(16 * PAGES * PAGE);
	guest_fill(&g, SERIES, 0, area.pages);
	CHECK_EQ(madvise(area.at, area.pages * PAGE, MADV_PAGEOUT), 0);
	pagemap_read(area.at, area.pages, entries);
	for (size_t i = 0; i < area.pages; i++)
		out += !!(entries[i] & PAGEMAP_SWAPPED);
	CHECK_REL(out, >, 0);
	CHECK_REL(guest_mapped(&g), <=, area.pages - out);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, area.pages), 0);
	guest_fill(&g, OTHER_SERIES, 0, area.pages);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
}

/* The same memory twice in one guest, and in two guests. */
static void windows_aliases(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 16, 0, REGION_RW);
	struct guest other = guest_new(&area, 8, 0, REGION_RO);
	char *buffer = malloc(PAGES * PAGE);

	CHECK(buffer);
	CHECK_EQ(region_set(g.fd, GUEST + PAGES, PAGES, area.at, REGION_RO), 0);
	guest_fill(&g, SERIES, 0, PAGES);
	CHECK_EQ(guest_wrong(&other, SERIES, 0, PAGES), 0);
	CHECK_EQ(guest_read(&g, PAGES, buffer, PAGES), 0);
	CHECK_EQ(content_wrong(buffer, SERIES, 0, PAGES), 0);
	CHECK_EQ(madvise(area.at, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(guest_mapped(&g), 2 * PAGES - 2);
	CHECK_EQ(guest_mapped(&other), PAGES - 1);
	guest_dirty_is(&other, 0, 128, NULL);
	guest_dirty_is(&g, 0, 128, (uint64_t[]) { UINT64_MAX, 0 });
}

static void add_shared(case_fn *fn, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		add_case(fn, &shared[i], "region/%s/%s", name, shared[i].name);
}

void suite_region_windows(void)
{
	add_guest_kinds(windows_read, "read");
	add_guest_kinds(windows_read_absent, "read-absent");
	add_guest_kinds(windows_write, "write");
	add_guest_kinds(windows_write_shared, "write-shared");
	add_case(windows_file_is_kept, NULL, "region/file-is-kept");
	add_shared(windows_reads_share, "reads-share");
	add_shared(windows_writes_unshare, "writes-unshare");
	add_shared(windows_read_only_mapping, "read-only-mapping");
	add_case(windows_shared_later, NULL, "region/shared-later");
	add_guest_batches(windows_counts, "counts");
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++)
		add_case(windows_one_access, &windows[i], "region/window/%s",
			 windows[i].name);
	add_case(windows_two_mappings, (void *)0, "region/two-mappings/read");
	add_case(windows_two_mappings, (void *)1, "region/two-mappings/write");
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++)
		add_case(windows_gap, &gaps[i], "region/gap/%s", gaps[i].name);
	add_guest_batches(windows_invalidated, "invalidated");
	add_case(windows_remapped, NULL, "region/remapped");
	add_case(windows_premap, (void *)0, "region/premap/read-only");
	add_case(windows_premap, (void *)1, "region/premap/writable");
	add_case(windows_premap_sparse, NULL, "region/premap-sparse");
	add_case(windows_premap_hole, NULL, "region/premap-hole");
	add_case(windows_swapped, NULL, "region/swapped");
	add_case(windows_aliases, NULL, "region/aliases");
}
