// SPDX-License-Identifier: GPL-2.0-only
/*
 * Populating memory of each kind, when it is missing and when it is present.
 *
 * Beside contents and entries the counters are checked: faults, lock drops, restarts
 * and entries read tell that no page is faulted twice and no table is read more often
 * than needed.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "area.h"
#include "cpus.h"
#include "harness.h"
#include "suites.h"

/* More than one page table maps, so that there are two chunks. */
#define PAGES	576

static bool is_private(const struct kind *kind)
{
	return kind->map_flags & MAP_PRIVATE;
}

static size_t pages_of(const struct kind *kind)
{
	return kind->page_size == HUGE ? 2 * PAGES_IN_HUGE : PAGES;
}

static void check_writable(const struct mirror *m, const struct variant *v)
{
	const struct kind *kind = v->of;

	if (v->how->request == WRITE_REQUEST)
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), m->pages);
	else if (is_private(kind))
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), 0);
}

/*
 * A fault that is done and has dropped the lock ends a call of
 * hmm_range_fault_unlockable(); one that has waited for I/O does not. There is no I/O
 * if @cached.
 */
static void check_loops(const struct mirror *m, bool cached)
{
	uint64_t drops = mirror_counted(m, HMM_UNLOCKED_LOCK_DROPS);

	CHECK_COUNTED(m, HMM_UNLOCKED_RESTARTS, ==, 0);
	if (m->run.call != HMMU_PROBE_UNLOCKABLE)
		CHECK_EQ(m->run.loops, 1);
	else if (cached)
		CHECK_EQ(m->run.loops, drops + 1);
	else
		CHECK_REL(m->run.loops, <=, drops + 1);
}

/*
 * No page drops the lock twice, not even if it is first waited for and then written.
 * Two threads may both fault pages that one fault brings.
 */
static void check_faults(const struct mirror *m, const struct kind *kind)
{
	uint64_t faults = mirror_counted(m, HMM_UNLOCKED_FAULTS);
	uint64_t drops = mirror_counted(m, HMM_UNLOCKED_LOCK_DROPS);

	if (!mirror_is_ours(m))
		return;
	if (kind->reads_ahead)
		CHECK_REL(faults, >, 0);
	else
		CHECK_EQ(faults, m->pages / kind_pages(kind));
	CHECK_REL(faults, <=, m->pages + drops +
		  mirror_counted(m, HMM_UNLOCKED_THREAD_FAULTS));
	CHECK_REL(drops, <=, m->pages);
	check_loops(m, !kind->reads_ahead);
}

/* Each entry is read twice, and once more for each run of faults; runs get longer. */
static void check_entries_read(const struct mirror *m)
{
	if (mirror_counted(m, HMM_UNLOCKED_LOCK_DROPS) == 0)
		CHECK_COUNTED(m, HMM_UNLOCKED_ENTRIES_READ, <=,
			  2 * m->pages + m->pages / 8);
}

/*
 * How many entries of present pages are read. A huge page that follows a huge page is
 * read by one entry: an entry of the CPU page tables maps all of it.
 */
static size_t entries_present(const struct kind *kind, size_t first, size_t pages)
{
	size_t table = PAGES_IN_HUGE - first % PAGES_IN_HUGE;

	if (kind->page_size != HUGE || pages <= table)
		return pages;
	return table + (pages - table + PAGES_IN_HUGE - 1) / PAGES_IN_HUGE;
}

static void memory_missing(const void *variant)
{
	const struct variant *v = variant;
	const struct kind *kind = v->of;
	struct area area = area_new(kind, pages_of(kind));
	struct mirror m;

	mirror_init(&m, area.at, area.pages, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_not_zero(m.contents, m.pages), 0);
	CHECK_EQ(mirror_with_order(&m, kind_order(kind)), m.pages);
	check_writable(&m, v);
	check_faults(&m, kind);
	check_entries_read(&m);
}

static void memory_present(const void *variant)
{
	const struct variant *v = variant;
	const struct kind *kind = v->of;
	struct area area = area_new(kind, pages_of(kind));
	struct mirror m;

	area_fill(&area);
	mirror_init(&m, area.at, area.pages, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, m.pages), 0);
	CHECK_EQ(mirror_with_order(&m, kind_order(kind)), m.pages);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_WRITE), m.pages);
	CHECK_COUNTED(&m, HMM_UNLOCKED_ENTRIES_READ, ==,
		      entries_present(kind, 0, m.pages));
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, 0);
}

static size_t area_resident(const struct area *area)
{
	unsigned char *in_core = calloc(area->pages, 1);
	size_t n = 0;

	CHECK(in_core && !mincore(area->at, area->pages * PAGE, in_core));
	for (size_t i = 0; i < area->pages; i++)
		n += in_core[i] & 1;
	free(in_core);
	return n;
}

/* The file's pages are in the page cache but not mapped. */
static void memory_cached(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(v->of, PAGES);
	struct mirror m;

	area_fill_file(&area);
	CHECK_EQ(area_resident(&area), PAGES);
	mirror_init(&m, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, PAGES), 0);
	check_writable(&m, v);
	check_loops(&m, v->of != &kind_disk);
	if (v->how->request != WRITE_REQUEST)
		CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, <=, PAGES / 4);
	else if (v->of == &kind_disk)
		/* Linux 7.3 maps all of a large folio for writing. */
		CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, <=, PAGES);
	else
		CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, PAGES);
}

/* The pages have to be read from the device, which drops the lock. */
static void memory_cold(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_disk, PAGES);
	struct mirror m;

	area_fill_file(&area);
	CHECK_EQ(fsync(area.fd), 0);
	CHECK_EQ(posix_fadvise(area.fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	CHECK_EQ(area_resident(&area), 0);
	mirror_init(&m, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, PAGES), 0);
	check_writable(&m, v);
	CHECK_COUNTED(&m, HMM_UNLOCKED_LOCK_DROPS, >, 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_RESTARTS, ==, 0);
	if (v->how->request == READ_REQUEST)
		CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, <, PAGES);
}

/* Pages of a private file that are mapped for reading and then asked for write. */
static void memory_file_cow(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(v->of, PAGES);
	struct mirror read, write;

	area_fill_file(&area);
	mirror_init(&read, area.at, PAGES, &hows[0]);
	CHECK_EQ(mirror_fault(&read), 0);
	mirror_init(&write, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&write), 0);

	CHECK_EQ(mirror_untrue(&write), 0);
	CHECK_EQ(content_wrong(write.contents, SERIES, 0, PAGES), 0);
	CHECK_EQ(mirror_with(&write, HMMU_PROBE_WRITE), PAGES);
	CHECK_COUNTED(&write, HMM_UNLOCKED_FAULTS, ==, PAGES);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(HMMU_PROBE_PFN(read.entries[i]) !=
		      HMMU_PROBE_PFN(write.entries[i]));
}

static void memory_zero_page(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	mirror_init(&m, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_not_zero(m.contents, PAGES), 0);
	check_writable(&m, v);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_ZERO),
		 v->how->request == READ_REQUEST ? PAGES : 0);
}

/* From the middle of one huge page to the middle of the next. */
static void from_middle(const void *variant, bool filled)
{
	const struct variant *v = variant;
	const struct kind *kind = v->of;
	struct area area = area_new(kind, 2 * PAGES_IN_HUGE);
	const size_t first = 200, pages = PAGES_IN_HUGE;
	struct mirror m;

	if (filled)
		area_fill(&area);
	mirror_init(&m, area.at + first * PAGE, pages, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(mirror_with_order(&m, HUGE_ORDER), pages);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, filled ? 0 : 2);
	if (filled) {
		CHECK_EQ(content_wrong(m.contents, SERIES, first, pages), 0);
		CHECK_COUNTED(&m, HMM_UNLOCKED_ENTRIES_READ, ==,
			      entries_present(kind, first, pages));
	} else {
		CHECK_EQ(content_not_zero(m.contents, pages), 0);
		check_writable(&m, v);
	}
}

static void memory_from_middle_missing(const void *variant)
{
	from_middle(variant, false);
}

static void memory_from_middle_present(const void *variant)
{
	from_middle(variant, true);
}

/*
 * Two tables of small pages and then two huge pages, in two VMAs. Of the small pages one is
 * there. What was learned of the small pages is not believed of the huge ones: no fault is in
 * vain.
 */
static void memory_small_then_huge(const void *variant)
{
	const struct variant *v = variant;
	const size_t small = 2 * PAGES_IN_HUGE, there = PAGES_IN_HUGE + 188;
	char *at = area_reserve(4 * HUGE);
	struct mirror m;

	area_at(at, &kind_anon, small);
	area_at(at + 2 * HUGE, &kind_thp, 2 * PAGES_IN_HUGE);
	content_fill(at + there * PAGE, SERIES, there, 1);
	mirror_init(&m, at, small + 2 * PAGES_IN_HUGE, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_not_zero(m.contents, there), 0);
	CHECK_EQ(content_wrong(m.contents + there * PAGE, SERIES, there, 1), 0);
	CHECK_EQ(mirror_with_order(&m, HUGE_ORDER), 2 * PAGES_IN_HUGE);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, small - 1 + 2);
	check_entries_read(&m);
}

/* The rest of a huge page is mapped by entries of single pages. */
static void memory_thp_unmapped_in_part(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_thp, PAGES_IN_HUGE);
	const size_t pages = 400, hole = 100, hole_pages = 50;
	const size_t after = hole + hole_pages;
	struct mirror m;

	area_fill(&area);
	CHECK_EQ(munmap(area.at + pages * PAGE, (area.pages - pages) * PAGE), 0);
	CHECK_EQ(madvise(area.at + hole * PAGE, hole_pages * PAGE,
			 MADV_DONTNEED), 0);
	mirror_init(&m, area.at, pages, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(mirror_with_order(&m, 0), pages);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, hole_pages);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, hole), 0);
	CHECK_EQ(content_not_zero(m.contents + hole * PAGE, hole_pages), 0);
	CHECK_EQ(content_wrong(m.contents + after * PAGE, SERIES, after,
			       pages - after), 0);
}

/* The huge zero page must be replaced by a huge page, or by several small ones. */
static void memory_thp_zero_written(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_thp, PAGES_IN_HUGE);
	struct mirror read, write;

	mirror_init(&read, area.at, area.pages, &hows[0]);
	CHECK_EQ(mirror_fault(&read), 0);
	CHECK_EQ(mirror_with(&read, HMMU_PROBE_WRITE), 0);
	mirror_init(&write, area.at, area.pages, v->how);
	CHECK_EQ(mirror_fault(&write), 0);

	CHECK_EQ(mirror_untrue(&write), 0);
	CHECK_EQ(content_not_zero(write.contents, area.pages), 0);
	CHECK_EQ(mirror_with(&write, HMMU_PROBE_WRITE), area.pages);
	CHECK_COUNTED(&write, HMM_UNLOCKED_FAULTS, >, 0);
	CHECK_COUNTED(&write, HMM_UNLOCKED_FAULTS, <=,
		  area.pages + 1);
}

static void memory_swapped_out(const void *variant)
{
	const struct variant *v = variant;
	cpu_set_t cpus = cpus_pin();
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	swap_new(2 * PAGES * PAGE);
	area_fill(&area);
	area_swap_out(&area);
	cpus_restore(&cpus);
	mirror_init(&m, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, PAGES), 0);
	if (v->how->request == WRITE_REQUEST)
		CHECK_EQ(mirror_with(&m, HMMU_PROBE_WRITE), PAGES);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, >, 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, <=,
		  PAGES + mirror_counted(&m, HMM_UNLOCKED_LOCK_DROPS));
	CHECK_EQ(swapoff(ZRAM), 0);
}

/* mlock() of pages that come when they are touched. */
static void memory_locked(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	CHECK_EQ(mlock2(area.at, PAGES * PAGE, MLOCK_ONFAULT), 0);
	content_fill(area.at, SERIES, 0, PAGES / 2);
	mirror_init(&m, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, PAGES / 2);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, PAGES / 2), 0);
	CHECK_EQ(content_not_zero(m.contents + PAGES / 2 * PAGE, PAGES / 2), 0);
}

/**
 * struct piece - part of a range of several VMAs
 * @kind: what kind of memory
 * @pages: its length
 * @filled: present and written, or missing
 */
struct piece {
	const struct kind *kind;
	size_t pages;
	bool filled;
};

/* Pieces of huge pages begin at a multiple of 2 MiB. */
static const struct piece pieces[] = {
	{ &kind_anon, 100, true },
	{ &kind_shmem, 61, false },
	{ &kind_anon, 39, false },
	{ &kind_shmem_private, 12, true },
	{ &kind_shmem, 200, true },
	{ &kind_file_private, 100, false },
	{ &kind_hugetlb, PAGES_IN_HUGE, false },
	{ &kind_thp, PAGES_IN_HUGE, false },
	{ &kind_hugetlb_private, PAGES_IN_HUGE, true },
	{ &kind_anon, 7, false },
};

static size_t pieces_pages(void)
{
	size_t pages = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		pages += pieces[i].pages;
	return pages;
}

static void check_pieces(const char *contents)
{
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		const struct piece *p = &pieces[i];

		if (p->filled)
			CHECK_EQ(content_wrong(contents, SERIES, 0, p->pages), 0);
		else
			CHECK_EQ(content_not_zero(contents, p->pages), 0);
		contents += p->pages * PAGE;
	}
}

static void memory_several_vmas(const void *variant)
{
	const struct variant *v = variant;
	size_t pages = pieces_pages();
	char *start = area_reserve(pages * PAGE), *at = start;
	struct mirror m;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct area area = area_at(at, pieces[i].kind, pieces[i].pages);

		if (pieces[i].filled)
			area_fill(&area);
		at += pieces[i].pages * PAGE;
	}
	mirror_init(&m, start, pages, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	check_pieces(m.contents);
	if (v->how->request == WRITE_REQUEST)
		CHECK_EQ(mirror_with(&m, HMMU_PROBE_WRITE), pages);
	CHECK_COUNTED(&m, HMM_UNLOCKED_RESTARTS, ==, 0);
}

static const struct kind *const kinds[] = {
	&kind_anon, &kind_thp, &kind_shmem, &kind_shmem_private, &kind_hugetlb,
	&kind_hugetlb_private, &kind_file, &kind_file_private,
};

static const struct kind *const cached_kinds[] = {
	&kind_shmem, &kind_shmem_private, &kind_file, &kind_file_private,
	&kind_disk,
};

static const struct kind *const huge_kinds[] = {
	&kind_thp, &kind_hugetlb, &kind_hugetlb_private,
};

void suite_memory(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		add_each_how(memory_missing, kinds[i], "memory/missing/%s", kinds[i]->name);
		add_each_how(memory_present, kinds[i], "memory/present/%s", kinds[i]->name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(cached_kinds); i++)
		add_each_how(memory_cached, cached_kinds[i], "memory/cached/%s",
			     cached_kinds[i]->name);
	for (size_t i = 0; i < ARRAY_SIZE(huge_kinds); i++) {
		add_each_how(memory_from_middle_missing, huge_kinds[i],
			     "memory/from-middle/missing/%s", huge_kinds[i]->name);
		add_each_how(memory_from_middle_present, huge_kinds[i],
			     "memory/from-middle/present/%s", huge_kinds[i]->name);
	}
	add_each_how(memory_cold, &kind_disk, "memory/cold/disk");
	add_each_call(memory_file_cow, &kind_file_private, WRITE_REQUEST,
		      "memory/file-cow");
	add_each_how(memory_zero_page, &kind_anon, "memory/zero-page");
	add_each_how(memory_small_then_huge, NULL, "memory/small-then-huge");
	add_each_how(memory_thp_unmapped_in_part, NULL, "memory/thp-unmapped-in-part");
	add_each_call(memory_thp_zero_written, NULL, WRITE_REQUEST,
		      "memory/thp-zero-written");
	add_each_how(memory_swapped_out, NULL, "memory/swapped-out");
	add_each_how(memory_locked, NULL, "memory/locked");
	add_each_how(memory_several_vmas, NULL, "memory/several-vmas");
}
