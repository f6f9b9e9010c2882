// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving present pages to a device's memory and back: MIGRATE_TO_DEV, MIGRATE_TO_SYS,
 * RELEASE, and CPU accesses to what is there.
 *
 * Each case checks three views: what the device reads, what the CPU reads, and how many
 * pages of device memory are in use.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "knob.h"
#include "suites.h"

#define PAGES	640	/* more than one page table maps */
#define FEW	64

static size_t pages_of(const struct kind *kind)
{
	return kind->page_size == HUGE ? 2 * PAGES_IN_HUGE : PAGES;
}

static size_t area_mapped(int fd, const struct area *area)
{
	size_t wrong, n = dmirror_mapped(fd, area->at, area->pages, &wrong);

	CHECK_EQ(wrong, 0);
	return n;
}

static void migrate_both_ways(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(d->of, pages_of(d->of));
	int fd = device_new(d, 0);
	size_t moved;

	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	CHECK_EQ(area_mapped(fd, &area), area.pages);
	CHECK_EQ(devices_in_use(), 1 + area.pages);
	device_fill(fd, area.at, OTHER_SERIES, 0, area.pages, 0);
	CHECK_EQ(device_wrong(fd, area.at, OTHER_SERIES, 0, area.pages, 0), 0);

	CHECK_EQ(device_give(fd, area.at, area.pages, &moved), 0);
	CHECK_EQ(moved, area.pages);
	CHECK_EQ(area_mapped(fd, &area), 0);
	CHECK_EQ(device_has(d, fd, area.at, area.pages), 0);
	CHECK_EQ(devices_in_use(), 1);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
	CHECK_EQ(device_give(fd, area.at, area.pages, &moved), 0);
	CHECK_EQ(moved, 0);
}

/*
 * A CPU access brings a page back if the CPU cannot reach the device's memory; the
 * content is kept.
 */
static void migrate_touched(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int fd = device_new(d, 0);

	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	device_fill(fd, area.at, OTHER_SERIES, 0, FEW, 0);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, FEW / 2), 0);
	CHECK_EQ(device_has(d, fd, area.at, FEW), d->reachable ? FEW : FEW / 2);
	device_is_exact(fd, area.at, FEW);

	area_fill(&area);
	CHECK_EQ(device_has(d, fd, area.at, FEW), d->reachable ? FEW : 0);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, FEW, ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, FEW), 0);
}

/* Pages that are not present move as zeros. */
static void migrate_absent(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = calloc(PAGES, PAGE);
	int fd = device_new(d, 0);

	CHECK(buffer);
	memset(buffer, 0xff, PAGES * PAGE);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_MIGRATE_TO_DEV, area.at, PAGES,
			      buffer, NULL), 0);
	CHECK_EQ(content_not_zero(buffer, PAGES), 0);
	CHECK_EQ(device_has(d, fd, area.at, PAGES), PAGES);
	device_fill(fd, area.at, SERIES, 0, PAGES / 2, 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES / 2), 0);
	CHECK_EQ(content_not_zero(area.at + PAGES / 2 * PAGE, PAGES / 2), 0);
}

static void migrate_partial(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(d->of, pages_of(d->of));
	bool *there = calloc(area.pages, sizeof(*there));
	size_t from = 5, to = PAGES_IN_HUGE + 3, moved;
	int fd = device_new(d, 0);

	area_fill(&area);
	CHECK_EQ(device_take(fd, area.at + from * PAGE, to - from), 0);
	device_where(d, fd, area.at, area.pages, there);
	for (size_t i = 0; i < area.pages; i++)
		CHECK_EQ(there[i], i >= from && i < to);

	CHECK_EQ(device_give(fd, area.at, from + 7, &moved), 0);
	CHECK_EQ(moved, 7);
	from += 7;
	device_where(d, fd, area.at, area.pages, there);
	for (size_t i = 0; i < area.pages; i++)
		CHECK_EQ(there[i], i >= from && i < to);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, area.pages, ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 0);
}

/* Neighbouring pages in all states; then with a gap. */
static void migrate_mixed(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	char *buffer = calloc(FEW, PAGE);
	int fd = device_new(d, 0);

	CHECK(buffer);
	area_fill(&area);
	for (size_t i = 0; i < FEW; i += 4) {
		CHECK_EQ(madvise(area.at + i * PAGE, 2 * PAGE, MADV_DONTNEED), 0);
		CHECK_EQ(*(volatile char *)(area.at + i * PAGE), 0);
		CHECK_EQ(device_take(fd, area.at + (i + 2) * PAGE, 1), 0);
	}
	CHECK_EQ(mprotect(area.at + 40 * PAGE, 20 * PAGE, PROT_READ), 0);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_MIGRATE_TO_DEV, area.at, FEW,
			      buffer, NULL), 0);
	CHECK_EQ(device_has(d, fd, area.at, FEW), FEW);
	for (size_t i = 0; i < FEW; i += 4) {
		CHECK_EQ(content_not_zero(buffer + i * PAGE, 2), 0);
		CHECK_EQ(content_wrong(buffer + (i + 2) * PAGE, SERIES, i + 2, 2),
			 0);
		CHECK_EQ(content_not_zero(area.at + i * PAGE, 2), 0);
		CHECK_EQ(content_wrong(area.at + (i + 2) * PAGE, SERIES, i + 2,
				       2), 0);
	}

	CHECK_EQ(munmap(area.at + 10 * PAGE, PAGE), 0);
	CHECK_EQ(device_take(fd, area.at, FEW), -EINVAL);
	CHECK_EQ(device_give(fd, area.at, FEW, NULL), -EINVAL);
	CHECK_EQ(mprotect(area.at + 20 * PAGE, PAGE, PROT_NONE), 0);
	CHECK_EQ(device_take(fd, area.at + 12 * PAGE, 20), -EINVAL);
	CHECK_EQ(device_take(fd, area.at, 10), 0);
	CHECK_EQ(content_wrong(area.at + 6 * PAGE, SERIES, 6, 2), 0);
}

static void migrate_repeated(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int fd = device_new(d, 0);
	size_t moved;

	for (uint64_t series = SERIES; series < SERIES + 50; series += 2) {
		content_fill(area.at, series, 0, FEW);
		device_takes(d, fd, &area, series);
		device_fill(fd, area.at, series + 1, 0, FEW, 0);
		CHECK_EQ(device_give(fd, area.at, FEW, &moved), 0);
		CHECK_EQ(moved, FEW);
		CHECK_EQ(content_wrong(area.at, series + 1, 0, FEW), 0);
	}
}

struct stays {
	const struct kind *kind;
	int error;
};

static const struct stays stays[] = {
	{ &kind_shmem, -ENOENT }, { &kind_file, -ENOENT },
	{ &kind_hugetlb, -EINVAL }, { &kind_hugetlb_private, -EINVAL },
};

/* A call on memory that cannot move leaves it as it was. */
static void migrate_stays(const void *variant)
{
	const struct device *d = variant;
	const struct stays *what = d->of;
	struct area area = area_new(what->kind, PAGES_IN_HUGE);
	int fd = device_new(d, 0);

	area_fill(&area);
	CHECK_EQ(dmirror_populate(fd, area.at, area.pages, 0), 0);
	CHECK_EQ(device_take(fd, area.at, area.pages), what->error);
	CHECK_EQ(device_has(d, fd, area.at, area.pages), 0);
	CHECK_EQ(devices_in_use(), 1);
	device_is_exact(fd, area.at, area.pages);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 0);
	device_fill(fd, area.at, OTHER_SERIES, 0, area.pages, ANY_FAULTS);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
}

/* Pages that were copied on write are anonymous and move; the file's pages stay. */
static void migrate_private(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(d->of, FEW);
	int fd = device_new(d, 0);
	bool there[FEW];

	area_fill_file(&area);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, FEW), 0);
	for (size_t i = 0; i < FEW; i += 2)
		content_fill(area.at + i * PAGE, OTHER_SERIES, i, 1);
	CHECK_EQ(device_take(fd, area.at, FEW), -ENOENT);
	device_where(d, fd, area.at, FEW, there);
	for (size_t i = 0; i < FEW; i++)
		CHECK_EQ(there[i], i % 2 == 0);
	for (size_t i = 0; i < FEW; i++)
		CHECK_EQ(device_wrong(fd, area.at + i * PAGE,
				      i % 2 ? SERIES : OTHER_SERIES, i, 1,
				      ANY_FAULTS), 0);
	device_give(fd, area.at, FEW, NULL);
	for (size_t i = 0; i < FEW; i++)
		CHECK_EQ(content_wrong(area.at + i * PAGE,
				       i % 2 ? SERIES : OTHER_SERIES, i, 1), 0);
}

/**
 * struct writer - which process writes first to shared pages, and how
 * @by_child: the child, else the parent
 * @by_device: by a device, else by the CPU
 */
struct writer {
	const char *name;
	bool by_child, by_device;
};

static const struct writer writers[] = {
	{ "parent", false, false }, { "parent-device", false, true },
	{ "child", true, false }, { "child-device", true, true },
};

static void write_all(const struct area *area, int fd, bool by_device)
{
	if (by_device)
		device_fill(fd, area->at, OTHER_SERIES, 0, area->pages,
			    ANY_FAULTS);
	else
		content_fill(area->at, OTHER_SERIES, 0, area->pages);
}

/* The device reads first, while pages are still in its memory. */
static void seen_alike(const struct area *area, int fd, uint64_t series)
{
	CHECK_EQ(device_wrong(fd, area->at, series, 0, area->pages, ANY_FAULTS),
		 0);
	device_is_exact(fd, area->at, area->pages);
	CHECK_EQ(content_wrong(area->at, series, 0, area->pages), 0);
	device_is_exact(fd, area->at, area->pages);
}

static void child_of(const struct device *d, const struct area *area, int heard)
{
	const struct writer *writer = d->of;
	int fd = device_open(d, 0);
	char token;

	if (writer->by_child)
		write_all(area, fd, writer->by_device);
	else
		CHECK_EQ(read(heard, &token, 1), 1);
	seen_alike(area, fd, writer->by_child ? OTHER_SERIES : SERIES);
	fflush(stdout);
	_exit(0);
}

/*
 * Pages that are on the device at fork() are shared by both processes, until one
 * writes.
 */
static void migrate_forked(const void *variant)
{
	const struct device *d = variant;
	const struct writer *writer = d->of;
	struct area area = area_new(&kind_anon, FEW);
	int fd = device_new(d, 0), say[2];
	pid_t pid;

	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	CHECK_EQ(pipe(say), 0);
	pid = child_fork();
	if (!pid)
		child_of(d, &area, say[0]);
	if (!writer->by_child) {
		write_all(&area, fd, writer->by_device);
		seen_alike(&area, fd, OTHER_SERIES);
		CHECK_EQ(write(say[1], "", 1), 1);
	}
	child_passes(pid);
	seen_alike(&area, fd, writer->by_child ? SERIES : OTHER_SERIES);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(devices_in_use(), 0);
}

/* Half of a huge page moves to another address, together with its pages on the device. */
static void migrate_remapped(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_thp, 2 * PAGES_IN_HUGE);
	size_t half = PAGES_IN_HUGE / 2, wrong;
	char *to = area_reserve(HUGE);
	int fd = device_new(d, 0);

	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	CHECK(mremap(area.at, half * PAGE, half * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(devices_in_use(), 1 + area.pages);
	CHECK_EQ(dmirror_mapped(fd, area.at, half, &wrong), 0);
	CHECK_EQ(device_has(d, fd, to, half), half);
	CHECK_EQ(device_wrong(fd, to, SERIES, 0, half, 1), 0);
	CHECK_EQ(device_has(d, fd, to, half), half);
	device_fill(fd, to, OTHER_SERIES, 0, half, ANY_FAULTS);
	CHECK_EQ(content_wrong(to, OTHER_SERIES, 0, half), 0);
	CHECK_EQ(content_wrong(area.at + half * PAGE, SERIES, half,
			       area.pages - half), 0);
}

/* Pages of a huge page stay in use while a part of it is mapped: huge/partly-unmapped. */
static void migrate_partly_unmapped(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_thp, 2 * PAGES_IN_HUGE);
	bool stay = device_has_huge(d);
	int fd = device_new(d, 0);

	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	CHECK_EQ(munmap(area.at + 100 * PAGE, 300 * PAGE), 0);
	CHECK_EQ(devices_in_use(), 1 + area.pages - (stay ? 0 : 300));
	CHECK_EQ(madvise(area.at + 600 * PAGE, 100 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(devices_in_use(), 1 + area.pages - (stay ? 0 : 400));
	device_is_exact(fd, area.at, area.pages);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 100), 0);
	CHECK_EQ(content_wrong(area.at + 400 * PAGE, SERIES, 400, 200), 0);
	CHECK_EQ(content_not_zero(area.at + 600 * PAGE, 100), 0);
	CHECK_EQ(content_wrong(area.at + 700 * PAGE, SERIES, 700,
			       area.pages - 700), 0);
}

static void fail_next(int fd)
{
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_FLAGS, NULL,
			      HMM_DMIRROR_FLAG_FAIL_PAGE, NULL, NULL), 0);
}

/*
 * The device has no page for one page of the first 2 MiB: the first 2 MiB stay, the
 * rest moves.
 */
static void migrate_no_page(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, 2 * PAGES_IN_HUGE);
	char *second = area.at + HUGE;
	int fd = device_new(d, 0);
	struct hmm_dmirror_cmd cmd;
	uint64_t stayed;

	area_fill(&area);
	fail_next(fd);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_MOVE, area.at, area.pages,
			      (void *)HMM_DMIRROR_MOVE_TO_DEV, &cmd), 0);
	CHECK_EQ(cmd.cpages, PAGES_IN_HUGE);
	CHECK_EQ(device_has(d, fd, area.at, PAGES_IN_HUGE), 0);
	CHECK_EQ(device_has(d, fd, second, PAGES_IN_HUGE), PAGES_IN_HUGE);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, area.pages, ANY_FAULTS), 0);
	device_takes(d, fd, &area, SERIES);
	CHECK_EQ(device_give(fd, area.at, area.pages, NULL), 0);

	fail_next(fd);
	stayed = mirror_total("pages_stayed");
	CHECK_EQ(device_populate_all(fd, area.at, area.pages,
				     HMM_DMIRROR_PROT_WRITE), PAGES_IN_HUGE);
	CHECK_EQ(mirror_total("pages_stayed"), stayed + PAGES_IN_HUGE);
	CHECK_EQ(device_has(d, fd, area.at, PAGES_IN_HUGE), 0);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, area.pages, 0), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, area.pages), 0);
}

#define MEMORY_MIB	"/sys/module/hmm_dmirror/parameters/memory_mib"
#define TOO_MANY	1000

static size_t memory_pages(void)
{
	return knob_read_number(MEMORY_MIB) * (1 << 20) / PAGE;
}

/* More pages than the device's memory holds: some move, the rest stays. */
static void migrate_full(const void *variant)
{
	const struct device *d = variant;
	size_t room = memory_pages(), pages = room + TOO_MANY;
	struct area area = area_new(&kind_anon, pages);
	struct area more = area_new(&kind_anon, 2);
	int fd = device_new(d, 0);
	uint64_t stayed;

	area_fill(&area);
	area_fill(&more);
	CHECK_EQ(device_populate_all(fd, area.at, pages, HMM_DMIRROR_PROT_WRITE),
		 room);
	CHECK_EQ(devices_in_use(), 1 + room);
	CHECK_EQ(device_has(d, fd, area.at, pages), room);
	CHECK_EQ(device_has(d, fd, area.at, room), room);
	CHECK_EQ(device_take(fd, more.at, 2), -ENOENT);

	/* Nothing is invalidated for a move that cannot happen. */
	stayed = mirror_total("pages_stayed");
	CHECK_EQ(device_populate_all(fd, more.at, 2, HMM_DMIRROR_PROT_WRITE), 0);
	CHECK_EQ(mirror_total("pages_stayed"), stayed);

	CHECK_EQ(madvise(area.at, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(device_take(fd, more.at, 2), -ENOENT);
	CHECK_EQ(device_has(d, fd, more.at, 2), 1);
	CHECK_EQ(devices_in_use(), 1 + room);

	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_RELEASE, area.at, 1, NULL, NULL),
		 0);
	CHECK_EQ(devices_in_use(), 1);
	CHECK_EQ(content_wrong(area.at + PAGE, SERIES, 1, pages - 1), 0);
	CHECK_EQ(content_wrong(more.at, SERIES, 0, 2), 0);
	CHECK_EQ(device_take(fd, more.at, 2), 0);
}

/* A second device sees what it can reach, and moves only pages of its own memory. */
static void migrate_two_devices(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int one = device_new(d, 0), other = device_open(d, 1);
	uint8_t bytes[FEW];
	size_t moved, there;

	area_fill(&area);
	device_takes(d, one, &area, SERIES);
	CHECK_EQ(device_take(other, area.at, FEW), -ENOENT);
	CHECK_EQ(device_give(other, area.at, FEW, &moved), 0);
	CHECK_EQ(moved, 0);
	CHECK_EQ(device_has(d, one, area.at, FEW), FEW);

	memset(bytes, HMM_DMIRROR_PROT_WRITE, FEW);
	CHECK_EQ(device_populate(other, area.at, FEW, bytes, &there), 0);
	CHECK_EQ(there, d->reachable ? 0 : FEW);
	for (size_t i = 0; i < FEW; i++)
		CHECK_EQ(bytes[i], d->reachable ? HMM_DMIRROR_AT_OTHER :
						  HMM_DMIRROR_AT_DEVICE);
	device_fill(other, area.at, OTHER_SERIES, 0, FEW, 0);
	CHECK_EQ(device_wrong(one, area.at, OTHER_SERIES, 0, FEW, ANY_FAULTS), 0);
	device_is_exact(one, area.at, FEW);
	device_is_exact(other, area.at, FEW);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, FEW), 0);
}

/* Devices that have mapped the pages lose them when another device moves them. */
static void migrate_obeyed(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, FEW);
	int one = device_new(d, 0);
	int others[] = { device_open(d, 0), device_open(d, 1) };
	size_t wrong;

	area_fill(&area);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		CHECK_EQ(dmirror_populate(others[i], area.at, FEW,
					  HMM_DMIRROR_POPULATE_WRITE), 0);
	device_takes(d, one, &area, SERIES);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		CHECK_EQ(dmirror_mapped(others[i], area.at, FEW, &wrong), 0);
		CHECK_EQ(wrong, 0);
	}
	device_fill(others[0], area.at, OTHER_SERIES, 0, FEW, 1);
	CHECK_EQ(device_has(d, others[0], area.at, FEW), FEW);
	CHECK_EQ(device_give(one, area.at, FEW, NULL), 0);
	CHECK_EQ(dmirror_mapped(others[0], area.at, FEW, &wrong), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		CHECK_EQ(device_wrong(others[i], area.at, OTHER_SERIES, 0, FEW,
				      1), 0);
}

void suite_migrate(void)
{
	add_device_cases(migrate_both_ways, &kind_anon, "migrate/both-ways/anon");
	add_device_cases(migrate_both_ways, &kind_thp, "migrate/both-ways/thp");
	add_device_cases(migrate_touched, NULL, "migrate/touched");
	add_device_cases(migrate_absent, NULL, "migrate/absent");
	add_device_cases(migrate_partial, &kind_anon, "migrate/partial/anon");
	add_device_cases(migrate_partial, &kind_thp, "migrate/partial/thp");
	add_device_cases(migrate_mixed, NULL, "migrate/mixed");
	add_device_cases(migrate_repeated, NULL, "migrate/repeated");
	for (size_t i = 0; i < ARRAY_SIZE(stays); i++)
		add_device_cases(migrate_stays, &stays[i], "migrate/stays/%s",
				 stays[i].kind->name);
	add_device_cases(migrate_private, &kind_file_private,
			 "migrate/private/file");
	add_device_cases(migrate_private, &kind_shmem_private,
			 "migrate/private/shmem");
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		add_device_cases(migrate_forked, &writers[i], "migrate/forked/%s",
				 writers[i].name);
	add_device_cases(migrate_remapped, NULL, "migrate/remapped");
	add_device_cases(migrate_partly_unmapped, NULL, "migrate/partly-unmapped");
	add_device_cases(migrate_no_page, NULL, "migrate/no-page");
	add_device_cases(migrate_full, NULL, "migrate/full");
	add_device_cases(migrate_two_devices, NULL, "migrate/two-devices");
	add_device_cases(migrate_obeyed, NULL, "migrate/obeyed");
}
