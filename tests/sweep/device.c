// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fault sweep of all calls that move memory to a device and back: no content is
 * lost, whichever allocation or user copy fails.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "suites.h"
#include "sweep.h"

#define THERE	2
#define PAGES	(2 * THERE)

/**
 * struct moving_call - a call
 * @name: for the name of the case
 * @number: its number, or 0: a CPU touches the pages
 * @from_device: the pages are on the device before the call
 * @no_memory: see struct swept
 */
struct moving_call {
	const char *name;
	unsigned long number;
	bool from_device;
	int no_memory;
};

static const struct moving_call calls[] = {
	{ "to-dev", HMM_DMIRROR_MIGRATE_TO_DEV, false, -ENOENT },
	{ "to-sys", HMM_DMIRROR_MIGRATE_TO_SYS, true },
	{ "populate-dev", HMM_DMIRROR_POPULATE_DEV, false },
	{ "exclusive", HMM_DMIRROR_EXCLUSIVE, false, -EBUSY },
	{ "release", HMM_DMIRROR_RELEASE, true, -EBUSY },
	{ "touch", 0, true },
};

/**
 * struct moving - the state of such a swept call
 * @call: the call
 * @fd: the device
 * @area: the memory, the first half of which is filled
 * @buffer: as long as @area
 */
struct moving {
	const struct moving_call *call;
	int fd;
	struct area area;
	char *buffer;
};

static void *prepare_on(unsigned int number, const struct moving_call *call)
{
	struct moving *m = calloc(1, sizeof(*m));

	CHECK(m);
	*m = (struct moving) {
		.call = call, .fd = dmirror_open(number),
		.area = area_new(&kind_anon, PAGES),
		.buffer = calloc(PAGES, PAGE),
	};
	CHECK(m->buffer);
	memset(m->buffer, 0xff, PAGES * PAGE);
	content_fill(m->area.at, SERIES, 0, THERE);
	if (call->from_device)
		CHECK_EQ(device_take(m->fd, m->area.at, PAGES), 0);
	return m;
}

static void *prepare_private(const void *of)
{
	return prepare_on(0, of);
}

static void *prepare_coherent(const void *of)
{
	return prepare_on(2, of);
}

static int area_touch(const struct area *area)
{
	for (size_t i = 0; i < area->pages; i++)
		(void)*(volatile char *)(area->at + i * PAGE);
	return 0;
}

static int call_moving(void *state)
{
	struct moving *m = state;

	if (!m->call->number)
		return area_touch(&m->area);
	if (m->call->number == HMM_DMIRROR_POPULATE_DEV)
		memset(m->buffer, HMM_DMIRROR_PROT_WRITE, PAGES);
	return dmirror_call(m->fd, m->call->number, m->area.at, PAGES, m->buffer,
			    NULL);
}

/* The CPU does not map exclusive pages until it touches them. */
static void nothing_is_lost(const struct moving *m)
{
	if (m->call->number != HMM_DMIRROR_EXCLUSIVE)
		device_is_exact(m->fd, m->area.at, PAGES);
	CHECK_EQ(content_wrong(m->area.at, SERIES, 0, THERE), 0);
	CHECK_EQ(content_not_zero(m->area.at + THERE * PAGE, PAGES - THERE), 0);
	device_is_exact(m->fd, m->area.at, PAGES);
}

static void moving_failed(void *state, int error)
{
	nothing_is_lost(state);
}

static void moving_passed(void *state)
{
	struct moving *m = state;

	switch (m->call->number) {
	case HMM_DMIRROR_MIGRATE_TO_DEV:
	case HMM_DMIRROR_EXCLUSIVE:
		CHECK_EQ(content_wrong(m->buffer, SERIES, 0, THERE), 0);
		CHECK_EQ(content_not_zero(m->buffer + THERE * PAGE,
					  PAGES - THERE), 0);
		break;
	case HMM_DMIRROR_POPULATE_DEV:
		for (size_t i = 0; i < PAGES; i++)
			CHECK(m->buffer[i] == HMM_DMIRROR_AT_SYSTEM ||
			      m->buffer[i] == HMM_DMIRROR_AT_DEVICE);
		CHECK_EQ(device_wrong(m->fd, m->area.at, SERIES, 0, THERE, 0), 0);
		break;
	}
	nothing_is_lost(m);
}

static void add_moving(const struct moving_call *call, const char *memory,
		       void *(*prepare)(const void *of))
{
	struct swept *swept = malloc(sizeof(*swept));

	CHECK(swept);
	*swept = (struct swept) {
		prepare, call_moving, moving_failed, moving_passed,
		.no_memory = call->no_memory,
	};
	add_sweep(swept, call, "device/%s/%s", call->name, memory);
}

void suite_sweep_device(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		add_moving(&calls[i], "private", prepare_private);
		if (calls[i].number && calls[i].number != HMM_DMIRROR_EXCLUSIVE)
			add_moving(&calls[i], "coherent", prepare_coherent);
	}
}
