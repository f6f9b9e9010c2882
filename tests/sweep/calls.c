// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fault sweep of all calls that move no memory: any failed allocation or user copy
 * gives the right errno, and changes nothing.
 *
 * The probe's calls are swept on each kind of memory, those of hmm_dmirror and
 * hmm_region on anonymous memory. See sweep.h for how a sweep works.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "area.h"
#include "dmirror.h"
#include "guest.h"
#include "harness.h"
#include "knob.h"
#include "suites.h"
#include "module.h"
#include "sweep.h"

#define PAGES	8

/**
 * struct populate - the state of a swept call that populates
 * @area: the memory
 * @mirror: its mirror
 * @before: the run as it was before the call
 * @server: brings the memory, if it was started
 */
struct populate {
	struct area area;
	struct mirror mirror;
	struct hmmu_probe_run before;
	struct server server;
};

static void touch_buffers(struct mirror *m)
{
	memset(m->entries, 0xff, m->pages * sizeof(*m->entries));
	memset(m->after, 0xff, m->pages * sizeof(*m->after));
	memset(m->contents, 0xff, m->pages * PAGE);
}

static struct populate *populate_new(const struct kind *kind,
				     const struct how *how)
{
	size_t pages = kind->page_size == HUGE ? PAGES_IN_HUGE : PAGES;
	struct populate *p = calloc(1, sizeof(*p));

	/* Some of it is read ahead. */
	if (kind == &kind_hugetlb)
		pages *= 3;

	CHECK(p);
	p->area = area_new(kind, pages);
	mirror_init(&p->mirror, p->area.at, pages, how);
	touch_buffers(&p->mirror);
	p->before = p->mirror.run;
	return p;
}

static void *prepare_populate(const void *variant)
{
	const struct variant *v = variant;

	return populate_new(v->of, v->how);
}

/* Every second page is asked for, so that requests have to be kept. */
static void *prepare_asked(const void *variant)
{
	struct populate *p = prepare_populate(variant);
	struct mirror *m = &p->mirror;

	mirror_ask(m);
	for (size_t i = 0; i < m->pages; i++)
		m->requests[i] = i % 2 ? WRITE_REQUEST : 0;
	p->before = m->run;
	return p;
}

static void *prepare_served(const void *variant)
{
	static uint64_t series = SERIES;
	struct populate *p = prepare_populate(variant);

	p->server = (struct server) {
		.uffd = uffd_need(0, "missing faults"), .base = p->area.at,
		.pages = PAGES, .fill = server_fill_series, .arg = &series,
	};
	CHECK_EQ(uffd_register(p->server.uffd, p->area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&p->server);
	return p;
}

/* The first call that has several faults in flight, so it creates the threads. */
static void *prepare_together(const void *variant)
{
	modules_unload();
	modules_load();
	knob_lend(ENGINE_KNOB("faults_adapt"), "N");
	return prepare_served(variant);
}

static int call_populate(void *state)
{
	struct mirror *m = &((struct populate *)state)->mirror;

	return probe_try(m->probe, &m->run);
}

/*
 * Either the probe itself has failed, and the run is unchanged; or the call has, and
 * the requests stand in the entries again.
 */
static void populate_failed(void *state, int error)
{
	struct populate *p = state;
	struct mirror *m = &p->mirror;

	if (m->run.error != error)
		CHECK(!memcmp(&m->run, &p->before, sizeof(p->before)));
	else if (m->run.requests)
		CHECK(!memcmp(m->after, m->requests, m->pages));
	m->run = p->before;
	touch_buffers(m);
}

/* For all that was asked for the device sees the memory as the CPU does. */
static void populate_passed(void *state)
{
	struct populate *p = state;
	struct mirror *m = &p->mirror;

	CHECK_EQ(m->run.error, 0);
	for (size_t i = 0; i < m->pages; i++) {
		bool asked = m->run.requests ? m->requests[i] :
					       m->run.default_flags;

		if (asked)
			CHECK(m->entries[i] & HMMU_PROBE_VALID);
		if (m->entries[i] & HMMU_PROBE_VALID)
			CHECK(!memcmp(m->contents + i * PAGE,
				      p->area.at + i * PAGE, PAGE));
	}
	if (m->run.default_flags)
		CHECK_EQ(mirror_untrue(m), 0);
	m->run = p->before;
	touch_buffers(m);
}

static const struct swept populate = {
	prepare_populate, call_populate, populate_failed, populate_passed
};

/* The stock call has one errno for all errors of a fault. */
static const struct swept populate_stock = {
	prepare_populate, call_populate, populate_failed, populate_passed,
	.no_memory = -EFAULT
};

static const struct swept populate_together = {
	prepare_together, call_populate, populate_failed, populate_passed
};

static const struct swept populate_asked = {
	prepare_asked, call_populate, populate_failed, populate_passed
};

static const struct swept populate_served = {
	prepare_served, call_populate, populate_failed, populate_passed
};

static const char *opened_path;

static void *prepare_open(const void *path)
{
	static int fd;

	opened_path = path;
	fd = -1;
	return &fd;
}

static int call_open(void *state)
{
	int *fd = state;

	*fd = open(opened_path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static void open_failed(void *state, int error)
{
}

static void open_passed(void *state)
{
	int *fd = state;

	CHECK_EQ(close(*fd), 0);
}

static const struct swept opened = {
	prepare_open, call_open, open_failed, open_passed
};

/**
 * struct access - the state of a swept call of hmm_dmirror
 * @fd: the device
 * @area: the memory
 * @buffer: as long as @area
 * @cmd: what the call returned
 */
struct access {
	int fd;
	struct area area;
	char *buffer;
	struct hmm_dmirror_cmd cmd;
};

struct access_call {
	const char *name;
	unsigned long number;
	uint64_t flags;
};

static const struct access_call *the_call;

static void *prepare_access(const void *of)
{
	struct access *a = calloc(1, sizeof(*a));

	CHECK(a);
	the_call = of;
	a->fd = dmirror_open(0);
	a->area = area_new(&kind_anon, 2 * PAGES);
	a->buffer = malloc(2 * PAGES * PAGE);
	CHECK(a->buffer);
	memset(a->buffer, 0xff, 2 * PAGES * PAGE);
	content_fill(a->area.at, SERIES, 0, PAGES);
	return a;
}

static int call_access(void *state)
{
	struct access *a = state;
	const void *ptr = a->buffer;

	if (the_call->number >= HMM_DMIRROR_POPULATE)
		ptr = (void *)(uintptr_t)the_call->flags;
	return dmirror_call(a->fd, the_call->number, a->area.at, 2 * PAGES, ptr,
			    &a->cmd);
}

static void no_more_than_cpu(struct access *a)
{
	size_t wrong;

	dmirror_mapped(a->fd, a->area.at, 2 * PAGES, &wrong);
	CHECK_EQ(wrong, 0);
}

static void access_failed(void *state, int error)
{
	struct access *a = state;

	CHECK_EQ(a->cmd.cpages, 0);
	CHECK_EQ(a->cmd.faults, 0);
	no_more_than_cpu(a);
}

static void access_passed(void *state)
{
	struct access *a = state;
	size_t ended, failed;

	switch (the_call->number) {
	case HMM_DMIRROR_READ:
		CHECK(!memcmp(a->buffer, a->area.at, 2 * PAGES * PAGE));
		break;
	case HMM_DMIRROR_WRITE:
		CHECK(!memcmp(a->area.at, a->buffer, 2 * PAGES * PAGE));
		break;
	case HMM_DMIRROR_SNAPSHOT:
		for (size_t i = 0; i < 2 * PAGES; i++)
			CHECK_EQ(a->buffer[i], i < PAGES ?
				 HMM_DMIRROR_PROT_WRITE : HMM_DMIRROR_PROT_NONE);
		break;
	case HMM_DMIRROR_PREFETCH:
		CHECK_EQ(dmirror_wait(a->fd, &ended, &failed), 0);
		CHECK_REL(ended, >, 0);
		CHECK_EQ(failed, 0);
		break;
	}
	no_more_than_cpu(a);
}

static const struct swept accessed = {
	prepare_access, call_access, access_failed, access_passed
};

static const struct access_call access_calls[] = {
	{ "read", HMM_DMIRROR_READ },
	{ "write", HMM_DMIRROR_WRITE },
	{ "snapshot", HMM_DMIRROR_SNAPSHOT },
	{ "populate", HMM_DMIRROR_POPULATE, HMM_DMIRROR_POPULATE_WRITE },
	{ "populate-best", HMM_DMIRROR_POPULATE, HMM_DMIRROR_POPULATE_BEST },
	{ "prefetch", HMM_DMIRROR_PREFETCH },
	{ "compare", HMM_DMIRROR_COMPARE },
};

/**
 * struct guested - the state of a swept call of hmm_region
 * @g: a partition and its memory, the first half of which is present
 * @buffer: as long as the memory
 * @done: bytes that were accessed
 * @bitmap: the part of the dirty log that the call returned
 * @logged: all bits of the dirty log returned so far
 */
struct guested {
	struct guest g;
	char *buffer;
	size_t done;
	uint64_t bitmap[2];
	uint64_t logged[2];
};

struct guest_call {
	const char *name;
	unsigned long number;
	uint32_t flags;
};

static const struct guest_call *the_guest_call;

#define GUEST_PAGES	(2 * PAGES)
#define DIRTY		0x8003

static void *prepare_guest(const void *of)
{
	struct guested *s = calloc(1, sizeof(*s));
	char byte = 1;

	CHECK(s);
	the_guest_call = of;
	s->g.area = area_new(&kind_anon, GUEST_PAGES);
	s->g.fd = region_partition(4, 3);
	s->buffer = malloc(GUEST_PAGES * PAGE);
	CHECK(s->buffer);
	memset(s->buffer, 0xff, GUEST_PAGES * PAGE);
	content_fill(s->g.area.at, SERIES, 0, PAGES);
	if (the_guest_call->number == HMM_REGION_SET)
		return s;
	CHECK_EQ(region_set(s->g.fd, GUEST, GUEST_PAGES, s->g.area.at,
			    REGION_RW), 0);
	for (size_t i = 0; i < GUEST_PAGES; i++)
		if (the_guest_call->number == HMM_REGION_DIRTY_LOG &&
		    DIRTY >> i & 1)
			CHECK_EQ(guest_access(s->g.fd, HMM_REGION_WRITE,
					      GUEST + i, &byte, 1), 0);
	return s;
}

static int call_access_guest(struct guested *s)
{
	struct hmm_region_access access = {
		.guest_pfn = GUEST, .length = GUEST_PAGES * PAGE,
		.access = the_guest_call->flags,
		.data = (uintptr_t)s->buffer,
	};
	int ret = region_access(s->g.fd, &access);

	s->done = access.done;
	return ret;
}

static int call_guest(void *state)
{
	struct guested *s = state;

	switch (the_guest_call->number) {
	case HMM_REGION_SET:
		return region_set(s->g.fd, GUEST, GUEST_PAGES, s->g.area.at,
				  the_guest_call->flags);
	case HMM_REGION_ACCESS:
		return call_access_guest(s);
	default:
		return region_dirty(s->g.fd, GUEST, 128, s->bitmap, NULL);
	}
}

static void keep_logged(struct guested *s)
{
	for (size_t i = 0; i < 2; i++)
		s->logged[i] |= s->bitmap[i];
	memset(s->bitmap, 0, sizeof(s->bitmap));
}

static void guest_failed(void *state, int error)
{
	struct guested *s = state;
	char byte;

	switch (the_guest_call->number) {
	case HMM_REGION_SET:
		CHECK_EQ(region_query(s->g.fd).mapped_pages, 0);
		CHECK_EQ(guest_access(s->g.fd, HMM_REGION_READ, GUEST, &byte, 1),
			 -ENXIO);
		break;
	case HMM_REGION_ACCESS:
		CHECK(!memcmp(s->buffer, s->g.area.at, s->done));
		break;
	default:
		keep_logged(s);
	}
}

static void guest_passed(void *state)
{
	struct guested *s = state;

	switch (the_guest_call->number) {
	case HMM_REGION_SET:
		CHECK_EQ(region_query(s->g.fd).mapped_pages,
			 the_guest_call->flags & HMM_REGION_SET_PREMAP ? PAGES :
									 0);
		CHECK_EQ(guest_wrong(&s->g, SERIES, 0, PAGES), 0);
		CHECK_EQ(region_unset(s->g.fd, GUEST, GUEST_PAGES), 0);
		break;
	case HMM_REGION_ACCESS:
		CHECK_EQ(s->done, GUEST_PAGES * PAGE);
		CHECK(!memcmp(s->buffer, s->g.area.at, s->done));
		break;
	default:
		keep_logged(s);
		CHECK_EQ(s->logged[0], DIRTY);
		CHECK_EQ(s->logged[1], 0);
	}
}

static const struct swept guested = {
	prepare_guest, call_guest, guest_failed, guest_passed
};

/*
 * The dirty bits must not wait for a fault, so the driver first copies them without
 * faulting, and copies again if that fails.
 */
static const struct swept guest_logged = {
	prepare_guest, call_guest, guest_failed, guest_passed,
	.copies_again = true
};

static const struct guest_call guest_calls[] = {
	{ "set", HMM_REGION_SET, REGION_RW },
	{ "set-premap", HMM_REGION_SET, REGION_RW | HMM_REGION_SET_PREMAP },
	{ "read", HMM_REGION_ACCESS, HMM_REGION_READ },
	{ "write", HMM_REGION_ACCESS, HMM_REGION_WRITE },
};

static const struct guest_call guest_log = {
	"dirty-log", HMM_REGION_DIRTY_LOG
};

/**
 * struct made - the state of a swept HMM_REGION_CREATE_PARTITION
 * @device: the file to call
 * @fd: the partition
 */
struct made {
	int device;
	int fd;
};

static void *prepare_partition(const void *unused)
{
	static struct made made;

	made.device = open(REGION_DEVICE, O_RDWR | O_CLOEXEC);
	CHECK_REL(made.device, >=, 0);
	return &made;
}

static int call_partition(void *state)
{
	struct hmm_region_partition partition = {};
	struct made *made = state;

	made->fd = ioctl(made->device, HMM_REGION_CREATE_PARTITION, &partition);
	return made->fd < 0 ? -errno : 0;
}

static void partition_failed(void *state, int error)
{
}

static void partition_passed(void *state)
{
	struct made *made = state;

	CHECK_EQ(region_query(made->fd).accesses, 0);
	CHECK_EQ(close(made->fd), 0);
}

static const struct swept partition = {
	prepare_partition, call_partition, partition_failed, partition_passed
};

static const struct kind *const kinds[] = {
	&kind_anon, &kind_thp, &kind_shmem, &kind_shmem_private, &kind_hugetlb,
	&kind_file, &kind_file_private,
};

static void add_populates(const struct how *how)
{
	const struct variant *anon = variant_new(how, &kind_anon);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_sweep(&populate, variant_new(how, kinds[i]),
			  "populate/%s/%s", kinds[i]->name, how->name);
	add_sweep(&populate_asked, anon, "asked/%s", how->name);
	add_sweep(&populate_served, anon, "served/%s", how->name);
}

/* The calls that tests compare with, on anonymous memory. */
static void add_other(const char *name, enum hmmu_probe_call call,
		      uint64_t request, const struct swept *swept)
{
	static struct how others[HMMU_PROBE_RESTART + 1];

	others[call] = (struct how) { name, call, request };
	add_sweep(swept, variant_new(&others[call], &kind_anon),
		  "populate/anon/%s", name);
}

void suite_sweep_calls(void)
{
	add_sweep(&opened, "/dev/" HMMU_PROBE_DEVICE, "open");
	add_sweep(&opened, "/dev/hmm_dmirror0", "dmirror/open");
	for (size_t i = 0; i < ARRAY_SIZE(access_calls); i++)
		add_sweep(&accessed, &access_calls[i], "dmirror/%s",
			  access_calls[i].name);
	add_sweep(&opened, REGION_DEVICE, "region/open");
	add_sweep(&partition, NULL, "region/partition");
	for (size_t i = 0; i < ARRAY_SIZE(guest_calls); i++)
		add_sweep(&guested, &guest_calls[i], "region/%s",
			  guest_calls[i].name);
	add_sweep(&guest_logged, &guest_log, "region/%s", guest_log.name);
	for (size_t i = 0; i < NR_OUR_HOWS; i++)
		add_populates(&hows[i]);
	add_other("together", HMMU_PROBE_UNLOCKED, WRITE_REQUEST,
		  &populate_together);
	add_other("snapshot", HMMU_PROBE_SNAPSHOT, 0, &populate);
	add_other("restart", HMMU_PROBE_RESTART, WRITE_REQUEST, &populate);
	add_other("stock", HMMU_PROBE_STOCK, WRITE_REQUEST, &populate_stock);
}
