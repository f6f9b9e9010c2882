// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the kinds of memory, and compares what the device read with the process's
 * pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "harness.h"
#include "knob.h"
#include "module.h"
#include "stats.h"

#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define RAMFS		"/tmp/ramfs"
#define ZRAM_SYSFS	"/sys/block/zram0/"

#define ROM		0xf0000

static int shmem_file(size_t length)
{
	int fd = memfd_create("area", MFD_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	CHECK_EQ(ftruncate(fd, length), 0);
	return fd;
}

static int hugetlb_file(size_t length)
{
	int fd = memfd_create("area", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);

	if (fd < 0)
		skip("this kernel has no hugetlb pages of 2 MiB");
	CHECK_EQ(ftruncate(fd, length), 0);
	return fd;
}

/* Only this case sees the mount, which ends with the case. */
static int ramfs_file(size_t length)
{
	int fd;

	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK(!mkdir(RAMFS, 0700) || errno == EEXIST);
	CHECK_EQ(mount("none", RAMFS, "ramfs", 0, NULL), 0);
	fd = open(RAMFS "/area", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_REL(fd, >=, 0);
	CHECK_EQ(ftruncate(fd, length), 0);
	return fd;
}

void zram_new(size_t length)
{
	if (system("load zram"))
		skip("this guest has no zram module");
	CHECK(!swapoff(ZRAM) || errno == EINVAL);
	knob_write_number(ZRAM_SYSFS "reset", 1);
	knob_write_number(ZRAM_SYSFS "disksize", length);
}

void swap_new(size_t length)
{
	zram_new(length);
	CHECK_EQ(system("mkswap " ZRAM " >/dev/null"), 0);
	CHECK_EQ(swapon(ZRAM, 0), 0);
}

static int disk_file(size_t length)
{
	int fd;

	zram_new(length);
	fd = open(ZRAM, O_RDWR | O_CLOEXEC);
	CHECK_REL(fd, >=, 0);
	return fd;
}

const struct kind kind_anon = {
	.name = "anon", .page_size = PAGE, .advice = MADV_NOHUGEPAGE,
	.map_flags = MAP_PRIVATE | MAP_ANONYMOUS,
};

const struct kind kind_thp = {
	.name = "thp", .page_size = HUGE, .advice = MADV_HUGEPAGE,
	.map_flags = MAP_PRIVATE | MAP_ANONYMOUS,
};

const struct kind kind_shmem = {
	.name = "shmem", .page_size = PAGE, .file = shmem_file,
	.map_flags = MAP_SHARED,
};

const struct kind kind_shmem_private = {
	.name = "shmem-private", .page_size = PAGE, .file = shmem_file,
	.map_flags = MAP_PRIVATE, .reads_ahead = true,
};

const struct kind kind_hugetlb = {
	.name = "hugetlb", .page_size = HUGE, .file = hugetlb_file,
	.map_flags = MAP_SHARED,
};

const struct kind kind_hugetlb_private = {
	.name = "hugetlb-private", .page_size = HUGE,
	.map_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB,
};

const struct kind kind_file = {
	.name = "file", .page_size = PAGE, .file = ramfs_file,
	.map_flags = MAP_SHARED, .reads_ahead = true,
};

const struct kind kind_file_private = {
	.name = "file-private", .page_size = PAGE, .file = ramfs_file,
	.map_flags = MAP_PRIVATE, .reads_ahead = true,
};

const struct kind kind_disk = {
	.name = "disk", .page_size = PAGE, .file = disk_file,
	.map_flags = MAP_SHARED, .reads_ahead = true,
};

static bool is_hugetlb(const struct kind *kind)
{
	return kind->file == hugetlb_file || kind->map_flags & MAP_HUGETLB;
}

/* Free pages of an earlier case, which may still be exiting, are used as well. */
static void hugetlb_need(size_t pages)
{
	size_t all = knob_read_number(NR_HUGEPAGES);
	size_t free = stats_sum("/proc/meminfo", "HugePages_Free:") -
		      stats_sum("/proc/meminfo", "HugePages_Rsvd:");

	if (free >= pages)
		return;
	all += pages - free;
	knob_write_number(NR_HUGEPAGES, all);
	if (knob_read_number(NR_HUGEPAGES) < all)
		skip("no memory for %zu hugetlb pages", pages);
}

char *area_reserve(size_t length)
{
	char *at = mmap(NULL, length + 2 * HUGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(at != MAP_FAILED);
	return (char *)(((uintptr_t)at + HUGE) & ~(HUGE - 1));
}

struct area area_at(char *at, const struct kind *kind, size_t pages)
{
	struct area area = { .kind = kind, .at = at, .pages = pages, .fd = -1 };
	size_t length = pages * PAGE;

	if (is_hugetlb(kind))
		hugetlb_need(pages / PAGES_IN_HUGE);
	if (kind->file)
		area.fd = kind->file(length);
	CHECK(mmap(at, length, PROT_READ | PROT_WRITE,
		   kind->map_flags | MAP_FIXED, area.fd, 0) == at);
	if (kind->advice && madvise(at, length, kind->advice))
		skip("this kernel has no transparent huge pages");
	return area;
}

struct area area_new(const struct kind *kind, size_t pages)
{
	return area_at(area_reserve(pages * PAGE), kind, pages);
}

void area_fill(const struct area *area)
{
	content_fill(area->at, SERIES, 0, area->pages);
}

void area_fill_file(const struct area *area)
{
	size_t length = area->pages * PAGE;
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			area->fd, 0);

	CHECK(at != MAP_FAILED);
	content_fill(at, SERIES, 0, area->pages);
	CHECK_EQ(munmap(at, length), 0);
}

void area_map_rom(char *page)
{
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || mmap(page, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
			   ROM) == MAP_FAILED)
		skip("/dev/mem cannot be mapped: %s", strerror(errno));
}

void pagemap_read(const void *at, size_t pages, uint64_t *entries)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t length = pages * sizeof(*entries);

	CHECK_REL(fd, >=, 0);
	CHECK_EQ(pread(fd, entries, length,
		       (uintptr_t)at / PAGE * sizeof(*entries)), length);
	close(fd);
}

static size_t area_swapped(const struct area *area)
{
	uint64_t *mapped = calloc(area->pages, sizeof(*mapped));
	size_t n = 0;

	CHECK(mapped);
	pagemap_read(area->at, area->pages, mapped);
	for (size_t i = 0; i < area->pages; i++)
		n += (mapped[i] & PAGEMAP_SWAPPED) != 0;
	free(mapped);
	return n;
}

void area_swap_out(const struct area *area)
{
	for (int tries = 0; area_swapped(area) < area->pages; tries++) {
		CHECK_REL(tries, <, 1000);
		CHECK_EQ(madvise(area->at, area->pages * PAGE, MADV_PAGEOUT), 0);
		sched_yield();
	}
}

pid_t child_fork(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK_REL(pid, >=, 0);
	return pid;
}

void child_passes(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

void fork_sharer(void)
{
	if (child_fork())
		return;
	for (;;)
		pause();
}

int uffd_need(uint64_t features, const char *what)
{
	int uffd = uffd_open(features, 0);

	if (uffd == -EINVAL)
		skip("this kernel's userfaultfd has no %s", what);
	CHECK_REL(uffd, >=, 0);
	return uffd;
}

const struct how hows[NR_HOWS] = {
	{ "unlocked-read", HMMU_PROBE_UNLOCKED, READ_REQUEST },
	{ "unlocked-write", HMMU_PROBE_UNLOCKED, WRITE_REQUEST },
	{ "unlockable-read", HMMU_PROBE_UNLOCKABLE, READ_REQUEST },
	{ "unlockable-write", HMMU_PROBE_UNLOCKABLE, WRITE_REQUEST },
	{ "mainline-read", HMMU_PROBE_MAINLINE, READ_REQUEST },
	{ "mainline-write", HMMU_PROBE_MAINLINE, WRITE_REQUEST },
};

bool how_exists(const struct how *how)
{
	static enum { UNKNOWN, ABSENT, PRESENT } mainline;

	if (how->call != HMMU_PROBE_MAINLINE)
		return true;
	if (mainline == UNKNOWN)
		mainline = kernel_has_function("hmm_range_fault_unlocked_timeout") ?
			   PRESENT : ABSENT;
	return mainline == PRESENT;
}

const struct variant *variant_new(const struct how *how, const void *of)
{
	struct variant *v = malloc(sizeof(*v));

	CHECK(v);
	*v = (struct variant) { .how = how, .of = of };
	return v;
}

/* Add a case for each of the first @n ways that exists and asks one of the two requests. */
static void add_ways(size_t n, variant_fn *fn, const void *of, const uint64_t requests[2],
		     const char *fmt, va_list args)
{
	char name[80];

	vsnprintf(name, sizeof(name), fmt, args);
	for (size_t i = 0; i < n; i++)
		if (how_exists(&hows[i]) && (hows[i].request == requests[0] ||
					     hows[i].request == requests[1]))
			add_case(fn, variant_new(&hows[i], of), "%s/%s", name,
				 hows[i].name);
}

static const uint64_t both_requests[2] = { READ_REQUEST, WRITE_REQUEST };

void add_each_how(variant_fn *fn, const void *of, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_ways(NR_HOWS, fn, of, both_requests, fmt, args);
	va_end(args);
}

void add_our_hows(variant_fn *fn, const void *of, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_ways(NR_OUR_HOWS, fn, of, both_requests, fmt, args);
	va_end(args);
}

void add_each_call(variant_fn *fn, const void *of, uint64_t request,
		   const char *fmt, ...)
{
	const uint64_t requests[2] = { request, request };
	va_list args;

	va_start(args, fmt);
	add_ways(NR_HOWS, fn, of, requests, fmt, args);
	va_end(args);
}

void add_our_calls(variant_fn *fn, const void *of, uint64_t request,
		   const char *fmt, ...)
{
	const uint64_t requests[2] = { request, request };
	va_list args;

	va_start(args, fmt);
	add_ways(NR_OUR_HOWS, fn, of, requests, fmt, args);
	va_end(args);
}

void mirror_init(struct mirror *m, const void *start, size_t pages,
		 const struct how *how)
{
	*m = (struct mirror) {
		.run = probe_range(how->call, start, pages, how->request),
		.pages = pages,
		.probe = probe_open(),
		.entries = calloc(pages, sizeof(*m->entries)),
		.requests = calloc(pages, sizeof(*m->requests)),
		.after = calloc(pages, sizeof(*m->after)),
		.contents = calloc(pages, PAGE),
	};
	CHECK(m->entries && m->requests && m->after && m->contents);
	m->run.flags = HMMU_PROBE_LOOP | HMMU_PROBE_EXACT;
	m->run.entries = (uintptr_t)m->entries;
	m->run.after = (uintptr_t)m->after;
	m->run.contents = (uintptr_t)m->contents;
}

void mirror_ask(struct mirror *m)
{
	m->run.default_flags = 0;
	m->run.pfn_flags_mask = WRITE_REQUEST;
	m->run.requests = (uintptr_t)m->requests;
}

int mirror_fault(struct mirror *m)
{
	return probe_run(m->probe, &m->run);
}

static void *mirror_thread(void *arg)
{
	struct mirror *m = arg;

	m->tid = gettid();
	mirror_fault(m);
	eventfd_write(m->ended, 1);
	return NULL;
}

void mirror_begin(struct mirror *m)
{
	m->ended = eventfd(0, EFD_CLOEXEC);
	CHECK_REL(m->ended, >=, 0);
	CHECK_EQ(pthread_create(&m->thread, NULL, mirror_thread, m), 0);
}

bool mirror_waits(struct mirror *m, int uffd, struct uffd_msg *msg)
{
	struct pollfd fds[2] = {
		{ .fd = uffd, .events = POLLIN },
		{ .fd = m->ended, .events = POLLIN },
	};

	for (;;) {
		CHECK_REL(poll(fds, 2, -1), >, 0);
		if (fds[1].revents)
			return false;
		if (uffd_next(uffd, msg, 0))
			return true;
	}
}

int mirror_end(struct mirror *m)
{
	CHECK_EQ(pthread_join(m->thread, NULL), 0);
	close(m->ended);
	return m->run.error;
}

size_t mirror_page(const struct mirror *m, const struct uffd_msg *msg)
{
	CHECK_EQ(msg->event, UFFD_EVENT_PAGEFAULT);
	CHECK_REL(msg->arg.pagefault.address, >=, m->run.start);
	CHECK_REL(msg->arg.pagefault.address, <, m->run.end);
	return (msg->arg.pagefault.address - m->run.start) / PAGE;
}

size_t mirror_with(const struct mirror *m, uint64_t flags)
{
	size_t n = 0;

	for (size_t i = 0; i < m->pages; i++)
		n += (m->entries[i] & flags) != 0;
	return n;
}

size_t mirror_with_order(const struct mirror *m, unsigned int order)
{
	size_t n = 0;

	for (size_t i = 0; i < m->pages; i++)
		n += HMMU_PROBE_ORDER(m->entries[i]) == order;
	return n;
}

size_t mirror_untrue(const struct mirror *m)
{
	uint64_t *mapped = calloc(m->pages, sizeof(*mapped));
	size_t n = 0;

	CHECK(mapped);
	pagemap_read((void *)(uintptr_t)m->run.start, m->pages, mapped);
	for (size_t i = 0; i < m->pages; i++)
		n += !(m->entries[i] & HMMU_PROBE_VALID) ||
		     !(mapped[i] & PAGEMAP_PRESENT) ||
		     HMMU_PROBE_PFN(m->entries[i]) != PAGEMAP_PFN(mapped[i]);
	free(mapped);
	return n;
}
