// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of the kernel's HMM test device, on hmm_dmirror, the device of the mirror
 * kit: the device reads and writes every kind of memory as the kernel's own test suite
 * expects.
 *
 * Each call is also tried with ranges, pointers and processes that it must refuse.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "cpus.h"
#include "dmirror.h"
#include "harness.h"
#include "suites.h"

#define PAGES		256
#define OTHER_SERIES	(SERIES + 1)

static size_t pages_of(const struct kind *kind)
{
	return kind->page_size == HUGE ? 2 * PAGES_IN_HUGE : PAGES;
}

static char *buffer_new(size_t pages)
{
	char *at = calloc(pages, PAGE);

	CHECK(at);
	return at;
}

/* A call over the whole area, which must succeed after @faults faults of the device. */
static void call_whole_area(int fd, unsigned long number, const struct area *area,
			    void *buffer, size_t faults)
{
	struct hmm_dmirror_cmd cmd;

	CHECK_EQ(dmirror_call(fd, number, area->at, area->pages, buffer, &cmd),
		 0);
	CHECK_EQ(cmd.cpages, area->pages);
	CHECK_EQ(cmd.faults, faults);
}

static void area_mapped_alike(int fd, const struct area *area)
{
	size_t wrong;

	CHECK_EQ(dmirror_mapped(fd, area->at, area->pages, &wrong), area->pages);
	CHECK_EQ(wrong, 0);
}

static void dmirror_read(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, pages_of(kind));
	char *buffer = buffer_new(area.pages);
	int fd = dmirror_open(0);

	area_fill(&area);
	call_whole_area(fd, HMM_DMIRROR_READ, &area, buffer, 1);
	CHECK_EQ(content_wrong(buffer, SERIES, 0, area.pages), 0);
	area_mapped_alike(fd, &area);
	call_whole_area(fd, HMM_DMIRROR_READ_UNLOCKED, &area, buffer, 0);
}

static void dmirror_read_absent(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, pages_of(kind));
	char *buffer = buffer_new(area.pages);
	int fd = dmirror_open(1);

	content_fill(buffer, SERIES, 0, area.pages);
	call_whole_area(fd, HMM_DMIRROR_READ, &area, buffer, 1);
	CHECK_EQ(content_not_zero(buffer, area.pages), 0);
	area_mapped_alike(fd, &area);
}

static void dmirror_write(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, pages_of(kind));
	char *buffer = buffer_new(area.pages);
	int fd = dmirror_open(2);

	content_fill(buffer, OTHER_SERIES, 0, area.pages);
	call_whole_area(fd, HMM_DMIRROR_WRITE, &area, buffer, 1);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
	area_mapped_alike(fd, &area);
}

/* Every page has its own COW fault, which invalidates. */
static void dmirror_write_shared(const void *variant)
{
	const struct kind *kind = variant;
	struct area area = area_new(kind, pages_of(kind));
	char *buffer = buffer_new(area.pages);
	struct hmm_dmirror_cmd cmd;
	int fd = dmirror_open(3);

	area_fill(&area);
	fork_sharer();
	content_fill(buffer, OTHER_SERIES, 0, area.pages);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, area.at, area.pages,
			      buffer, &cmd), 0);
	CHECK_EQ(cmd.cpages, area.pages);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
	area_mapped_alike(fd, &area);
}

/*
 * A page that is swapped in for reading is clean, and yet the device may write to it
 * (from 6.2 on). Unless the device marks it dirty, the kernel takes the copy in the
 * swap for current.
 */
static void dmirror_write_is_kept(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = buffer_new(PAGES);
	int fd = dmirror_open(0);

	cpus_pin();
	swap_new(2 * PAGES * PAGE);
	area_fill(&area);
	area_swap_out(&area);
	CHECK_EQ(dmirror_populate(fd, area.at, PAGES, 0), 0);
	content_fill(buffer, OTHER_SERIES, 0, PAGES);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, area.at, PAGES, buffer,
			      NULL), 0);
	area_swap_out(&area);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
	CHECK_EQ(swapoff(ZRAM), 0);
}

/*
 * The last page of all addresses, which like all of the kernel's has no memory of the
 * process.
 */
static void dmirror_last_page(const void *unused)
{
	void *at = (void *)(uintptr_t)(UINT64_MAX & ~(2 * PAGE - 1));
	int fd = dmirror_open(0);
	uint8_t seen = 0;

	CHECK_EQ(dmirror_populate(fd, at, 1, 0), -EFAULT);
	CHECK_EQ(dmirror_populate(fd, at, 1, HMM_DMIRROR_POPULATE_BEST), 0);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, at, 1, &seen, NULL), 0);
	CHECK_EQ(seen, HMM_DMIRROR_PROT_ERROR);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_COMPARE, at, 1, NULL, NULL), 0);
}

/* What a child has of the parent's private memory does not change. */
static void dmirror_private_after_fork(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = buffer_new(PAGES);
	int fd = dmirror_open(0), go[2];
	char token;
	pid_t pid;

	area_fill(&area);
	CHECK_EQ(pipe(go), 0);
	pid = child_fork();
	if (!pid) {
		CHECK_EQ(read(go[0], &token, 1), 1);
		_exit(content_wrong(area.at, SERIES, 0, PAGES) != 0);
	}
	content_fill(buffer, OTHER_SERIES, 0, PAGES);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, area.at, PAGES, buffer,
			      NULL), 0);
	CHECK_EQ(write(go[1], "", 1), 1);
	child_passes(pid);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
}

static void dmirror_shared_after_fork(const void *unused)
{
	struct area area = area_new(&kind_shmem, PAGES);
	char *buffer = buffer_new(PAGES);
	pid_t pid;

	area_fill(&area);
	content_fill(buffer, OTHER_SERIES, 0, PAGES);
	pid = child_fork();
	if (!pid)
		_exit(-dmirror_call(dmirror_open(0), HMM_DMIRROR_WRITE, area.at,
				    PAGES, buffer, NULL));
	child_passes(pid);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
}

static void dmirror_no_access(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = buffer_new(PAGES);
	int fd = dmirror_open(0);

	area_fill(&area);
	CHECK_EQ(mprotect(area.at, PAGES * PAGE, PROT_NONE), 0);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_READ, area.at, PAGES, buffer, NULL),
		 -EFAULT);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, area.at, PAGES, buffer,
			      NULL), -EFAULT);
}

static void dmirror_read_only(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = buffer_new(PAGES);
	int fd = dmirror_open(0);

	area_fill(&area);
	CHECK_EQ(mprotect(area.at, PAGES * PAGE, PROT_READ), 0);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, area.at, PAGES, buffer,
			      NULL), -EPERM);
	call_whole_area(fd, HMM_DMIRROR_READ, &area, buffer, 1);
	CHECK_EQ(content_wrong(buffer, SERIES, 0, PAGES), 0);

	CHECK_EQ(mprotect(area.at, PAGES * PAGE, PROT_READ | PROT_WRITE), 0);
	content_fill(buffer, OTHER_SERIES, 0, PAGES);
	call_whole_area(fd, HMM_DMIRROR_WRITE, &area, buffer, 1);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
}

static const unsigned long served_calls[] = {
	HMM_DMIRROR_READ, HMM_DMIRROR_READ_UNLOCKED, HMM_DMIRROR_WRITE,
};

/* Missing pages behind userfaultfd, which the kernel's own device refuses. */
static void dmirror_served(const void *variant)
{
	const unsigned long *number = variant;
	struct area area = area_new(&kind_anon, 4 * PAGES);
	char *buffer = buffer_new(area.pages);
	uint64_t series = SERIES;
	struct server server = {
		.uffd = uffd_need(0, "missing faults"), .base = area.at,
		.pages = area.pages, .fill = server_fill_series, .arg = &series,
	};
	int fd = dmirror_open(0);

	CHECK_EQ(uffd_register(server.uffd, area.at, area.pages * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&server);
	content_fill(buffer, OTHER_SERIES, 0, area.pages);
	call_whole_area(fd, *number, &area, buffer, 1);
	server_stop(&server);
	CHECK_EQ(server.served, area.pages);
	if (*number == HMM_DMIRROR_WRITE)
		CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, area.pages), 0);
	else
		CHECK_EQ(content_wrong(buffer, SERIES, 0, area.pages), 0);
}

/* Several VMAs of different kinds in one call. */
static void dmirror_across_mappings(const void *unused)
{
	char *at = area_reserve(3 * PAGES * PAGE);
	const struct area parts[] = {
		area_at(at, &kind_anon, PAGES),
		area_at(at + PAGES * PAGE, &kind_shmem, PAGES),
		area_at(at + 2 * PAGES * PAGE, &kind_file_private, PAGES),
	};
	const struct area all = { .at = at, .pages = 3 * PAGES };
	char *buffer = buffer_new(all.pages);
	int fd = dmirror_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		area_fill(&parts[i]);
	call_whole_area(fd, HMM_DMIRROR_READ, &all, buffer, 1);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		CHECK_EQ(content_wrong(buffer + i * PAGES * PAGE, SERIES, 0,
				       PAGES), 0);
}

/* Two devices of one process on the same pages. */
static void dmirror_two_devices(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = buffer_new(PAGES);
	int writer = dmirror_open(0), reader = dmirror_open(1);

	content_fill(buffer, OTHER_SERIES, 0, PAGES);
	call_whole_area(writer, HMM_DMIRROR_WRITE, &area, buffer, 1);
	memset(buffer, 0, PAGES * PAGE);
	call_whole_area(reader, HMM_DMIRROR_READ, &area, buffer, 1);
	CHECK_EQ(content_wrong(buffer, OTHER_SERIES, 0, PAGES), 0);
	area_mapped_alike(writer, &area);
	area_mapped_alike(reader, &area);
}

/* What the CPU no longer maps, the device no longer maps. */
static void dmirror_loses(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int fd = dmirror_open(0);
	size_t wrong;

	area_fill(&area);
	CHECK_EQ(dmirror_populate(fd, area.at, PAGES,
				  HMM_DMIRROR_POPULATE_WRITE), 0);
	area_mapped_alike(fd, &area);
	CHECK_EQ(munmap(area.at, PAGES / 4 * PAGE), 0);
	CHECK_EQ(madvise(area.at + PAGES / 4 * PAGE, PAGES / 4 * PAGE,
			 MADV_DONTNEED), 0);
	CHECK_EQ(mprotect(area.at + PAGES / 2 * PAGE, PAGES / 4 * PAGE,
			  PROT_READ), 0);
	CHECK_EQ(dmirror_mapped(fd, area.at, PAGES, &wrong), PAGES / 4);
	CHECK_EQ(wrong, 0);
}

static void snapshot_one(int fd, const void *at, size_t pages, uint8_t expected)
{
	uint8_t bytes[PAGES_IN_HUGE];
	struct hmm_dmirror_cmd cmd;
	uint64_t faults = counter_total(HMM_UNLOCKED_FAULTS);

	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, at, pages, bytes, &cmd),
		 0);
	CHECK_EQ(cmd.cpages, pages);
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(bytes[i], expected);
	CHECK_EQ(counter_total(HMM_UNLOCKED_FAULTS), faults);
}

static void dmirror_snapshot(const void *unused)
{
	struct area small = area_new(&kind_anon, 8);
	struct area huge = area_new(&kind_thp, PAGES_IN_HUGE);
	volatile char *at = small.at;
	int fd = dmirror_open(0);

	CHECK_EQ(mprotect(small.at, PAGE, PROT_NONE), 0);
	(void)at[2 * PAGE];
	at[3 * PAGE] = 1;
	at[4 * PAGE] = 1;
	CHECK_EQ(mprotect(small.at + 4 * PAGE, PAGE, PROT_READ), 0);
	area_fill(&huge);

	snapshot_one(fd, small.at, 1, HMM_DMIRROR_PROT_ERROR);
	snapshot_one(fd, small.at + PAGE, 1, HMM_DMIRROR_PROT_NONE);
	snapshot_one(fd, small.at + 2 * PAGE, 1,
		     HMM_DMIRROR_PROT_ZERO | HMM_DMIRROR_PROT_READ);
	snapshot_one(fd, small.at + 3 * PAGE, 1, HMM_DMIRROR_PROT_WRITE);
	snapshot_one(fd, small.at + 4 * PAGE, 1, HMM_DMIRROR_PROT_READ);
	snapshot_one(fd, huge.at, PAGES_IN_HUGE,
		     HMM_DMIRROR_PROT_WRITE | HMM_DMIRROR_PROT_PMD);
	CHECK_EQ(munmap(small.at + 3 * PAGE, PAGE), 0);
	snapshot_one(fd, small.at + 3 * PAGE, 1, HMM_DMIRROR_PROT_ERROR);
}

/* More pages than the driver looks at in one step, and not aligned to such steps. */
static void dmirror_snapshot_long(const void *unused)
{
	size_t pages = 3 * PAGES_IN_HUGE;
	struct area area = area_new(&kind_shmem, pages);
	uint8_t *bytes = malloc(pages);
	struct hmm_dmirror_cmd cmd;
	int fd = dmirror_open(0);

	CHECK(bytes);
	area_fill(&area);
	for (size_t i = 0; i < pages; i += 2)
		CHECK_EQ(madvise(area.at + i * PAGE, PAGE, MADV_DONTNEED), 0);
	memset(bytes, 0xee, pages);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, area.at + PAGE,
			      pages - 2, bytes, &cmd), 0);
	CHECK_EQ(cmd.cpages, pages - 2);
	for (size_t i = 0; i < pages - 2; i++)
		CHECK_EQ(bytes[i], i % 2 ? HMM_DMIRROR_PROT_NONE :
					   HMM_DMIRROR_PROT_WRITE);
	CHECK_EQ(bytes[pages - 2], 0xee);
}

/* Secret memory is readable only by its owner; the stock device would oops. */
static void dmirror_secret(const void *unused)
{
	char *buffer = buffer_new(1), *at;
	int fd = dmirror_open(0);
	int memory = syscall(SYS_memfd_secret, 0);

	if (memory < 0)
		skip("no memfd_secret in this kernel: %s", strerror(errno));
	CHECK_EQ(ftruncate(memory, PAGE), 0);
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	CHECK(at != MAP_FAILED);
	*at = 1;
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_READ, at, 1, buffer, NULL), -EFAULT);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, at, 1, buffer, NULL),
		 -EFAULT);
	CHECK_EQ(*at, 1);
}

struct bad {
	const char *name;
	uint64_t addr, npages;
};

static const struct bad bad_ranges[] = {
	{ "unaligned", 0x7f0000000001, 1 },
	{ "empty", 0x7f0000000000, 0 },
	{ "wraps", -4 * PAGE, 8 },
	{ "ends-at-wrap", -4 * PAGE, 4 },
	{ "overflows", 0x7f0000000000, 1ULL << 52 },
	{ "overflows-to-small", 0x7f0000000000, (1ULL << 52) + 1 },
	{ "overflows-most", 0x7f0000000000, UINT64_MAX },
};

static const unsigned long all_calls[] = {
	HMM_DMIRROR_READ, HMM_DMIRROR_WRITE, HMM_DMIRROR_MIGRATE_TO_DEV,
	HMM_DMIRROR_MIGRATE_TO_SYS, HMM_DMIRROR_SNAPSHOT, HMM_DMIRROR_EXCLUSIVE,
	HMM_DMIRROR_CHECK_EXCLUSIVE, HMM_DMIRROR_RELEASE, HMM_DMIRROR_FLAGS,
	HMM_DMIRROR_READ_UNLOCKED, HMM_DMIRROR_POPULATE, HMM_DMIRROR_PREFETCH,
	HMM_DMIRROR_WAIT, HMM_DMIRROR_CANCEL, HMM_DMIRROR_COMPARE,
	HMM_DMIRROR_POPULATE_DEV, HMM_DMIRROR_MOVE,
};

static void dmirror_refused(const void *variant)
{
	const struct bad *bad = variant;
	int fd = dmirror_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(all_calls); i++)
		CHECK_EQ(dmirror_call(fd, all_calls[i], (void *)bad->addr,
				      bad->npages, NULL, NULL), -EINVAL);
}

/* Each pointer that the caller gives, and calls that do not exist. */
static void dmirror_bad_pointers(const void *unused)
{
	struct area area = area_new(&kind_anon, 2);
	struct hmm_dmirror_cmd *split = (void *)(area.at + 2 * PAGE - 8);
	int fd = dmirror_open(0);

	area_fill(&area);
	for (size_t i = 0; i < ARRAY_SIZE(all_calls); i++)
		CHECK(ioctl(fd, all_calls[i], split) && errno == EFAULT);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_READ, area.at, 2, (void *)8, NULL),
		 -EFAULT);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, area.at, 2,
			      (void *)UINTPTR_MAX, NULL), -EFAULT);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, 1), 0);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, area.at, 2, (void *)8,
			      NULL), -EFAULT);
	CHECK_EQ(dmirror_populate(fd, area.at, 1, 4), -EINVAL);
	CHECK_EQ(dmirror_prefetch(fd, area.at, 1, 1ULL << 63), -EINVAL);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WAIT, area.at, 2, NULL, NULL),
		 -EINVAL);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_CANCEL, area.at, 2, NULL, NULL),
		 -EINVAL);
	CHECK(ioctl(fd, _IOWR('H', 0x0a, struct hmm_dmirror_cmd), split) &&
	      errno == ENOTTY);
	CHECK(ioctl(fd, _IOWR('H', 0x00, int), split) && errno == ENOTTY);
}

static void dmirror_without_memory(const void *unused)
{
	static const unsigned long calls[] = {
		HMM_DMIRROR_MIGRATE_TO_DEV, HMM_DMIRROR_MIGRATE_TO_SYS,
		HMM_DMIRROR_EXCLUSIVE, HMM_DMIRROR_CHECK_EXCLUSIVE,
		HMM_DMIRROR_FLAGS, HMM_DMIRROR_POPULATE_DEV, HMM_DMIRROR_MOVE,
	};
	struct area area = area_new(&kind_anon, 1);
	int fd = dmirror_open(0);

	area_fill(&area);
	if (!dmirror_call(fd, HMM_DMIRROR_CHECK_EXCLUSIVE, area.at, 1, NULL, NULL))
		skip("this kernel has private device memory");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		CHECK_EQ(dmirror_call(fd, calls[i], area.at, 1, NULL, NULL),
			 -EOPNOTSUPP);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_RELEASE, area.at, 1, NULL, NULL),
		 0);
}

/*
 * Make all calls on a file that another process has opened; returns whether one was not
 * refused.
 */
static int calls_refused(int fd, const struct area *area)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_calls); i++)
		if (dmirror_call(fd, all_calls[i], area->at, 1, area->at, NULL) !=
		    -EACCES)
			return 1;
	return 0;
}

static void dmirror_child_has_no_access(const void *unused)
{
	struct area area = area_new(&kind_anon, 1);
	int fd = dmirror_open(0);
	pid_t pid;

	area_fill(&area);
	pid = child_fork();
	if (!pid)
		_exit(calls_refused(fd, &area));
	child_passes(pid);
	CHECK_EQ(dmirror_populate(fd, area.at, 1, 0), 0);
}

static const struct kind *const kinds[] = {
	&kind_anon, &kind_thp, &kind_shmem, &kind_shmem_private, &kind_hugetlb,
	&kind_hugetlb_private, &kind_file, &kind_file_private,
};

void suite_dmirror(void)
{
	static const char *const calls[] = { "read", "read-unlocked", "write" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		add_case(dmirror_read, kinds[i], "dmirror/read/%s", kinds[i]->name);
		add_case(dmirror_read_absent, kinds[i], "dmirror/read-absent/%s",
			 kinds[i]->name);
		add_case(dmirror_write, kinds[i], "dmirror/write/%s", kinds[i]->name);
	}
	add_case(dmirror_write_shared, &kind_anon, "dmirror/write-shared/anon");
	add_case(dmirror_write_shared, &kind_thp, "dmirror/write-shared/thp");
	add_case(dmirror_write_is_kept, NULL, "dmirror/write-is-kept");
	add_case(dmirror_last_page, NULL, "dmirror/last-page");
	add_case(dmirror_private_after_fork, NULL, "dmirror/private-after-fork");
	add_case(dmirror_shared_after_fork, NULL, "dmirror/shared-after-fork");
	add_case(dmirror_no_access, NULL, "dmirror/no-access");
	add_case(dmirror_read_only, NULL, "dmirror/read-only");
	for (size_t i = 0; i < ARRAY_SIZE(served_calls); i++)
		add_case(dmirror_served, &served_calls[i], "dmirror/served/%s", calls[i]);
	add_case(dmirror_across_mappings, NULL, "dmirror/across-mappings");
	add_case(dmirror_two_devices, NULL, "dmirror/two-devices");
	add_case(dmirror_loses, NULL, "dmirror/loses");
	add_case(dmirror_snapshot, NULL, "dmirror/snapshot");
	add_case(dmirror_snapshot_long, NULL, "dmirror/snapshot-long");
	add_case(dmirror_secret, NULL, "dmirror/secret");
	for (size_t i = 0; i < ARRAY_SIZE(bad_ranges); i++)
		add_case(dmirror_refused, &bad_ranges[i], "dmirror/refused/%s",
			 bad_ranges[i].name);
	add_case(dmirror_bad_pointers, NULL, "dmirror/bad-pointers");
	add_case(dmirror_without_memory, NULL, "dmirror/without-memory");
	add_case(dmirror_child_has_no_access, NULL, "dmirror/child-has-no-access");
}
