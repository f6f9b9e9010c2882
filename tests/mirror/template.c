// SPDX-License-Identifier: GPL-2.0-only
/*
 * The template driver, which others are copied from: its device must see what the
 * process has, and nothing stale.
 *
 * The device has one call: read a word at a virtual address.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hmmu_template.h>

#include "area.h"
#include "harness.h"
#include "knob.h"
#include "suites.h"

#define PAGES		16

#define MIRRORS		"/sys/kernel/debug/hmm_unlocked/mirrors"
#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define TABLE_SLAB	"/sys/kernel/slab/radix_tree_node/failslab"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret	447
#endif

static int device_open(void)
{
	int fd = open("/dev/" HMMU_TEMPLATE_DEVICE, O_RDWR | O_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	return fd;
}

static int device_read(int device, const void *at, uint64_t *value)
{
	struct hmmu_template_read read = { .addr = (uintptr_t)at };

	int ret = ioctl(device, HMMU_TEMPLATE_READ, &read) ? -errno : 0;

	*value = read.value;
	return ret;
}

static int device_error(int device, const void *at)
{
	uint64_t unused;

	return device_read(device, at, &unused);
}

/* A line of the kit's file: the total of all mirrors. */
static uint64_t mirrors_total(const char *which)
{
	unsigned long long value;
	FILE *f = fopen(MIRRORS, "re");
	char line[128], name[64];

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %llu", name, &value) != 2 ||
		    strcmp(name, which))
			continue;
		fclose(f);
		return value;
	}
	FAIL(MIRRORS " has no line for %s", which);
}

/* The first and the last word of each page. */
static void device_sees(int device, const void *at, const void *contents,
			size_t pages)
{
	const uint64_t *words = contents;
	uint64_t value;

	for (size_t i = 0; i < pages * PAGE / sizeof(value); i++) {
		size_t in_page = i % (PAGE / sizeof(value));

		if (in_page && in_page != PAGE / sizeof(value) - 1)
			continue;
		CHECK_EQ(device_read(device, (const uint64_t *)at + i, &value), 0);
		CHECK_EQ(value, words[i]);
	}
}

static void *expected_contents(size_t pages)
{
	void *contents = malloc(pages * PAGE);

	CHECK(contents);
	content_fill(contents, SERIES, 0, pages);
	return contents;
}

static void template_present(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	uint64_t before = mirrors_total("populates");
	int device = device_open();

	area_fill(&area);
	device_sees(device, area.at, expected_contents(PAGES), PAGES);
	/* The device has mapped these pages now: it sees later writes without a fault. */
	content_fill(area.at, SERIES + 1, 0, PAGES);
	device_sees(device, area.at, area.at, PAGES);
	CHECK_EQ(mirrors_total("populates"), before + PAGES);
}

static void template_absent(const void *of)
{
	struct area area = area_new(of, PAGES);
	int device = device_open();
	void *contents = calloc(PAGES, PAGE);

	CHECK(contents);
	if (area.kind->file) {
		area_fill_file(&area);
		contents = expected_contents(PAGES);
	}
	device_sees(device, area.at, contents, PAGES);
}

static void template_userfault(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int uffd = uffd_need(0, "missing faults");
	uint64_t series = SERIES;
	struct server server = {
		.uffd = uffd, .base = area.at, .pages = PAGES,
		.fill = server_fill_series, .arg = &series,
	};

	CHECK_EQ(uffd_register(uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&server);
	device_sees(device_open(), area.at, expected_contents(PAGES), PAGES);
	server_stop(&server);
	CHECK_EQ(server.faults, PAGES);
}

struct reader {
	int device;
	const void *at;
	uint64_t value;
	int ret;
};

static void *reader_thread(void *arg)
{
	struct reader *reader = arg;

	reader->ret = device_read(reader->device, reader->at, &reader->value);
	return NULL;
}

/*
 * An invalidation of the page whose fault waits makes the device retry; one of another
 * page does not.
 */
static void template_retried(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int uffd = uffd_need(0, "missing faults");
	uint64_t retries = mirrors_total("retry_clear");
	uint64_t avoided = mirrors_total("retries_avoided");
	struct reader reader = { .device = device_open(), .at = area.at };
	uint64_t *contents = expected_contents(1);
	struct uffd_msg msg;
	pthread_t thread;

	CHECK_EQ(uffd_register(uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ(pthread_create(&thread, NULL, reader_thread, &reader), 0);
		CHECK(uffd_next(uffd, &msg, 10000));
		CHECK_EQ(madvise(area.at + i * PAGE, PAGE, MADV_DONTNEED), 0);
		CHECK_EQ(uffd_copy(uffd, area.at, contents, PAGE), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_EQ(reader.ret, 0);
		CHECK_EQ(reader.value, *contents);
		CHECK_EQ(mirrors_total("retry_clear"), retries + 1);
		CHECK_EQ(mirrors_total("retries_avoided"), avoided + i);
		CHECK_EQ(madvise(area.at, PAGE, MADV_DONTNEED), 0);
	}
}

static void template_hole(const void *unused)
{
	char *at = area_reserve(2 * PAGE);
	int device = device_open();

	CHECK_EQ(device_error(device, at), -EFAULT);		/* PROT_NONE */
	CHECK_EQ(munmap(at, PAGE), 0);
	CHECK_EQ(device_error(device, at), -EFAULT);
	CHECK_EQ(device_error(device, NULL), -EFAULT);
	CHECK_EQ(device_error(device, (void *)(1UL << 63)), -EFAULT);
}

/*
 * The device must see neither the page that was unmapped nor what that page is used for
 * now.
 */
static void template_stale(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int device = device_open();
	void *zeros = calloc(PAGES, PAGE);

	CHECK(zeros);
	area_fill(&area);
	device_sees(device, area.at, expected_contents(PAGES), PAGES);
	CHECK_EQ(madvise(area.at, PAGES * PAGE, MADV_DONTNEED), 0);
	device_sees(device, area.at, zeros, PAGES);

	area_fill(&area);
	device_sees(device, area.at, expected_contents(PAGES), PAGES);
	CHECK_EQ(munmap(area.at, PAGES * PAGE), 0);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(device_error(device, area.at + i * PAGE), -EFAULT);

	area = area_at(area.at, &kind_anon, PAGES);
	content_fill(area.at, SERIES + 1, 0, PAGES);
	device_sees(device, area.at, area.at, PAGES);
}

/*
 * The child may not use the file; what the parent writes afterwards goes to pages of
 * its own.
 */
static void template_child(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int device = device_open();
	pid_t pid;

	area_fill(&area);
	device_sees(device, area.at, expected_contents(PAGES), PAGES);
	fork_sharer();
	pid = child_fork();
	if (!pid) {
		CHECK_EQ(device_error(device, area.at), -EACCES);
		_exit(0);
	}
	content_fill(area.at, SERIES + 1, 0, PAGES);
	device_sees(device, area.at, area.at, PAGES);
	child_passes(pid);
	device_sees(device, area.at, area.at, PAGES);
}

/*
 * The process that opened the file has exited, and its memory is gone; the file still
 * exists.
 */
static void template_orphan(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int tell[2], device, pidfd;
	pid_t pid;

	area_fill(&area);
	CHECK_EQ(pipe(tell), 0);
	pid = child_fork();
	if (!pid) {
		device = device_open();
		device_sees(device, area.at, expected_contents(PAGES), PAGES);
		CHECK_EQ(write(tell[1], &device, sizeof(device)), sizeof(device));
		for (;;)
			pause();
	}
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	CHECK_REL(pidfd, >=, 0);
	CHECK_EQ(read(tell[0], &device, sizeof(device)), sizeof(device));
	device = syscall(SYS_pidfd_getfd, pidfd, device, 0);
	CHECK_REL(device, >=, 0);
	CHECK_EQ(device_error(device, area.at), -EACCES);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(device_error(device, area.at), -EACCES);
	CHECK_EQ(close(device), 0);
}

/* Pages that the kernel itself cannot read. */
static void template_secret(const void *unused)
{
	int device = device_open(), fd = syscall(SYS_memfd_secret, 0);
	char *at;

	if (fd < 0)
		skip("this kernel has no memfd_secret()");
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED);
	*at = 1;
	CHECK_EQ(device_error(device, at), -EFAULT);
}

static void template_arguments(const void *unused)
{
	struct area area = area_new(&kind_anon, 1);
	int device = device_open();

	area_fill(&area);
	for (size_t i = 1; i < 8; i++)
		CHECK_EQ(device_error(device, area.at + i), -EINVAL);
	CHECK_EQ(device_error(device, (void *)-8UL), -EINVAL);
	CHECK_EQ(ioctl(device, HMMU_TEMPLATE_READ, NULL) ? errno : 0, EFAULT);
	CHECK_EQ(ioctl(device, HMMU_TEMPLATE_READ + 1, NULL) ? errno : 0, ENOTTY);
}

/* Each reserved bit must be zero: a later version may give it a meaning. */
static void template_reserved(const void *unused)
{
	struct area area = area_new(&kind_anon, 1);
	int device = device_open();

	area_fill(&area);
	for (size_t i = 0; i < 2 * 64; i++) {
		struct hmmu_template_read read = { .addr = (uintptr_t)area.at };

		read.reserved[i / 64] = 1ULL << i % 64;
		CHECK_EQ(ioctl(device, HMMU_TEMPLATE_READ, &read) ? errno : 0,
			 EINVAL);
	}
	CHECK_EQ(device_error(device, area.at), 0);
}

/*
 * Let allocations for the device's page table fail where they may not sleep (on), or
 * not (off).
 */
static void fail_tables(bool on)
{
	knob_write(FAILSLAB "probability", "0");
	knob_write(TABLE_SLAB, on ? "1" : "0");
	knob_write(FAILSLAB "cache-filter", on ? "Y" : "N");
	knob_write(FAILSLAB "task-filter", on ? "Y" : "N");
	knob_write(FAILSLAB "ignore-gfp-wait", on ? "Y" : "N");
	knob_write(FAILSLAB "verbose", "0");
	knob_write(FAILSLAB "times", "-1");
	knob_write(FAILSLAB "probability", on ? "100" : "0");
	knob_write("/proc/thread-self/make-it-fail", on ? "1" : "0");
}

static void template_prepares(const void *unused)
{
	struct area area = area_new(&kind_anon, 1);
	int device = device_open(), ret;
	uint64_t before, value;

	if (access(FAILSLAB "probability", W_OK) || access(TABLE_SLAB, W_OK))
		skip("this kernel can't make allocations fail");
	area_fill(&area);
	before = mirrors_total("refills");
	fail_tables(true);
	ret = device_read(device, area.at, &value);
	fail_tables(false);
	CHECK_EQ(ret, 0);
	CHECK_EQ(value, *(uint64_t *)area.at);
	CHECK_EQ(mirrors_total("refills"), before + 1);
}

void suite_template(void)
{
	add_case(template_present, NULL, "template/present");
	add_case(template_absent, &kind_anon, "template/absent/anon");
	add_case(template_absent, &kind_thp, "template/absent/thp");
	add_case(template_absent, &kind_shmem, "template/absent/shmem");
	add_case(template_absent, &kind_file, "template/absent/file");
	add_case(template_userfault, NULL, "template/userfault");
	add_case(template_retried, NULL, "template/retried");
	add_case(template_hole, NULL, "template/hole");
	add_case(template_stale, NULL, "template/stale");
	add_case(template_child, NULL, "template/child");
	add_case(template_orphan, NULL, "template/orphan");
	add_case(template_secret, NULL, "template/secret");
	add_case(template_arguments, NULL, "template/arguments");
	add_case(template_reserved, NULL, "template/reserved");
	add_case(template_prepares, NULL, "template/prepares");
}
