// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flags of entries that the kernel carries from input to output (HMM_PFN_DMA_MAPPED and
 * others, from ~6.15 on): a driver keeps there what it knows of a page. They must survive
 * each of our calls, whatever happens in it.
 *
 * Each page has another pattern of them. Whether the kernel has them at all, its own call
 * says.
 */
#include <errno.h>
#include <sys/mman.h>

#include "area.h"
#include "harness.h"
#include "suites.h"

#define PAGES	576

static uint8_t sticky_of(size_t page)
{
	return (page * 5 << 2) & HMMU_PROBE_STICKY;
}

static void sticky_set(struct mirror *m, uint8_t request)
{
	mirror_ask(m);
	for (size_t i = 0; i < m->pages; i++)
		m->requests[i] = request | sticky_of(i);
}

static void sticky_check(const struct mirror *m)
{
	for (size_t i = 0; i < m->pages; i++)
		CHECK_EQ(m->after[i] & HMMU_PROBE_STICKY, sticky_of(i));
}

/* The kernel's own call reads a page, and must have kept the flags. */
static void sticky_need(void)
{
	const struct how how = { .call = HMMU_PROBE_SNAPSHOT };
	struct area area = area_new(&kind_anon, 8);
	struct mirror m;

	area_fill(&area);
	mirror_init(&m, area.at, area.pages, &how);
	sticky_set(&m, 0);
	CHECK_EQ(mirror_fault(&m), 0);
	if (!(m.after[1] & HMMU_PROBE_STICKY))
		skip("this kernel's entries have no flags that are kept");
	sticky_check(&m);
}

/* Pages that are there, in several tables and of two sizes. */
static void sticky_present(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(v->of, PAGES_IN_HUGE * 2);
	struct mirror m;

	sticky_need();
	area_fill(&area);
	mirror_init(&m, area.at, area.pages, v->how);
	sticky_set(&m, v->how->request);
	CHECK_EQ(mirror_fault(&m), 0);
	sticky_check(&m);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, m.pages), 0);
}

/* Faults drop the lock, and several are in flight. */
static void sticky_served(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_anon, PAGES);
	uint64_t series = SERIES;
	struct server server = {
		.uffd = uffd_need(0, "missing faults"), .base = area.at, .pages = PAGES,
		.delay_us = 2000, .fill = server_fill_series, .arg = &series,
	};
	struct mirror m;

	sticky_need();
	CHECK_EQ(uffd_register(server.uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	mirror_init(&m, area.at, PAGES, v->how);
	sticky_set(&m, v->how->request);
	server_start(&server);
	CHECK_EQ(mirror_fault(&m), 0);
	server_stop(&server);
	sticky_check(&m);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, PAGES), 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_THREAD_FAULTS, >, 0);
}

/* Breaking COW moves the sequence: the call begins again. */
static void sticky_copied(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	sticky_need();
	area_fill(&area);
	fork_sharer();
	mirror_init(&m, area.at, PAGES, v->how);
	sticky_set(&m, v->how->request);
	CHECK_EQ(mirror_fault(&m), 0);
	sticky_check(&m);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, PAGES), 0);
}

/* The last page is a hole: requests are written back, and the flags stay. */
static void sticky_failed(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	sticky_need();
	area_fill(&area);
	CHECK_EQ(munmap(area.at + (PAGES - 1) * PAGE, PAGE), 0);
	mirror_init(&m, area.at, PAGES, v->how);
	sticky_set(&m, v->how->request);
	CHECK_EQ(mirror_fault(&m), -EFAULT);
	sticky_check(&m);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(m.after[i] & ~HMMU_PROBE_STICKY, v->how->request);
}

void suite_sticky(void)
{
	add_each_how(sticky_present, &kind_anon, "sticky/present/anon");
	add_each_how(sticky_present, &kind_thp, "sticky/present/thp");
	add_each_how(sticky_served, NULL, "sticky/served");
	add_each_how(sticky_copied, NULL, "sticky/copied");
	add_our_hows(sticky_failed, NULL, "sticky/failed");
}
