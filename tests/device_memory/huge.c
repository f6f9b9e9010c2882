// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages that move to private device memory as they are, as large folios. A snapshot
 * tells: it reports the pages of a huge entry as such.
 *
 * Coherent memory has small pages on all kernels: see kernel/compat/large_folio.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "fragment.h"
#include "knob.h"
#include "module.h"
#include "suites.h"

#define HUGE_PAGES	2
#define PAGES		(HUGE_PAGES * PAGES_IN_HUGE)

/* A device with memory for huge pages. */
static int huge_new(void)
{
	if (!device_has_huge(&device_private))
		skip("this kernel has only small pages in private device memory");
	return device_new(&device_private, 0);
}

static size_t huge_with(int fd, const void *at, size_t pages, uint8_t byte)
{
	uint8_t *bytes = calloc(pages, 1);
	size_t n = 0;

	CHECK(bytes);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, at, pages, bytes, NULL),
		 0);
	for (size_t i = 0; i < pages; i++)
		n += (bytes[i] & ~HMM_DMIRROR_PROT_WRITE &
		      ~HMM_DMIRROR_PROT_READ) == byte;
	free(bytes);
	return n;
}

/* Pages of huge entries: in the device's memory, and in the system's. */
static size_t huge_there(int fd, const void *at, size_t pages)
{
	return huge_with(fd, at, pages, device_private.local | HMM_DMIRROR_PROT_PMD);
}

static size_t huge_here(int fd, const void *at, size_t pages)
{
	return huge_with(fd, at, pages, HMM_DMIRROR_PROT_PMD);
}

/* An area of huge pages that the device has taken whole. */
static struct area huge_taken(int fd)
{
	struct area area = area_new(&kind_thp, PAGES);

	area_fill(&area);
	CHECK_EQ(huge_here(fd, area.at, PAGES), PAGES);
	device_takes(&device_private, fd, &area, SERIES);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES);
	CHECK_EQ(devices_in_use(), 1 + PAGES);
	return area;
}

static void huge_both_ways(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);
	size_t moved;

	device_fill(fd, area.at, OTHER_SERIES, 0, PAGES, 0);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES);
	CHECK_EQ(device_give(fd, area.at, PAGES, &moved), 0);
	CHECK_EQ(moved, PAGES);
	CHECK_EQ(devices_in_use(), 1);
	CHECK_EQ(huge_here(fd, area.at, PAGES), PAGES);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
	CHECK_EQ(close(fd), 0);
	modules_unload();
	modules_load();
}

static void huge_populated(const void *unused)
{
	struct area area = area_new(&kind_thp, PAGES);
	int fd = huge_new();

	area_fill(&area);
	CHECK_EQ(device_populate_all(fd, area.at, PAGES_IN_HUGE,
				     HMM_DMIRROR_PROT_WRITE), PAGES_IN_HUGE);
	CHECK_EQ(huge_there(fd, area.at, PAGES_IN_HUGE), PAGES_IN_HUGE);
	CHECK_EQ(huge_here(fd, area.at + HUGE, PAGES_IN_HUGE), PAGES_IN_HUGE);

	/* A part of a huge page. */
	CHECK_EQ(device_populate_all(fd, area.at + HUGE + 9 * PAGE, 90,
				     HMM_DMIRROR_PROT_WRITE), 90);
	CHECK_EQ(device_has(&device_private, fd, area.at + HUGE, PAGES_IN_HUGE), 90);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES_IN_HUGE);
	CHECK_EQ(devices_in_use(), 1 + PAGES_IN_HUGE + 90);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, PAGES, ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(devices_in_use(), 1);
}

/* What nobody has touched moves as a huge page of zeros. */
static void huge_absent(const void *unused)
{
	struct area area = area_new(&kind_thp, PAGES);
	int fd = huge_new();

	CHECK_EQ(device_take(fd, area.at, PAGES), 0);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES);
	device_fill(fd, area.at, SERIES, 0, 10, ANY_FAULTS);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 10), 0);
	CHECK_EQ(content_not_zero(area.at + 10 * PAGE, PAGES - 10), 0);

	CHECK_EQ(madvise(area.at, PAGES * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(madvise(area.at, PAGES * PAGE, MADV_NOHUGEPAGE), 0);
	CHECK_EQ(device_take(fd, area.at, PAGES), 0);
	CHECK_EQ(huge_there(fd, area.at, PAGES), 0);
	CHECK_EQ(device_has(&device_private, fd, area.at, PAGES), PAGES);
}

/* A CPU touches one page: the huge page goes home whole, and no other page. */
static void huge_touched(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);

	device_fill(fd, area.at, OTHER_SERIES, 0, PAGES, 0);
	CHECK_EQ(content_wrong(area.at + 300 * PAGE, OTHER_SERIES, 300, 1), 0);
	CHECK_EQ(huge_here(fd, area.at, PAGES), PAGES_IN_HUGE);
	CHECK_EQ(huge_there(fd, area.at + HUGE, PAGES_IN_HUGE), PAGES_IN_HUGE);
	CHECK_EQ(devices_in_use(), 1 + PAGES_IN_HUGE);
	device_is_exact(fd, area.at, PAGES);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
	CHECK_EQ(devices_in_use(), 1);
}

/* A window that begins in the middle of a huge page has the pages of the middle. */
static void huge_middle(const void *unused)
{
	int fd = huge_new(), other;
	struct area area = huge_taken(fd);

	other = device_open(&device_private, 0);
	CHECK_EQ(device_wrong(other, area.at + 300 * PAGE, SERIES, 300, 100,
			      ANY_FAULTS), 0);
	device_fill(other, area.at + 123 * PAGE, OTHER_SERIES, 123, 1, ANY_FAULTS);
	device_is_exact(other, area.at, PAGES);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES);
	CHECK_EQ(content_wrong(area.at + 123 * PAGE, OTHER_SERIES, 123, 1), 0);
	CHECK_EQ(content_wrong(area.at + 124 * PAGE, SERIES, 124, PAGES - 124),
		 0);
}

/* An area of huge pages in the memory of one device, and what the other device gets of it. */
struct foreign {
	int owner, other;
	struct area area;
};

static struct foreign foreign_new(void)
{
	struct foreign f = { .owner = huge_new() };

	f.area = huge_taken(f.owner);
	device_fill(f.owner, f.area.at, OTHER_SERIES, 0, PAGES, 0);
	f.other = device_open(&device_private, 1);
	CHECK_EQ(devices_in_use(), 2 + PAGES);
	return f;
}

/*
 * Asked for nothing, the kernel says of a huge page in another device's memory that it is an
 * error. A fault brings it home whole, and no other.
 */
static void huge_foreign(const void *unused)
{
	struct foreign f = foreign_new();
	char *second = f.area.at + HUGE;
	size_t wrong;

	CHECK_EQ(device_wrong(f.other, f.area.at + 300 * PAGE, OTHER_SERIES, 300, 1,
			      ANY_FAULTS), 0);
	CHECK_EQ(huge_here(f.other, f.area.at, PAGES_IN_HUGE), PAGES_IN_HUGE);
	CHECK_EQ(huge_there(f.owner, second, PAGES_IN_HUGE), PAGES_IN_HUGE);
	CHECK_EQ(dmirror_mapped(f.owner, f.area.at, PAGES, &wrong), PAGES_IN_HUGE);
	CHECK_EQ(devices_in_use(), 2 + PAGES_IN_HUGE);

	/* A populate for the other device's memory moves it there. */
	CHECK_EQ(device_populate_all(f.other, second, PAGES_IN_HUGE,
				     HMM_DMIRROR_PROT_WRITE), PAGES_IN_HUGE);
	CHECK_EQ(huge_there(f.other, second, PAGES_IN_HUGE), PAGES_IN_HUGE);
	CHECK_EQ(dmirror_mapped(f.owner, f.area.at, PAGES, &wrong), 0);
	CHECK_EQ(devices_in_use(), 2 + PAGES_IN_HUGE);
	CHECK_EQ(device_wrong(f.other, f.area.at, OTHER_SERIES, 0, PAGES, ANY_FAULTS), 0);
	device_is_exact(f.other, f.area.at, PAGES);
	CHECK_EQ(content_wrong(f.area.at, OTHER_SERIES, 0, PAGES), 0);
	CHECK_EQ(devices_in_use(), 2);
}

/* Where the mapping forbids what is asked, the page stays, and the other device gets nothing. */
static void huge_foreign_forbidden(const void *unused)
{
	struct foreign f = foreign_new();
	size_t wrong;

	CHECK_EQ(mprotect(f.area.at, HUGE, PROT_NONE), 0);
	CHECK_EQ(mprotect(f.area.at + HUGE, HUGE, PROT_READ), 0);
	CHECK_EQ(dmirror_populate(f.other, f.area.at, 1, 0), -EFAULT);
	CHECK_EQ(dmirror_populate(f.other, f.area.at + HUGE, 1, HMM_DMIRROR_POPULATE_WRITE),
		 -EPERM);
	CHECK_EQ(devices_in_use(), 2 + PAGES);
	CHECK_EQ(dmirror_mapped(f.other, f.area.at, PAGES, &wrong), 0);
	CHECK_EQ(mprotect(f.area.at, HUGE, PROT_READ), 0);
	CHECK_EQ(device_wrong(f.other, f.area.at, OTHER_SERIES, 0, PAGES, ANY_FAULTS), 0);
	CHECK_EQ(devices_in_use(), 2);
}

/* The calls of the engine, which have no device memory at all: all pages come home. */
static void huge_foreign_call(const void *variant)
{
	const struct variant *v = variant;
	int fd = huge_new();
	struct area area = huge_taken(fd);
	struct mirror m;

	device_fill(fd, area.at, OTHER_SERIES, 0, PAGES, 0);
	mirror_init(&m, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&m), 0);
	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(content_wrong(m.contents, OTHER_SERIES, 0, PAGES), 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, HUGE_PAGES);
	CHECK_EQ(devices_in_use(), 1);
}

/*
 * Pages of a part that is unmapped stay in use until the rest of the huge page is split,
 * here by a touch: the kernel does not split private memory by itself.
 */
static void huge_partly_unmapped(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);

	CHECK_EQ(munmap(area.at + 100 * PAGE, 300 * PAGE), 0);
	CHECK_EQ(device_has(&device_private, fd, area.at, 100), 100);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES_IN_HUGE);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 1), 0);
	CHECK_EQ(devices_in_use(), 1 + PAGES - 300 - 1);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 100), 0);
	CHECK_EQ(content_wrong(area.at + 400 * PAGE, SERIES, 400, PAGES - 400),
		 0);
	CHECK_EQ(devices_in_use(), 1);
}

/* Unmapped without a touch: nothing is left in use. */
static void huge_unmapped(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);

	CHECK_EQ(munmap(area.at, 100 * PAGE), 0);
	CHECK_EQ(munmap(area.at + 100 * PAGE, (PAGES - 100) * PAGE), 0);
	CHECK_EQ(devices_in_use(), 1);
}

static void huge_protected(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);

	CHECK_EQ(mprotect(area.at + 10 * PAGE, 20 * PAGE, PROT_READ), 0);
	CHECK_EQ(device_has(&device_private, fd, area.at, PAGES), PAGES);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES_IN_HUGE);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, PAGES, ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(area.at + 20 * PAGE, SERIES, 20, 1), 0);
	CHECK_EQ(device_has(&device_private, fd, area.at, PAGES), PAGES - 1);
	CHECK_EQ(devices_in_use(), 1 + PAGES - 1);
	device_is_exact(fd, area.at, PAGES);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(devices_in_use(), 1);
}

/* A part goes home, and the rest stays. */
static void huge_given_in_part(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);
	size_t moved;

	CHECK_EQ(device_give(fd, area.at + 100 * PAGE, 50, &moved), 0);
	CHECK_EQ(moved, 50);
	CHECK_EQ(device_has(&device_private, fd, area.at, PAGES), PAGES - 50);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES_IN_HUGE);
	CHECK_EQ(devices_in_use(), 1 + PAGES - 50);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, PAGES, ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(devices_in_use(), 1);
}

/* Aligned, it moves to the new address as it is; a part of it is split off. */
static void huge_remapped(const void *unused)
{
	char *to = area_reserve(2 * HUGE);
	int fd = huge_new();
	struct area area = huge_taken(fd);

	CHECK(mremap(area.at, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(huge_there(fd, to, PAGES_IN_HUGE), PAGES_IN_HUGE);
	CHECK(mremap(area.at + HUGE, HUGE / 2, HUGE / 2,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to + HUGE) == to + HUGE);
	CHECK_EQ(huge_there(fd, to + HUGE, PAGES_IN_HUGE / 2), 0);
	CHECK_EQ(device_has(&device_private, fd, to, 3 * PAGES_IN_HUGE / 2),
		 3 * PAGES_IN_HUGE / 2);
	CHECK_EQ(devices_in_use(), 1 + PAGES);
	CHECK_EQ(device_wrong(fd, to, SERIES, 0, 3 * PAGES_IN_HUGE / 2,
			      ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(to, SERIES, 0, 3 * PAGES_IN_HUGE / 2), 0);
	CHECK_EQ(content_wrong(area.at + 3 * HUGE / 2, SERIES,
			       3 * PAGES_IN_HUGE / 2, PAGES_IN_HUGE / 2), 0);
	CHECK_EQ(devices_in_use(), 1);
}

static void child_writes(const struct area *area)
{
	content_fill(area->at + 5 * PAGE, OTHER_SERIES, 5, 1);
	CHECK_EQ(content_wrong(area->at + 5 * PAGE, OTHER_SERIES, 5, 1), 0);
	CHECK_EQ(content_wrong(area->at + 6 * PAGE, SERIES, 6, PAGES - 6), 0);
	fflush(stdout);
	_exit(0);
}

/* Shared after fork(), until one writes; then each has what it wrote. */
static void huge_forked(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);
	pid_t pid;

	pid = child_fork();
	if (!pid)
		child_writes(&area);
	child_passes(pid);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	device_takes(&device_private, fd, &area, SERIES);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(devices_in_use(), 0);
}

static void child_gets(const struct area *area, int heard)
{
	char token;

	CHECK_EQ(read(heard, &token, 1), 1);
	CHECK_EQ(content_wrong(area->at, SERIES, 0, PAGES), 0);
	fflush(stdout);
	_exit(0);
}

/*
 * A huge page that a fork has shared, and for which the device has no block: its small
 * pages move, for both processes.
 */
static void huge_forked_no_block(const void *unused)
{
	struct area area = area_new(&kind_thp, PAGES);
	int fd = huge_new(), say[2];
	pid_t pid;

	area_fill(&area);
	CHECK_EQ(pipe(say), 0);
	pid = child_fork();
	if (!pid)
		child_gets(&area, say[0]);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_FLAGS, NULL,
			      HMM_DMIRROR_FLAG_FAIL_ALLOC, NULL, NULL), 0);
	device_takes(&device_private, fd, &area, SERIES);
	CHECK_EQ(huge_there(fd, area.at, PAGES), PAGES_IN_HUGE);
	CHECK_EQ(write(say[1], "", 1), 1);
	child_passes(pid);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(devices_in_use(), 0);
}

#define MEMORY_MIB	"/sys/module/hmm_dmirror/parameters/memory_mib"

/*
 * While small pages take a page of each block, huge pages are split. When all of them
 * have gone home, the memory holds as many huge pages as fit.
 */
static void huge_no_block(const void *unused)
{
	size_t room = knob_read_number(MEMORY_MIB) * (1 << 20) / PAGE;
	struct area small = area_new(&kind_anon, room);
	struct area area = area_new(&kind_thp, room);
	int fd = huge_new();

	area_fill(&small);
	device_takes(&device_private, fd, &small, SERIES);
	for (size_t i = 0; i < room; i += PAGES_IN_HUGE)
		CHECK_EQ(device_give(fd, small.at + (i + 1) * PAGE,
				     PAGES_IN_HUGE - 1, NULL), 0);
	CHECK_EQ(devices_in_use(), 1 + room / PAGES_IN_HUGE);
	area_fill(&area);
	CHECK_EQ(device_populate_all(fd, area.at, 2 * PAGES_IN_HUGE,
				     HMM_DMIRROR_PROT_WRITE), 2 * PAGES_IN_HUGE);
	CHECK_EQ(huge_there(fd, area.at, room), 0);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, 2 * PAGES_IN_HUGE,
			      ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 2 * PAGES_IN_HUGE), 0);
	CHECK_EQ(munmap(small.at, room * PAGE), 0);
	CHECK_EQ(devices_in_use(), 1);

	CHECK_EQ(munmap(area.at, room * PAGE), 0);
	area = area_new(&kind_thp, room);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_MOVE, area.at, room,
			      (void *)HMM_DMIRROR_MOVE_TO_DEV, NULL), 0);
	CHECK_EQ(huge_there(fd, area.at, room), room);
	CHECK_EQ(devices_in_use(), 1 + room);
}

static void huge_evicted(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);

	device_fill(fd, area.at, OTHER_SERIES, 0, PAGES, 0);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_RELEASE, area.at, 1, NULL, NULL),
		 0);
	CHECK_EQ(devices_in_use(), 1);
	CHECK_EQ(huge_here(fd, area.at, PAGES), PAGES);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
}

/* Huge pages and small ones side by side. */
static void huge_evicted_mixed(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);

	CHECK_EQ(device_give(fd, area.at, 1, NULL), 0);
	CHECK_EQ(devices_in_use(), 1 + PAGES - 1);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_RELEASE, area.at, 1, NULL, NULL),
		 0);
	CHECK_EQ(devices_in_use(), 1);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
}

/* The system has no huge page: small pages go home when a CPU touches one. */
static void huge_touched_no_huge(const void *unused)
{
	int fd = huge_new();
	struct area area = huge_taken(fd);

	memory_fragment();
	CHECK_EQ(content_wrong(area.at + 300 * PAGE, SERIES, 300, 1), 0);
	CHECK_EQ(huge_here(fd, area.at, PAGES), 0);
	CHECK_EQ(device_has(&device_private, fd, area.at, PAGES), PAGES_IN_HUGE);
	CHECK_EQ(devices_in_use(), 1 + PAGES_IN_HUGE);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(devices_in_use(), 1);
}

static void huge_coherent(const void *unused)
{
	struct area area = area_new(&kind_thp, PAGES);
	int fd = device_new(&device_coherent, 0);

	area_fill(&area);
	device_takes(&device_coherent, fd, &area, SERIES);
	CHECK_EQ(huge_with(fd, area.at, PAGES, device_coherent.local), PAGES);
	CHECK_EQ(munmap(area.at, 10 * PAGE), 0);
	CHECK_EQ(devices_in_use(), 1 + PAGES - 10);
}

void suite_huge(void)
{
	add_case(huge_both_ways, NULL, "huge/both-ways");
	add_case(huge_populated, NULL, "huge/populated");
	add_case(huge_absent, NULL, "huge/absent");
	add_case(huge_touched, NULL, "huge/touched");
	add_case(huge_middle, NULL, "huge/middle");
	add_case(huge_foreign, NULL, "huge/foreign");
	add_case(huge_foreign_forbidden, NULL, "huge/foreign-forbidden");
	add_each_how(huge_foreign_call, NULL, "huge/foreign-call");
	add_case(huge_partly_unmapped, NULL, "huge/partly-unmapped");
	add_case(huge_unmapped, NULL, "huge/unmapped");
	add_case(huge_protected, NULL, "huge/protected");
	add_case(huge_given_in_part, NULL, "huge/given-in-part");
	add_case(huge_remapped, NULL, "huge/remapped");
	add_case(huge_forked, NULL, "huge/forked");
	add_case(huge_forked_no_block, NULL, "huge/forked-no-block");
	add_case(huge_no_block, NULL, "huge/no-block");
	add_case(huge_evicted, NULL, "huge/evicted");
	add_case(huge_evicted_mixed, NULL, "huge/evicted-mixed");
	add_slow_case(300, huge_touched_no_huge, NULL, "huge/touched-no-huge");
	add_case(huge_coherent, NULL, "huge/coherent");
}
