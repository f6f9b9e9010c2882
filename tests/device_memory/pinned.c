// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel itself reads and writes memory that is on a device, and pins pages of it:
 * pinned pages do not move, all others do.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "device.h"
#include "suites.h"
#include "module.h"

#define PAGES	16
#define FIRST	3	/* of the pinned pages */
#define HELD	4

static struct iovec held_of(const struct area *area)
{
	return (struct iovec) { area->at + FIRST * PAGE, HELD * PAGE };
}

/* A pipe that pins pages of the area. */
static void pipe_hold(const struct area *area, int ends[2])
{
	struct iovec held = held_of(area);

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(vmsplice(ends[1], &held, 1, 0), HELD * PAGE);
}

/* Read what the pipe holds, which must be the series, and so unpin it. */
static void pipe_release(int ends[2], uint64_t series)
{
	static char buffer[HELD * PAGE];

	for (size_t done = 0; done < sizeof(buffer); ) {
		ssize_t n = read(ends[0], buffer + done, sizeof(buffer) - done);

		CHECK_REL(n, >, 0);
		done += n;
	}
	CHECK_EQ(content_wrong(buffer, series, FIRST, HELD), 0);
}

static bool is_held(size_t page)
{
	return page >= FIRST && page < FIRST + HELD;
}

/* Pages pinned in system memory: the result is reported page by page. */
static void pinned_stays(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	int fd = device_new(d, 0), ends[2];
	uint64_t moved, stayed;
	uint8_t bytes[PAGES];
	bool there[PAGES];
	size_t n;

	area_fill(&area);
	pipe_hold(&area, ends);
	CHECK_EQ(device_take(fd, area.at, PAGES), -ENOENT);
	device_where(d, fd, area.at, PAGES, there);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(there[i], !is_held(i));
	CHECK_EQ(device_give(fd, area.at, PAGES, NULL), 0);

	moved = mirror_total("pages_moved");
	stayed = mirror_total("pages_stayed");
	memset(bytes, HMM_DMIRROR_PROT_WRITE, PAGES);
	CHECK_EQ(device_populate(fd, area.at, PAGES, bytes, &n), 0);
	CHECK_EQ(n, PAGES - HELD);
	CHECK_EQ(mirror_total("pages_moved"), moved + PAGES - HELD);
	CHECK_EQ(mirror_total("pages_stayed"), stayed + HELD);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(bytes[i], is_held(i) ? HMM_DMIRROR_AT_SYSTEM :
						HMM_DMIRROR_AT_DEVICE);
	device_is_exact(fd, area.at, PAGES);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, PAGES, 0), 0);

	pipe_release(ends, SERIES);
	CHECK_EQ(device_populate_all(fd, area.at, PAGES, HMM_DMIRROR_PROT_WRITE),
		 PAGES);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
}

/*
 * Pages pinned in the device's memory, which needs memory that the CPU can reach: they
 * stay there as long as they are pinned, and keep the module loaded.
 */
static void pinned_keeps_module(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	int fd = device_new(d, 0), ends[2];
	size_t kept = d->reachable ? HELD : 0, moved;

	area_fill(&area);
	device_takes(d, fd, &area, SERIES);
	pipe_hold(&area, ends);
	CHECK_EQ(device_give(fd, area.at, PAGES, &moved), 0);
	CHECK_EQ(moved, PAGES - HELD);
	CHECK_EQ(device_has(d, fd, area.at, PAGES), kept);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_RELEASE, area.at, 1, NULL, NULL),
		 kept ? -EBUSY : 0);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, PAGES, ANY_FAULTS), 0);

	CHECK_EQ(close(fd), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	CHECK_EQ(munmap(area.at, PAGES * PAGE), 0);
	CHECK_EQ(devices_in_use(), kept);
	if (kept)
		CHECK_EQ(module_unload(DMIRROR_MODULE), -EAGAIN);
	pipe_release(ends, SERIES);
	CHECK_EQ(devices_in_use(), 0);
	modules_unload();
	modules_load();
}

/* Move the area to the device, from where each way starts. */
static void on_device(const struct device *d, int fd, const struct area *area)
{
	area_fill(area);
	device_takes(d, fd, area, SERIES);
}

static void pinned_process_vm(const void *variant)
{
	const struct device *d = variant;
	struct area area = area_new(&kind_anon, PAGES);
	char *buffer = calloc(PAGES, PAGE);
	struct iovec here = { buffer, PAGES * PAGE };
	struct iovec there = { area.at, PAGES * PAGE };
	int fd = device_new(d, 0);

	CHECK(buffer);
	on_device(d, fd, &area);
	CHECK_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0),
		 PAGES * PAGE);
	CHECK_EQ(content_wrong(buffer, SERIES, 0, PAGES), 0);
	on_device(d, fd, &area);
	content_fill(buffer, OTHER_SERIES, 0, PAGES);
	CHECK_EQ(process_vm_writev(getpid(), &here, 1, &there, 1, 0),
		 PAGES * PAGE);
	CHECK_EQ(device_wrong(fd, area.at, OTHER_SERIES, 0, PAGES, ANY_FAULTS),
		 0);
	device_is_exact(fd, area.at, PAGES);
	CHECK_EQ(content_wrong(area.at, OTHER_SERIES, 0, PAGES), 0);
}

/* Write it to a file and read it back, by copies or by the disk itself (O_DIRECT). */
static void pinned_file(const void *variant)
{
	const struct device *d = variant;
	const struct kind *kind = d->of;
	struct area area = area_new(&kind_anon, PAGES);
	struct area other = area_new(kind, PAGES);
	int fd = device_new(d, 0), file = other.fd;

	if (kind == &kind_disk)
		file = open(ZRAM, O_RDWR | O_DIRECT | O_CLOEXEC);
	CHECK_REL(file, >=, 0);
	on_device(d, fd, &area);
	CHECK_EQ(pwrite(file, area.at, PAGES * PAGE, 0), PAGES * PAGE);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
	memset(area.at, 0, PAGES * PAGE);
	CHECK_EQ(device_populate_all(fd, area.at, PAGES, HMM_DMIRROR_PROT_WRITE),
		 PAGES);
	CHECK_EQ(pread(file, area.at, PAGES * PAGE, 0), PAGES * PAGE);
	CHECK_EQ(device_wrong(fd, area.at, SERIES, 0, PAGES, ANY_FAULTS), 0);
	CHECK_EQ(content_wrong(area.at, SERIES, 0, PAGES), 0);
}

void suite_pinned(void)
{
	add_device_cases(pinned_stays, NULL, "pinned/stays");
	add_device_cases(pinned_keeps_module, NULL, "pinned/keeps-module");
	add_device_cases(pinned_process_vm, NULL, "pinned/process-vm");
	add_device_cases(pinned_file, &kind_shmem, "pinned/file");
	add_device_cases(pinned_file, &kind_disk, "pinned/direct");
}
