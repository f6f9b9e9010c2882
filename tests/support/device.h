/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices with memory of their own. The CPU cannot reach the memory of hmm_dmirror0 and
 * 1 (private device memory); it can reach that of 2 and 3 (coherent).
 *
 * Each page in use there, and each open file, is a reference on the module: so the
 * number in use is exact, and a leaked page shows.
 */
#ifndef TESTS_DEVICE_H
#define TESTS_DEVICE_H

#include "area.h"
#include "dmirror.h"
#include "harness.h"

#define OTHER_SERIES	(SERIES + 1)

/**
 * struct device - which devices a case uses
 * @name: for the names of cases
 * @number: the number of the first of the two devices
 * @local: what a snapshot reports for pages in the device's memory
 * @reachable: the CPU can access it: what the CPU touches stays there
 * @of: the case's own argument
 */
struct device {
	const char *name;
	unsigned int number;
	uint8_t local;
	bool reachable;
	const void *of;
};

extern const struct device device_private, device_coherent;

/* Add cases NAME/private and NAME/coherent, each with a struct device. */
void add_device_cases(case_fn *fn, const void *of, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void add_slow_device_cases(unsigned int seconds, case_fn *fn, const void *of,
			   const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Wait until nothing of any dmirror is in use. A case that waits here for ever has
 * found a leak.
 */
void devices_idle(void);

/*
 * Open the first or the second device when nothing uses it: waits for what an earlier
 * case has left. Skips the case if the device has no memory.
 */
int device_new(const struct device *d, unsigned int which);

/* As device_new(), though it is in use. */
int device_open(const struct device *d, unsigned int which);

/*
 * Does the kernel let huge pages move to the device whole? Those that do have a function for
 * a CPU's touch of such a page.
 */
bool device_has_huge(const struct device *d);

/* The number of open files and of pages in use, of all devices. */
int devices_in_use(void);

/*
 * Migrate to the device (take) and back (give). What the device reads is discarded.
 * Return 0 or -errno.
 */
int device_take(int fd, const void *at, size_t pages);
int device_give(int fd, const void *at, size_t pages, size_t *moved);

/*
 * HMM_DMIRROR_POPULATE_DEV; @there, if not NULL, gets the number of pages in device
 * memory.
 */
int device_populate(int fd, const void *at, size_t pages, uint8_t *bytes,
		    size_t *there);

/*
 * As device_populate() with @access for all pages, which must succeed. Returns the
 * number of pages in device memory.
 */
size_t device_populate_all(int fd, const void *at, size_t pages, uint8_t access);

/* How many pages are in the memory of this device. */
size_t device_has(const struct device *d, int fd, const void *at, size_t pages);

/* As device_has(), page by page. */
void device_where(const struct device *d, int fd, const void *at, size_t pages,
		  bool *there);

/* Migrate the whole area to the device, which must read @series there. */
void device_takes(const struct device *d, int fd, const struct area *area,
		  uint64_t series);

/*
 * As content_wrong() and content_fill(), by the device. @faults: how often the device
 * must fault, or ANY_FAULTS.
 */
#define ANY_FAULTS	SIZE_MAX
size_t device_wrong(int fd, const void *at, uint64_t series, size_t first,
		    size_t pages, size_t faults);
void device_fill(int fd, const void *at, uint64_t series, size_t first,
		 size_t pages, size_t faults);

/* The device maps nothing that the CPU does not map. */
void device_is_exact(int fd, const void *at, size_t pages);

#endif
