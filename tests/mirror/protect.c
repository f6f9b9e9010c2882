// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a userfaultfd protects while a device has it mapped, against writes or, from
 * Linux 7.3 on, against any access.
 *
 * The device loses what is protected, and nothing else. Its next access that the protection
 * forbids waits for the server.
 */
#include <pthread.h>
#include <unistd.h>

#include "area.h"
#include "device.h"
#include "dmirror.h"
#include "harness.h"
#include "suites.h"
#include "uffd.h"

#define PAGES	64

/**
 * struct protection - what a userfaultfd protects against
 * @name: for the names of cases
 * @what: for users
 * @mode: for registering
 * @feature: UFFD_FEATURE_* that anonymous memory needs
 * @feature_of_files: UFFD_FEATURE_* that shmem and hugetlb need
 * @flag: of messages
 * @set: begins or ends it
 * @access: the least that it forbids, HMM_DMIRROR_POPULATE_*
 */
struct protection {
	const char *name;
	const char *what;
	uint64_t mode;
	uint64_t feature;
	uint64_t feature_of_files;
	uint64_t flag;
	int (*set)(int uffd, void *start, size_t length, bool on);
	uint64_t access;
};

static const struct protection protections[] = {
	{ "write", "write protection of such memory", UFFDIO_REGISTER_MODE_WP,
	  UFFD_FEATURE_PAGEFAULT_FLAG_WP, UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	  UFFD_PAGEFAULT_FLAG_WP, uffd_write_protect, HMM_DMIRROR_POPULATE_WRITE },
	{ "read-write", "read-write protection", UFFDIO_REGISTER_MODE_RWP,
	  UFFD_FEATURE_RWP, UFFD_FEATURE_RWP,
	  UFFD_PAGEFAULT_FLAG_RWP, uffd_protect, 0 },
};

static const struct kind *const kinds[] = {
	&kind_anon, &kind_thp, &kind_shmem, &kind_hugetlb,
};

struct protected_kind {
	const struct protection *protection;
	const struct kind *kind;
};

/**
 * struct guarded - memory that a device has mapped, and whose second half is protected
 * @protection: against what
 * @area: the memory, of which all pages are present
 * @half: number of pages in each half
 * @fd: the device, which may still write to the first half
 * @uffd: nobody answers yet
 */
struct guarded {
	const struct protection *protection;
	struct area area;
	size_t half;
	int fd, uffd;
};

static char *guarded_at(const struct guarded *g)
{
	return g->area.at + g->half * PAGE;
}

static void guarded_protect(const struct guarded *g, bool on)
{
	CHECK_EQ(g->protection->set(g->uffd, guarded_at(g), g->half * PAGE, on), 0);
}

static size_t guarded_mapped(const struct guarded *g)
{
	size_t wrong, mapped = dmirror_mapped(g->fd, g->area.at, g->area.pages, &wrong);

	CHECK_EQ(wrong, 0);
	return mapped;
}

static struct guarded guarded_new(const struct protected_kind *of)
{
	const struct protection *p = of->protection;
	const struct kind *kind = of->kind;
	struct guarded g = {
		.protection = p,
		.uffd = uffd_need(kind->file ? p->feature_of_files : p->feature, p->what),
		.fd = dmirror_open(0),
		.area = area_new(kind, kind->page_size == HUGE ?
				 2 * PAGES_IN_HUGE : PAGES),
	};

	g.half = g.area.pages / 2;
	CHECK_EQ(uffd_register(g.uffd, g.area.at, g.area.pages * PAGE, p->mode), 0);
	area_fill(&g.area);
	CHECK_EQ(dmirror_populate(g.fd, g.area.at, g.area.pages, HMM_DMIRROR_POPULATE_WRITE), 0);
	CHECK_EQ(guarded_mapped(&g), g.area.pages);
	guarded_protect(&g, true);
	CHECK_EQ(guarded_mapped(&g), g.half);
	return g;
}

static void *populate_protected(void *arg)
{
	const struct guarded *g = arg;

	return (void *)(intptr_t)dmirror_populate(g->fd, guarded_at(g), g->half,
						  g->protection->access);
}

/* A populate of what is protected waits for the server. */
static pthread_t guarded_populate(struct guarded *g)
{
	struct uffd_msg msg;
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, populate_protected, g), 0);
	CHECK(uffd_next(g->uffd, &msg, 10000));
	CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
	CHECK(msg.arg.pagefault.flags & g->protection->flag);
	CHECK_REL(msg.arg.pagefault.address, >=, (uintptr_t)guarded_at(g));
	CHECK_EQ(guarded_mapped(g), g->half);
	return thread;
}

/* The wait is over: the device has what it waited for, and may do all again. */
static void guarded_is_free(struct guarded *g, pthread_t thread)
{
	void *ret;

	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK_EQ((intptr_t)ret, 0);
	CHECK_EQ(device_wrong(g->fd, guarded_at(g), SERIES, g->half, g->half, 0), 0);
	device_is_exact(g->fd, g->area.at, g->area.pages);
	device_fill(g->fd, g->area.at, OTHER_SERIES, 0, g->area.pages, ANY_FAULTS);
	CHECK_EQ(content_wrong(g->area.at, OTHER_SERIES, 0, g->area.pages), 0);
}

static void protect_answered(const void *variant)
{
	struct guarded g = guarded_new(variant);
	pthread_t thread = guarded_populate(&g);

	guarded_protect(&g, false);
	guarded_is_free(&g, thread);
}

/*
 * The server is gone: the pages are there, and nobody guards them. Closing lifts what
 * protection there may be of all the memory: so the device loses the first half too.
 */
static void protect_closed(const void *variant)
{
	struct guarded g = guarded_new(variant);
	pthread_t thread = guarded_populate(&g);

	CHECK_EQ(close(g.uffd), 0);
	guarded_is_free(&g, thread);
}

/* The device reads what is protected against writes, without waiting, and may not write. */
static void protect_read(const void *variant)
{
	struct guarded g = guarded_new(variant);
	struct uffd_msg msg;
	pthread_t thread;

	CHECK_EQ(device_wrong(g.fd, g.area.at, SERIES, 0, g.area.pages, ANY_FAULTS), 0);
	CHECK(!uffd_next(g.uffd, &msg, 0));
	CHECK_EQ(guarded_mapped(&g), g.area.pages);
	CHECK_EQ(pthread_create(&thread, NULL, populate_protected, &g), 0);
	CHECK(uffd_next(g.uffd, &msg, 10000));
	guarded_protect(&g, false);
	guarded_is_free(&g, thread);
}

static void protect_add(const struct protection *p, const struct kind *kind)
{
	struct protected_kind *of = malloc(sizeof(*of));

	CHECK(of);
	*of = (struct protected_kind) { p, kind };
	add_case(protect_answered, of, "protect/%s/%s/answered", p->name, kind->name);
	add_case(protect_closed, of, "protect/%s/%s/closed", p->name, kind->name);
	if (p->access)
		add_case(protect_read, of, "protect/%s/%s/read", p->name, kind->name);
}

void suite_protect(void)
{
	for (size_t p = 0; p < ARRAY_SIZE(protections); p++)
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			protect_add(&protections[p], kinds[k]);
}
