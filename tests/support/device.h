/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices with memory of their own: hmm_dmirror0 and 1, whose memory the CPU can't reach,
 * and 2 and 3, whose memory it can.
 *
 * Each page in use there, and each open file, is a reference on the module: so what is
 * in use is counted exactly.
 */
#ifndef TESTS_DEVICE_H
#define TESTS_DEVICE_H

#include "area.h"
#include "dmirror.h"
#include "harness.h"

#define OTHER_SERIES	(SERIES + 1)

/**
 * struct device - what a case is run with
 * @name: for the names of cases
 * @number: of the first of the two devices
 * @local: how a snapshot tells pages in the device's memory
 * @reachable: by the CPU: what it touches stays there
 * @of: what else the case is about
 */
struct device {
	const char *name;
	unsigned int number;
	uint8_t local;
	bool reachable;
	const void *of;
};

/* Add cases NAME/private and NAME/coherent, each with a struct device. */
void add_device_cases(case_fn *fn, const void *of, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void add_slow_device_cases(unsigned int seconds, case_fn *fn, const void *of,
			   const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Wait until nothing of any dmirror is in use. A case that waits for ever has found
 * something that is kept.
 */
void devices_idle(void);

/*
 * The first device or the second, which nobody else uses: what an earlier case has left is
 * waited for. Skips the case if it has no memory.
 */
int device_new(const struct device *d, unsigned int which);

/* The same while it is in use. */
int device_open(const struct device *d, unsigned int which);

/* Open files and pages in use, of all devices. */
int devices_in_use(void);

/* Move, and throw away what the device then reads. Return 0 or -errno. */
int device_take(int fd, const void *at, size_t pages);
int device_give(int fd, const void *at, size_t pages, size_t *moved);

/* HMM_DMIRROR_POPULATE_DEV; @there, if not NULL: how many are in the device's memory. */
int device_populate(int fd, const void *at, size_t pages, uint8_t *bytes,
		    size_t *there);

/* The same, asking for @access of all pages; has to succeed. Returns how many are there. */
size_t device_populate_all(int fd, const void *at, size_t pages, uint8_t access);

/* How many pages are in the memory of this device. */
size_t device_has(const struct device *d, int fd, const void *at, size_t pages);

/* The same of each page. */
void device_where(const struct device *d, int fd, const void *at, size_t pages,
		  bool *there);

/* Have the whole area there, where it has to hold @series. */
void device_takes(const struct device *d, int fd, const struct area *area,
		  uint64_t series);

/*
 * As content_wrong() and content_fill(), by the device. @faults: how often it has to have
 * pages mapped, or ANY_FAULTS.
 */
#define ANY_FAULTS	SIZE_MAX
size_t device_wrong(int fd, const void *at, uint64_t series, size_t first,
		    size_t pages, size_t faults);
void device_fill(int fd, const void *at, uint64_t series, size_t first,
		 size_t pages, size_t faults);

/* No device has anything mapped that the CPU has not. */
void device_is_exact(int fd, const void *at, size_t pages);

/* Wait for the end of a child that has to return 0. */
void child_passes(pid_t pid);

#endif
