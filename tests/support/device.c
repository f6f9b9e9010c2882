// SPDX-License-Identifier: GPL-2.0-only
/* Device memory: populate, migrate, and count what is in use. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "module.h"

#define PLACE	0x70	/* HMM_DMIRROR_PROT_DEV_* */

const struct device device_private = {
	"private", 0, HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL, false
};

const struct device device_coherent = {
	"coherent", 2, HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL, true
};

static const struct device *const devices[] = { &device_private, &device_coherent };

static void add_cases(unsigned int seconds, case_fn *fn, const void *of,
		      const char *fmt, va_list args)
{
	struct device *device;
	char name[80];

	vsnprintf(name, sizeof(name), fmt, args);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		device = malloc(sizeof(*device));
		CHECK(device);
		*device = *devices[i];
		device->of = of;
		add_slow_case(seconds, fn, device, "%s/%s", name, device->name);
	}
}

void add_device_cases(case_fn *fn, const void *of, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_cases(60, fn, of, fmt, args);
	va_end(args);
}

void add_slow_device_cases(unsigned int seconds, case_fn *fn, const void *of,
			   const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_cases(seconds, fn, of, fmt, args);
	va_end(args);
}

int devices_in_use(void)
{
	return module_references(DMIRROR_MODULE);
}

void devices_idle(void)
{
	while (devices_in_use() > 0)
		sched_yield();
}

/* No access is requested: the call can only fail because the device has no memory. */
static bool has_memory(int fd)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	uint8_t nothing = HMM_DMIRROR_PROT_NONE;
	int ret = device_populate(fd, page, 1, &nothing, NULL);

	CHECK(!ret || ret == -EOPNOTSUPP);
	return !ret;
}

int device_open(const struct device *d, unsigned int which)
{
	int fd = dmirror_open(d->number + which);

	if (has_memory(fd))
		return fd;
	if (d->reachable)
		skip("no memory is reserved for /dev/hmm_dmirror%u, see device_memory() in vm/guest.sh",
		     d->number + which);
	skip("this kernel has no private device memory");
}

int device_new(const struct device *d, unsigned int which)
{
	devices_idle();
	return device_open(d, which);
}

bool device_has_huge(const struct device *d)
{
	return !d->reachable && kernel_has_function("do_huge_pmd_device_private");
}

int device_take(int fd, const void *at, size_t pages)
{
	char *buffer = calloc(pages, PAGE);
	int ret;

	CHECK(buffer);
	ret = dmirror_call(fd, HMM_DMIRROR_MIGRATE_TO_DEV, at, pages, buffer,
			   NULL);
	free(buffer);
	return ret;
}

int device_give(int fd, const void *at, size_t pages, size_t *moved)
{
	struct hmm_dmirror_cmd cmd;
	int ret = dmirror_call(fd, HMM_DMIRROR_MIGRATE_TO_SYS, at, pages, NULL,
			       &cmd);

	if (moved)
		*moved = cmd.cpages;
	return ret;
}

int device_populate(int fd, const void *at, size_t pages, uint8_t *bytes,
		    size_t *there)
{
	struct hmm_dmirror_cmd cmd;
	int ret = dmirror_call(fd, HMM_DMIRROR_POPULATE_DEV, at, pages, bytes,
			       &cmd);

	if (there)
		*there = cmd.cpages;
	return ret;
}

size_t device_populate_all(int fd, const void *at, size_t pages, uint8_t access)
{
	uint8_t *bytes = calloc(pages, 1);
	size_t there;

	CHECK(bytes);
	memset(bytes, access, pages);
	CHECK_EQ(device_populate(fd, at, pages, bytes, &there), 0);
	free(bytes);
	return there;
}

void device_where(const struct device *d, int fd, const void *at, size_t pages,
		  bool *there)
{
	uint8_t *bytes = calloc(pages, 1);

	CHECK(bytes);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_SNAPSHOT, at, pages, bytes, NULL),
		 0);
	for (size_t i = 0; i < pages; i++)
		there[i] = bytes[i] != HMM_DMIRROR_PROT_ERROR &&
			   (bytes[i] & PLACE) == d->local;
	free(bytes);
}

size_t device_has(const struct device *d, int fd, const void *at, size_t pages)
{
	bool *there = calloc(pages, sizeof(*there));
	size_t n = 0;

	CHECK(there);
	device_where(d, fd, at, pages, there);
	for (size_t i = 0; i < pages; i++)
		n += there[i];
	free(there);
	return n;
}

void device_takes(const struct device *d, int fd, const struct area *area,
		  uint64_t series)
{
	char *buffer = calloc(area->pages, PAGE);
	struct hmm_dmirror_cmd cmd;

	CHECK(buffer);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_MIGRATE_TO_DEV, area->at,
			      area->pages, buffer, &cmd), 0);
	CHECK_EQ(cmd.cpages, area->pages);
	CHECK_EQ(content_wrong(buffer, series, 0, area->pages), 0);
	CHECK_EQ(device_has(d, fd, area->at, area->pages), area->pages);
	device_is_exact(fd, area->at, area->pages);
	free(buffer);
}

static void check_faults(const struct hmm_dmirror_cmd *cmd, size_t pages,
			 size_t faults)
{
	CHECK_EQ(cmd->cpages, pages);
	if (faults != ANY_FAULTS)
		CHECK_EQ(cmd->faults, faults);
}

size_t device_wrong(int fd, const void *at, uint64_t series, size_t first,
		    size_t pages, size_t faults)
{
	char *buffer = calloc(pages, PAGE);
	struct hmm_dmirror_cmd cmd;
	size_t wrong;

	CHECK(buffer);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_READ, at, pages, buffer, &cmd), 0);
	check_faults(&cmd, pages, faults);
	wrong = content_wrong(buffer, series, first, pages);
	free(buffer);
	return wrong;
}

void device_fill(int fd, const void *at, uint64_t series, size_t first,
		 size_t pages, size_t faults)
{
	char *buffer = calloc(pages, PAGE);
	struct hmm_dmirror_cmd cmd;

	CHECK(buffer);
	content_fill(buffer, series, first, pages);
	CHECK_EQ(dmirror_call(fd, HMM_DMIRROR_WRITE, at, pages, buffer, &cmd), 0);
	check_faults(&cmd, pages, faults);
	free(buffer);
}

void device_is_exact(int fd, const void *at, size_t pages)
{
	size_t wrong;

	dmirror_mapped(fd, at, pages, &wrong);
	CHECK_EQ(wrong, 0);
}
