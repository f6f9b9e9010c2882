// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of /dev/hmm_region: which arguments and which processes they refuse, and
 * what an access has done when it ends early.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "guest.h"
#include "harness.h"
#include "suites.h"

#define PAGES		64
#define OTHER_SERIES	(SERIES + 1)

static int region_device_open(void)
{
	int fd = open(REGION_DEVICE, O_RDWR | O_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	return fd;
}

static int region_call(int fd, unsigned long number, const void *argument)
{
	int ret = ioctl(fd, number, argument);

	return ret < 0 ? -errno : ret;
}

struct bad_partition {
	const char *name;
	struct hmm_region_partition with;
};

static const struct bad_partition bad_partitions[] = {
	{ "window-odd", { .window = 3 } },
	{ "window-large", { .window = 1024 } },
	{ "window-most", { .window = 1U << 31 } },
	{ "batch", { .batch = 513 } },
	{ "reserved-0", { .reserved = { 1 } } },
	{ "reserved-2", { .reserved = { 0, 0, 1ULL << 63 } } },
};

static void calls_partition_refused(const void *variant)
{
	const struct bad_partition *bad = variant;

	CHECK_EQ(region_call(region_device_open(), HMM_REGION_CREATE_PARTITION, &bad->with),
		 -EINVAL);
}

/* All allowed sizes; each file is close-on-exec. */
static void calls_partitions(const void *unused)
{
	struct hmm_region_partition with = {};
	int device = region_device_open(), fd;

	for (with.window = 1; with.window <= 512; with.window *= 2) {
		with.batch = with.window % 7 * 10 + 1;
		fd = region_call(device, HMM_REGION_CREATE_PARTITION, &with);
		CHECK_REL(fd, >=, 0);
		CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
		CHECK_EQ(close(fd), 0);
	}
}

#define LAST	HMM_REGION_GUEST_PAGES

struct bad_set {
	const char *name;
	struct hmm_region_set with;
};

#define AT		(64 * HUGE)
#define WRAPS		(-4 * PAGE)

/* With five-level page tables; no process has the last page. */
#define USER_MOST	(1ULL << 56)

static const struct bad_set bad_sets[] = {
	{ "empty", { GUEST, 0, AT, REGION_RW } },
	{ "unaligned", { GUEST, 1, AT + 8, REGION_RW } },
	{ "unaligned-512", { GUEST, 1, AT + 512, REGION_RW } },
	{ "no-access", { GUEST, 1, AT, 0 } },
	{ "only-write", { GUEST, 1, AT, HMM_REGION_WRITE } },
	{ "only-execute", { GUEST, 1, AT, HMM_REGION_EXECUTE } },
	{ "only-premap", { GUEST, 1, AT, HMM_REGION_SET_PREMAP } },
	{ "flag-3", { GUEST, 1, AT, REGION_RW | 1U << 3 } },
	{ "flag-9", { GUEST, 1, AT, REGION_RW | 1U << 9 } },
	{ "flag-31", { GUEST, 1, AT, REGION_RW | 1U << 31 } },
	{ "reserved", { GUEST, 1, AT, REGION_RW, 1 } },
	{ "guest-end", { LAST - 1, 2, AT, REGION_RW } },
	{ "guest-beyond", { LAST, 1, AT, REGION_RW } },
	{ "guest-wraps", { GUEST, -GUEST, AT, REGION_RW } },
	{ "guest-wraps-to-small", { UINT64_MAX, 2, AT, REGION_RW } },
	{ "guest-most", { GUEST, UINT64_MAX, AT, REGION_RW } },
	{ "kernel", { GUEST, 1, 0xffff888000000000, REGION_RW } },
	{ "not-canonical", { GUEST, 1, 1ULL << 62, REGION_RW } },
	{ "ends-beyond", { GUEST, 4, USER_MOST - 2 * PAGE, REGION_RW } },
	{ "long", { 0, LAST, USER_MOST - (LAST << 12), REGION_RW } },
	{ "wraps", { GUEST, 8, WRAPS, REGION_RW } },
	{ "ends-at-wrap", { GUEST, 4, WRAPS, REGION_RW } },
	{ "length-overflows", { 0, (1ULL << 52) + 1, AT, REGION_RW } },
};

/* After a refusal nothing is set: the same pages can be set. */
static void calls_set_refused(const void *variant)
{
	const struct bad_set *bad = variant;
	int fd = region_partition(0, 0);

	CHECK_EQ(region_call(fd, HMM_REGION_SET, &bad->with), -EINVAL);
	CHECK_EQ(region_set(fd, 0, 1ULL << 32, (void *)AT, REGION_RW), 0);
}

struct overlap {
	uint64_t first, pages;
	int error;
};

/* Against a region of [GUEST + 8, GUEST + 16). */
static const struct overlap overlaps[] = {
	{ 8, 8, -EEXIST }, { 8, 1, -EEXIST }, { 15, 1, -EEXIST },
	{ 10, 2, -EEXIST }, { 0, 9, -EEXIST }, { 15, 9, -EEXIST },
	{ 0, 64, -EEXIST }, { 0, 8, 0 }, { 16, 8, 0 },
};

static void calls_overlapping(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int fd = region_partition(0, 0);

	CHECK_EQ(region_set(fd, GUEST + 8, 8, area.at, REGION_RW), 0);
	for (size_t i = 0; i < ARRAY_SIZE(overlaps); i++)
		CHECK_EQ(region_set(fd, GUEST + overlaps[i].first,
				    overlaps[i].pages, area.at, REGION_RO),
			 overlaps[i].error);
	/* Another guest has other pages of the same numbers. */
	CHECK_EQ(region_set(region_partition(0, 0), GUEST + 8, 8, area.at,
			    REGION_RW), 0);
}

static const struct overlap not_those[] = {
	{ 7, 8, -ENOENT }, { 8, 7, -ENOENT }, { 8, 9, -ENOENT },
	{ 9, 7, -ENOENT }, { 0, 64, -ENOENT }, { 24, 8, -ENOENT },
	{ 8, 8, 0 }, { 8, 8, -ENOENT },
};

/*
 * Only exactly as it was set, and once; then the guest cannot access the pages, and
 * they can be set again.
 */
static void calls_unset(const void *unused)
{
	struct area area = area_new(&kind_anon, 8);
	int fd = region_partition(0, 0);
	char byte = 1;

	CHECK_EQ(region_set(fd, GUEST + 8, 8, area.at, REGION_RW), 0);
	CHECK_EQ(region_set(fd, GUEST + 16, 8, area.at, REGION_RW), 0);
	CHECK_EQ(guest_access(fd, HMM_REGION_WRITE, GUEST + 8, &byte, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(not_those); i++)
		CHECK_EQ(region_unset(fd, GUEST + not_those[i].first,
				      not_those[i].pages), not_those[i].error);
	CHECK_EQ(area.at[0], 1);
	CHECK_EQ(region_query(fd).mapped_pages, 0);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST + 8, &byte, 1), -ENXIO);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST + 16, &byte, 1), 0);
	CHECK_EQ(region_set(fd, GUEST + 8, 4, area.at, REGION_RW), 0);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST + 8, &byte, 1), 0);
	CHECK_EQ(byte, 1);
}

static void calls_most_regions(const void *unused)
{
	struct area area = area_new(&kind_anon, 1);
	int fd = region_partition(0, 0);
	char byte = 0;

	*area.at = 1;
	for (size_t i = 0; i < HMM_REGION_MAX; i++)
		CHECK_EQ(region_set(fd, GUEST + i, 1, area.at, REGION_RO), 0);
	CHECK_EQ(region_set(fd, GUEST - 1, 1, area.at, REGION_RO), -ENOSPC);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST + HMM_REGION_MAX - 1,
			      &byte, 1), 0);
	CHECK_EQ(byte, 1);
	CHECK_EQ(region_unset(fd, GUEST + 1, 1), 0);
	CHECK_EQ(region_set(fd, GUEST - 1, 1, area.at, REGION_RO), 0);
	CHECK_EQ(region_set(fd, GUEST - 2, 1, area.at, REGION_RO), -ENOSPC);
}

/* The last guest pages that exist, and the first. */
static void calls_guest_limits(const void *unused)
{
	struct area area = area_new(&kind_anon, 4);
	int fd = region_partition(0, 0);
	char bytes[2 * PAGE];

	area_fill(&area);
	CHECK_EQ(region_set(fd, LAST - 2, 2, area.at, REGION_RW), 0);
	CHECK_EQ(region_set(fd, 0, 2, area.at + 2 * PAGE, REGION_RW), 0);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, LAST - 2, bytes, 2 * PAGE), 0);
	CHECK_EQ(content_wrong(bytes, SERIES, 0, 2), 0);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, 0, bytes, 2 * PAGE), 0);
	CHECK_EQ(content_wrong(bytes, SERIES, 2, 2), 0);
	CHECK_EQ(region_unset(fd, LAST - 2, 2), 0);
	CHECK_EQ(region_query(fd).mapped_pages, 2);
}

/* Memory of a device cannot be demand-mapped, wherever in the region it is. */
static void calls_io_memory(const void *variant)
{
	size_t page = (uintptr_t)variant;
	struct area area = area_new(&kind_anon, 8);
	int fd = region_partition(0, 0);
	char byte;

	area_map_rom(area.at + page * PAGE);
	CHECK_EQ(region_set(fd, GUEST, 8, area.at, REGION_RO), -EOPNOTSUPP);
	CHECK_EQ(region_set(fd, GUEST, 8, area.at,
			    REGION_RO | HMM_REGION_SET_PREMAP), -EOPNOTSUPP);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST, &byte, 1), -ENXIO);

	CHECK(mmap(area.at + page * PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	      MAP_FAILED);
	CHECK_EQ(region_set(fd, GUEST, 8, area.at, REGION_RO), 0);
	area_map_rom(area.at + page * PAGE);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST + page, &byte, 1),
		 -EFAULT);
	CHECK_EQ(guest_access(fd, HMM_REGION_READ, GUEST + 2, &byte, 1), 0);
}

struct bad_access {
	const char *name;
	struct hmm_region_access with;
	int error;
};

#define MOST	HMM_REGION_ACCESS_MAX

static const struct bad_access bad_accesses[] = {
	{ "empty", { GUEST, 0, 0, HMM_REGION_READ }, -EINVAL },
	{ "long", { GUEST, 0, MOST + 1, HMM_REGION_READ }, -EINVAL },
	{ "longest", { GUEST, 0, UINT32_MAX, HMM_REGION_READ }, -EINVAL },
	{ "offset", { GUEST, PAGE, 1, HMM_REGION_READ }, -EINVAL },
	{ "offset-most", { GUEST, UINT32_MAX, 1, HMM_REGION_READ }, -EINVAL },
	{ "no-access", { GUEST, 0, 1, 0 }, -EINVAL },
	{ "two-accesses", { GUEST, 0, 1, REGION_RW }, -EINVAL },
	{ "premap", { GUEST, 0, 1, HMM_REGION_READ | HMM_REGION_SET_PREMAP },
	  -EINVAL },
	{ "flag-3", { GUEST, 0, 1, 1U << 3 }, -EINVAL },
	{ "reserved", { GUEST, 0, 1, HMM_REGION_READ, 1 }, -EINVAL },
	{ "before", { GUEST - 1, 0, 1, HMM_REGION_READ }, -ENXIO },
	{ "behind", { GUEST + PAGES, 0, 1, HMM_REGION_READ }, -ENXIO },
	{ "execute", { GUEST, 0, 1, HMM_REGION_EXECUTE }, -EPERM },
	{ "write", { GUEST, 0, 1, HMM_REGION_WRITE }, -EPERM },
};

static void calls_access_refused(const void *variant)
{
	const struct bad_access *bad = variant;
	struct hmm_region_access access = bad->with;
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 0, 0, REGION_RO);
	char bytes[8] = "unused.";

	area_fill(&area);
	access.data = (uintptr_t)bytes;
	CHECK_EQ(region_access(g.fd, &access), bad->error);
	CHECK_EQ(access.done, 0);
	CHECK_EQ(strcmp(bytes, "unused."), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(region_query(g.fd).mapped_pages, 0);
}

/* Page numbers beyond those of a guest have no region either. */
static void calls_nowhere(const void *unused)
{
	static const uint64_t pfns[] = {
		LAST - 1, LAST, 1ULL << 51, 1ULL << 52, (1ULL << 52) + GUEST,
		1ULL << 63, UINT64_MAX,
	};
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);
	char bytes[2 * PAGE];
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(pfns); i++) {
		ret = guest_access(g.fd, HMM_REGION_READ, pfns[i], bytes,
				   sizeof(bytes));
		CHECK(ret == -ENXIO || ret == -EINVAL);
	}
	CHECK_EQ(region_query(g.fd).mapped_pages, 0);
}

static void calls_executes(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 0, 0, REGION_RO | HMM_REGION_EXECUTE);
	char page[PAGE];

	area_fill(&area);
	CHECK_EQ(guest_access(g.fd, HMM_REGION_EXECUTE, GUEST + 3, page, PAGE),
		 0);
	CHECK_EQ(content_wrong(page, SERIES, 3, 1), 0);
}

/**
 * struct run_off - an access that ends early
 * @name: for the name of the case
 * @make: makes the access end at page 4 of 8
 * @access: HMM_REGION_*
 * @error: what it ends with
 */
struct run_off {
	const char *name;
	void (*make)(const struct guest *g);
	uint32_t access;
	int error;
};

static void make_nothing(const struct guest *g)
{
}

static void make_hole(const struct guest *g)
{
	CHECK_EQ(region_set(g->fd, GUEST + 4, 4, g->area.at + 4 * PAGE,
			    REGION_RW), 0);
	CHECK_EQ(munmap(g->area.at + 4 * PAGE, PAGE), 0);
}

static void make_read_only(const struct guest *g)
{
	CHECK_EQ(region_set(g->fd, GUEST + 4, 4, g->area.at + 4 * PAGE,
			    REGION_RO), 0);
}

static void make_protected(const struct guest *g)
{
	CHECK_EQ(region_set(g->fd, GUEST + 4, 4, g->area.at + 4 * PAGE,
			    REGION_RW), 0);
	CHECK_EQ(mprotect(g->area.at + 4 * PAGE, PAGE, PROT_READ), 0);
}

static const struct run_off run_offs[] = {
	{ "read-end", make_nothing, HMM_REGION_READ, -ENXIO },
	{ "write-end", make_nothing, HMM_REGION_WRITE, -ENXIO },
	{ "read-hole", make_hole, HMM_REGION_READ, -EFAULT },
	{ "write-hole", make_hole, HMM_REGION_WRITE, -EFAULT },
	{ "write-read-only", make_read_only, HMM_REGION_WRITE, -EPERM },
	{ "write-protected", make_protected, HMM_REGION_WRITE, -EPERM },
};

/* All bytes before that point are done and reported, and no byte behind it. */
static void calls_runs_off(const void *variant)
{
	const struct run_off *off = variant;
	struct area area = area_new(&kind_anon, 8);
	struct area half = { .at = area.at, .pages = 4 };
	struct guest g = guest_new(&half, 0, 0, REGION_RW);
	char *buffer = malloc(8 * PAGE);
	struct hmm_region_access access = {
		.guest_pfn = GUEST + 1, .offset = 100, .length = 5 * PAGE,
		.access = off->access, .data = (uintptr_t)buffer,
	};

	CHECK(buffer);
	area_fill(&area);
	off->make(&g);
	memset(buffer, 0xee, 8 * PAGE);
	CHECK_EQ(region_access(g.fd, &access), off->error);
	CHECK_EQ(access.done, 3 * PAGE - 100);
	CHECK_REL(access.intercepts, >=, 1);
	CHECK(!memcmp(buffer, area.at + PAGE + 100, 3 * PAGE - 100));
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 1), 0);
	CHECK_EQ(content_wrong(area.at + 5 * PAGE, SERIES, 5, 3), 0);
	for (size_t i = access.done; i < 8 * PAGE; i++)
		CHECK_EQ((uint8_t)buffer[i], 0xee);
}

/* Byte by byte over pages of two regions whose memory lies apart. */
static void calls_crosses(const void *variant)
{
	const struct kind *kind = variant;
	struct area first = area_new(kind, 4), second = area_new(&kind_shmem, 4);
	struct guest g = guest_new(&first, 2, 3, REGION_RW);
	struct hmm_region_access access = {
		.guest_pfn = GUEST + 1, .offset = PAGE - 3,
		.length = 4 * PAGE + 10, .access = HMM_REGION_READ,
	};
	char *buffer = malloc(8 * PAGE), *expected = malloc(8 * PAGE);

	CHECK(buffer && expected);
	area_fill(&first);
	area_fill(&second);
	CHECK_EQ(region_set(g.fd, GUEST + 4, 4, second.at, REGION_RW), 0);
	memcpy(expected, first.at, 4 * PAGE);
	memcpy(expected + 4 * PAGE, second.at, 4 * PAGE);

	access.data = (uintptr_t)buffer;
	CHECK_EQ(region_access(g.fd, &access), 0);
	CHECK_EQ(access.done, access.length);
	CHECK_EQ(access.intercepts, 4);
	CHECK(!memcmp(buffer, expected + 2 * PAGE - 3, access.length));
	CHECK_EQ(region_query(g.fd).accesses, 6);

	memset(buffer, 0xa5, access.length);
	memset(expected + 2 * PAGE - 3, 0xa5, access.length);
	access.access = HMM_REGION_WRITE;
	CHECK_EQ(region_access(g.fd, &access), 0);
	CHECK_EQ(access.done, access.length);
	CHECK(!memcmp(first.at, expected, 4 * PAGE));
	CHECK(!memcmp(second.at, expected + 4 * PAGE, 4 * PAGE));
}

static void calls_longest_access(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES_IN_HUGE + 8);
	struct guest g = guest_new(&area, 16, 0, REGION_RW);
	char *buffer = malloc(MOST);

	CHECK(buffer);
	area_fill(&area);
	CHECK_EQ(guest_access(g.fd, HMM_REGION_READ, GUEST + 3, buffer, MOST), 0);
	CHECK_EQ(content_wrong(buffer, SERIES, 3, PAGES_IN_HUGE), 0);
}

/* A bad pointer ends an access at the first inaccessible byte. */
static void calls_bad_data(const void *variant)
{
	uint32_t access = (uintptr_t)variant;
	struct area area = area_new(&kind_anon, 4);
	struct area buffer = area_new(&kind_anon, 4);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);
	struct hmm_region_access a = {
		.guest_pfn = GUEST, .length = 3 * PAGE, .access = access,
		.data = (uintptr_t)buffer.at + PAGE,
	};

	area_fill(&area);
	area_fill(&buffer);
	CHECK_EQ(munmap(buffer.at + 2 * PAGE, PAGE), 0);
	CHECK_EQ(region_access(g.fd, &a), -EFAULT);
	CHECK_EQ(a.done, PAGE);
	CHECK_EQ(content_wrong(area.at + PAGE, SERIES, 1, 3), 0);
	CHECK(!memcmp(area.at, buffer.at + PAGE, PAGE));
	CHECK_EQ(content_wrong(buffer.at, SERIES, 0, 1), 0);
	CHECK_EQ(content_wrong(buffer.at + 3 * PAGE, SERIES, 3, 1), 0);

	a.data = 0xffff888000000000;
	a.done = 0;
	CHECK_EQ(region_access(g.fd, &a), -EFAULT);
	CHECK_EQ(a.done, 0);
	CHECK_EQ(content_wrong(area.at + PAGE, SERIES, 1, 3), 0);
}

/* The data goes to, and comes from, missing memory of the region itself. */
static void calls_data_in_region(const void *unused)
{
	struct area area = area_new(&kind_anon, 8);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);

	content_fill(area.at, SERIES, 0, 2);
	CHECK_EQ(guest_access(g.fd, HMM_REGION_READ, GUEST,
			      area.at + 4 * PAGE + 8, 2 * PAGE), 0);
	CHECK(!memcmp(area.at, area.at + 4 * PAGE + 8, 2 * PAGE));
	CHECK_EQ(madvise(area.at, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(guest_access(g.fd, HMM_REGION_WRITE, GUEST,
			      area.at + 4 * PAGE + 8, 2 * PAGE), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 2), 0);
}

static const unsigned long partition_calls[] = {
	HMM_REGION_SET, HMM_REGION_UNSET, HMM_REGION_ACCESS, HMM_REGION_QUERY,
	HMM_REGION_DIRTY_LOG, HMM_REGION_FAIL,
};

/* Calls that belong to the other file, and calls that do not exist. */
static void calls_not_of_this_file(const void *unused)
{
	struct hmm_region_partition partition = {};
	int device = region_device_open(), fd = region_partition(0, 0);
	char argument[256] = {};

	for (size_t i = 0; i < ARRAY_SIZE(partition_calls); i++)
		CHECK_EQ(region_call(device, partition_calls[i], argument), -ENOTTY);
	CHECK_EQ(region_call(fd, HMM_REGION_CREATE_PARTITION, &partition), -ENOTTY);
	CHECK_EQ(region_call(fd, _IO('H', 0xa1), argument), -ENOTTY);
	CHECK_EQ(region_call(fd, _IOW('H', 0xa1, int), argument), -ENOTTY);
	CHECK_EQ(region_call(fd, _IOW('H', 0xaf, int), argument), -ENOTTY);
	CHECK_EQ(region_call(device, _IOW('H', 0xa0, int), argument), -ENOTTY);
}

static void calls_bad_pointers(const void *unused)
{
	struct area area = area_new(&kind_anon, 2);
	char *split = area.at + 2 * PAGE - 8;
	int device = region_device_open(), fd = region_partition(0, 0);

	area_fill(&area);
	CHECK_EQ(region_call(device, HMM_REGION_CREATE_PARTITION, split), -EFAULT);
	for (size_t i = 0; i < ARRAY_SIZE(partition_calls); i++) {
		CHECK_EQ(region_call(fd, partition_calls[i], split), -EFAULT);
		CHECK_EQ(region_call(fd, partition_calls[i], NULL), -EFAULT);
	}
}

static void calls_fail_refused(const void *unused)
{
	struct hmm_region_fail fail = { .what = HMM_REGION_FAIL_MAP };
	int fd = region_partition(0, 0);

	CHECK_EQ(region_call(fd, HMM_REGION_FAIL, &fail), 0);
	fail.reserved = 1;
	CHECK_EQ(region_call(fd, HMM_REGION_FAIL, &fail), -EINVAL);
	CHECK_EQ(region_fail(fd, 0, 0, 1), -EINVAL);
	CHECK_EQ(region_fail(fd, HMM_REGION_FAIL_MAP + 1, 0, 1), -EINVAL);
}

static void calls_dirty_refused(const void *unused)
{
	struct hmm_region_dirty log = { GUEST, 64 };
	int fd = region_partition(0, 0);
	uint64_t bitmap[2];

	log.bitmap = (uintptr_t)bitmap;
	log.reserved = 1;
	CHECK_EQ(region_call(fd, HMM_REGION_DIRTY_LOG, &log), -EINVAL);
	CHECK_EQ(region_dirty(fd, GUEST, 0, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, GUEST, 63, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, GUEST, 65, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, GUEST + 1, 64, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, GUEST + 32, 64, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, LAST, 64, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, LAST - 64, 128, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, GUEST, -GUEST, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, -64, 128, bitmap, NULL), -EINVAL);
	CHECK_EQ(region_dirty(fd, LAST - 64, 64, bitmap, NULL), 0);
}

/* Make all calls on a partition of another process; returns 0 if all were refused. */
static int calls_refused(int fd)
{
	uint64_t argument[32] = { GUEST, PAGES };

	for (size_t i = 0; i < ARRAY_SIZE(partition_calls); i++)
		if (region_call(fd, partition_calls[i], argument) != -EACCES)
			return 1 + i;
	return 0;
}

static void calls_child_has_no_access(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);
	pid_t pid;

	area_fill(&area);
	pid = child_fork();
	if (!pid)
		_exit(calls_refused(g.fd));
	child_passes(pid);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
}

/* A child has guests of its own, also by the device file that the parent opened. */
static void calls_child_has_its_own(const void *unused)
{
	struct hmm_region_partition partition = {};
	struct area area = area_new(&kind_anon, PAGES);
	struct guest g = guest_new(&area, 0, 0, REGION_RW);
	int device = region_device_open();
	pid_t pid;

	area_fill(&area);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	pid = child_fork();
	if (!pid) {
		g.fd = region_call(device, HMM_REGION_CREATE_PARTITION, &partition);
		CHECK_REL(g.fd, >=, 0);
		CHECK_EQ(region_set(g.fd, GUEST, PAGES, area.at, REGION_RW), 0);
		guest_fill(&g, OTHER_SERIES, 0, PAGES);
		_exit(content_wrong(area.at, OTHER_SERIES, 0, PAGES));
	}
	child_passes(pid);
	CHECK_EQ(guest_wrong(&g, SERIES, 0, PAGES), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
}

void suite_region_calls(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_partitions); i++)
		add_case(calls_partition_refused, &bad_partitions[i],
			 "region/partition-refused/%s", bad_partitions[i].name);
	add_case(calls_partitions, NULL, "region/partitions");
	for (size_t i = 0; i < ARRAY_SIZE(bad_sets); i++)
		add_case(calls_set_refused, &bad_sets[i], "region/set-refused/%s",
			 bad_sets[i].name);
	add_case(calls_overlapping, NULL, "region/overlapping");
	add_case(calls_unset, NULL, "region/unset");
	add_case(calls_most_regions, NULL, "region/most-regions");
	add_case(calls_guest_limits, NULL, "region/guest-limits");
	add_case(calls_io_memory, (void *)0, "region/io-memory/first");
	add_case(calls_io_memory, (void *)5, "region/io-memory/inside");
	add_case(calls_io_memory, (void *)7, "region/io-memory/last");
	for (size_t i = 0; i < ARRAY_SIZE(bad_accesses); i++)
		add_case(calls_access_refused, &bad_accesses[i],
			 "region/access-refused/%s", bad_accesses[i].name);
	add_case(calls_nowhere, NULL, "region/nowhere");
	add_case(calls_executes, NULL, "region/executes");
	for (size_t i = 0; i < ARRAY_SIZE(run_offs); i++)
		add_case(calls_runs_off, &run_offs[i], "region/runs-off/%s",
			 run_offs[i].name);
	add_case(calls_crosses, &kind_anon, "region/crosses/anon");
	add_case(calls_crosses, &kind_shmem, "region/crosses/shmem");
	add_case(calls_longest_access, NULL, "region/longest-access");
	add_case(calls_bad_data, (void *)HMM_REGION_READ, "region/bad-data/read");
	add_case(calls_bad_data, (void *)HMM_REGION_WRITE, "region/bad-data/write");
	add_case(calls_data_in_region, NULL, "region/data-in-region");
	add_case(calls_not_of_this_file, NULL, "region/not-of-this-file");
	add_case(calls_bad_pointers, NULL, "region/bad-pointers");
	add_case(calls_fail_refused, NULL, "region/fail-refused");
	add_case(calls_dirty_refused, NULL, "region/dirty-refused");
	add_case(calls_child_has_no_access, NULL, "region/child-has-no-access");
	add_case(calls_child_has_its_own, NULL, "region/child-has-its-own");
}
