// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults that userfaultfd hands to user space: each mode, each kind of memory.
 *
 * The page must arrive as the server brought it, and each page must be waited for
 * exactly once.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"
#include "harness.h"
#include "suites.h"

#define PAGES	576
#define FEW	32

/**
 * struct target - memory that can be registered with a userfaultfd that has certain features
 * @kind: its kind
 * @page_size: what one answer brings
 * @features: UFFD_FEATURE_* that are needed
 * @what: the features in words
 */
struct target {
	const struct kind *kind;
	size_t page_size;
	uint64_t features;
	const char *what;
};

static const struct target missing_targets[] = {
	{ &kind_anon, PAGE, 0, "missing faults" },
	{ &kind_thp, PAGE, 0, "missing faults" },
	{ &kind_shmem, PAGE, UFFD_FEATURE_MISSING_SHMEM,
	  "missing faults of shmem" },
	{ &kind_hugetlb, HUGE, UFFD_FEATURE_MISSING_HUGETLBFS,
	  "missing faults of hugetlb" },
	{ &kind_hugetlb_private, HUGE, UFFD_FEATURE_MISSING_HUGETLBFS,
	  "missing faults of hugetlb" },
};

static const struct target minor_targets[] = {
	{ &kind_shmem, PAGE, UFFD_FEATURE_MINOR_SHMEM, "minor faults of shmem" },
	{ &kind_hugetlb, HUGE, UFFD_FEATURE_MINOR_HUGETLBFS,
	  "minor faults of hugetlb" },
};

static const struct target wp_targets[] = {
	{ &kind_anon, PAGE, UFFD_FEATURE_PAGEFAULT_FLAG_WP, "write protection" },
	{ &kind_shmem, PAGE, UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	  "write protection of shmem" },
	{ &kind_hugetlb, HUGE, UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	  "write protection of hugetlb" },
};

static const struct target wp_none_targets[] = {
	{ &kind_anon, PAGE, UFFD_FEATURE_WP_UNPOPULATED,
	  "write protection of anonymous pages that are not there" },
	{ &kind_shmem, PAGE, UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	  "write protection of shmem" },
	{ &kind_hugetlb, HUGE, UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	  "write protection of hugetlb" },
};

static const struct target rwp_targets[] = {
	{ &kind_anon, PAGE, UFFD_FEATURE_RWP, "read-write protection" },
	{ &kind_thp, PAGE, UFFD_FEATURE_RWP, "read-write protection" },
	{ &kind_shmem, PAGE, UFFD_FEATURE_RWP, "read-write protection" },
	{ &kind_hugetlb, HUGE, UFFD_FEATURE_RWP, "read-write protection" },
};

static const struct target rwp_async_target = {
	&kind_anon, PAGE, UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC,
	"asynchronous read-write protection",
};

/**
 * struct uffd_area - a registered area of a target, and its mirror
 * @area: the area
 * @mirror: of all its pages
 * @uffd: where it is registered
 * @answers: how many answers bring all pages
 */
struct uffd_area {
	struct area area;
	struct mirror mirror;
	int uffd;
	size_t answers;
};

static struct uffd_area uffd_area_new(const struct target *t,
				      const struct how *how, size_t pages)
{
	struct uffd_area u = { .uffd = uffd_need(t->features, t->what) };

	if (t->page_size == HUGE)
		pages = 2 * PAGES_IN_HUGE;
	u.area = area_new(t->kind, pages);
	u.answers = pages * PAGE / t->page_size;
	mirror_init(&u.mirror, u.area.at, pages, how);
	return u;
}

static void uffd_area_register(const struct uffd_area *u, uint64_t mode)
{
	CHECK_EQ(uffd_register(u->uffd, u->area.at, u->area.pages * PAGE, mode),
		 0);
}

/* Each page was waited for exactly once, and the call never began anew. */
static void check_waits(const struct uffd_area *u, uint64_t waits)
{
	const struct mirror *m = &u->mirror;

	CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, ==, waits);
	CHECK_COUNTED(m, HMM_UNLOCKED_LOCK_DROPS, ==, waits);
	CHECK_COUNTED(m, HMM_UNLOCKED_RESTARTS, ==, 0);
	CHECK_COUNTED(m, HMM_UNLOCKED_ENTRIES_READ, <=,
		  3 * m->pages + mirror_counted(m, HMM_UNLOCKED_THREADS));
	CHECK_EQ(m->run.loops, 1);
}

static void check_populated(const struct uffd_area *u, const struct how *how)
{
	const struct mirror *m = &u->mirror;

	CHECK_EQ(mirror_untrue(m), 0);
	CHECK_EQ(content_wrong(m->contents, SERIES, 0, m->pages), 0);
	if (how->request == WRITE_REQUEST)
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), m->pages);
}

static void missing_served(const struct variant *v, size_t batch)
{
	const struct target *t = v->of;
	struct uffd_area u = uffd_area_new(t, v->how, PAGES);
	uint64_t series = SERIES;
	struct server server = {
		.uffd = u.uffd, .base = u.area.at, .page_size = t->page_size,
		.pages = u.area.pages, .batch = batch,
		.fill = server_fill_series, .arg = &series,
	};

	uffd_area_register(&u, UFFDIO_REGISTER_MODE_MISSING);
	server_start(&server);
	CHECK_EQ(mirror_fault(&u.mirror), 0);
	server_stop(&server);

	check_populated(&u, v->how);
	check_waits(&u, batch ? PAGES / batch : u.answers);
	CHECK_EQ(server.faults, batch ? PAGES / batch : u.answers);
	CHECK_EQ(server.served, u.area.pages);
	CHECK_EQ(mirror_with_order(&u.mirror,
				   t->page_size == HUGE ? HUGE_ORDER : 0),
		 u.area.pages);
}

static void userfault_missing(const void *variant)
{
	missing_served(variant, 0);
}

static void userfault_batches(const void *variant)
{
	missing_served(variant, 16);
}

/* The server gives the zero page; a write has to replace it. */
static void userfault_zeropage(const void *variant)
{
	const struct variant *v = variant;
	struct uffd_area u = uffd_area_new(v->of, v->how, FEW);
	struct mirror *m = &u.mirror;
	struct uffd_msg msg;
	size_t waits = 0;

	uffd_area_register(&u, UFFDIO_REGISTER_MODE_MISSING);
	mirror_begin(m);
	for (; mirror_waits(m, u.uffd, &msg); waits++)
		CHECK_EQ(uffd_zeropage(u.uffd,
				       u.area.at + mirror_page(m, &msg) * PAGE,
				       PAGE), 0);
	CHECK_EQ(mirror_end(m), 0);

	CHECK_EQ(waits, FEW);
	CHECK_EQ(mirror_untrue(m), 0);
	CHECK_EQ(content_not_zero(m->contents, FEW), 0);
	if (v->how->request == WRITE_REQUEST) {
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), FEW);
		CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, ==, 2 * FEW);
	} else {
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), 0);
		CHECK_EQ(mirror_with(m, HMMU_PROBE_ZERO), FEW);
		check_waits(&u, FEW);
	}
}

static void userfault_minor(const void *variant)
{
	const struct variant *v = variant;
	const struct target *t = v->of;
	struct uffd_area u = uffd_area_new(t, v->how, FEW);
	struct mirror *m = &u.mirror;
	struct uffd_msg msg;
	size_t waits = 0;

	area_fill_file(&u.area);
	uffd_area_register(&u, UFFDIO_REGISTER_MODE_MINOR);
	mirror_begin(m);
	for (; mirror_waits(m, u.uffd, &msg); waits++) {
		CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR);
		CHECK_EQ(uffd_continue(u.uffd,
				       u.area.at + mirror_page(m, &msg) * PAGE,
				       t->page_size), 0);
	}
	CHECK_EQ(mirror_end(m), 0);

	CHECK_EQ(waits, u.answers);
	check_populated(&u, v->how);
	check_waits(&u, u.answers);
}

/* Lift the protection where a write waits; returns how often one waited. */
static size_t uffd_area_unprotect(struct uffd_area *u, const struct target *t)
{
	struct mirror *m = &u->mirror;
	struct uffd_msg msg;
	size_t waits = 0;

	mirror_begin(m);
	for (; mirror_waits(m, u->uffd, &msg); waits++) {
		CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
		CHECK_EQ(uffd_write_protect(u->uffd, u->area.at +
					    mirror_page(m, &msg) * PAGE,
					    t->page_size, false), 0);
	}
	CHECK_EQ(mirror_end(m), 0);
	CHECK_EQ(mirror_untrue(m), 0);
	return waits;
}

/*
 * Lifting the protection invalidates, so each page begins a new pass, which must not
 * read a whole page table. Whether lifting also makes the page writable, or leaves that
 * to one more fault, differs between kernels.
 */
static void userfault_write_protected(const void *variant)
{
	const struct variant *v = variant;
	const struct target *t = v->of;
	struct uffd_area u = uffd_area_new(t, v->how, PAGES);
	struct mirror *m = &u.mirror;
	size_t waits;

	uffd_area_register(&u, UFFDIO_REGISTER_MODE_WP);
	area_fill(&u.area);
	CHECK_EQ(uffd_write_protect(u.uffd, u.area.at, u.area.pages * PAGE,
				    true), 0);
	waits = uffd_area_unprotect(&u, t);

	CHECK_COUNTED(m, HMM_UNLOCKED_LOCK_DROPS, ==, waits);
	check_populated(&u, v->how);
	if (v->how->request == READ_REQUEST) {
		CHECK_EQ(waits, 0);
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), 0);
		CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, ==, 0);
	} else {
		CHECK_EQ(waits, u.answers);
		CHECK_COUNTED(m, HMM_UNLOCKED_MOVED_DROPPED, >, 0);
		CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, <=, 2 * waits);
		if (v->how->call == HMMU_PROBE_UNLOCKED)
			CHECK_COUNTED(m, HMM_UNLOCKED_ENTRIES_READ, <=, 16 * m->pages);
	}
}

/* As above with no page present: the page comes write-protected. */
static void userfault_write_protected_none(const void *variant)
{
	const struct variant *v = variant;
	const struct target *t = v->of;
	struct uffd_area u = uffd_area_new(t, v->how, FEW);
	struct mirror *m = &u.mirror;
	size_t waits;

	uffd_area_register(&u, UFFDIO_REGISTER_MODE_WP);
	CHECK_EQ(uffd_write_protect(u.uffd, u.area.at, u.area.pages * PAGE,
				    true), 0);
	waits = uffd_area_unprotect(&u, t);

	CHECK_EQ(content_not_zero(m->contents, m->pages), 0);
	if (v->how->request == READ_REQUEST) {
		CHECK_EQ(waits, 0);
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), 0);
		CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, ==, u.answers);
	} else {
		CHECK_EQ(waits, u.answers);
		CHECK_EQ(mirror_with(m, HMMU_PROBE_WRITE), m->pages);
		CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, <=, 4 * waits);
	}
}

/* All pages are there and protected: neither reads nor writes get at them. */
static struct uffd_area uffd_area_protected(const struct variant *v)
{
	struct uffd_area u = uffd_area_new(v->of, v->how, PAGES);

	uffd_area_register(&u, UFFDIO_REGISTER_MODE_RWP);
	area_fill(&u.area);
	CHECK_EQ(uffd_protect(u.uffd, u.area.at, u.area.pages * PAGE, true), 0);
	return u;
}

/* As with write protection, each answer invalidates and begins a new pass. */
static void userfault_protected(const void *variant)
{
	const struct variant *v = variant;
	const struct target *t = v->of;
	struct uffd_area u = uffd_area_protected(v);
	struct mirror *m = &u.mirror;
	struct uffd_msg msg;
	size_t waits = 0;

	mirror_begin(m);
	for (; mirror_waits(m, u.uffd, &msg); waits++) {
		CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_RWP);
		CHECK_EQ(uffd_protect(u.uffd, u.area.at + mirror_page(m, &msg) * PAGE,
				      t->page_size, false), 0);
	}
	CHECK_EQ(mirror_end(m), 0);
	CHECK_EQ(waits, u.answers);
	check_populated(&u, v->how);
	CHECK_COUNTED(m, HMM_UNLOCKED_LOCK_DROPS, ==, waits);
	CHECK_COUNTED(m, HMM_UNLOCKED_MOVED_DROPPED, >, 0);
	if (v->how->call == HMMU_PROBE_UNLOCKED)
		CHECK_COUNTED(m, HMM_UNLOCKED_ENTRIES_READ, <=,
			  16 * m->pages);
}

/* One answer for all pages ends all waits. */
static void userfault_protected_range(const void *variant)
{
	const struct variant *v = variant;
	struct uffd_area u = uffd_area_protected(v);
	struct mirror *m = &u.mirror;
	struct uffd_msg msg;

	mirror_begin(m);
	CHECK(mirror_waits(m, u.uffd, &msg));
	CHECK_EQ(uffd_protect(u.uffd, u.area.at, u.area.pages * PAGE, false), 0);
	CHECK(!mirror_waits(m, u.uffd, &msg));
	CHECK_EQ(mirror_end(m), 0);
	check_populated(&u, v->how);
	CHECK_COUNTED(m, HMM_UNLOCKED_LOCK_DROPS, ==, 1);
}

/* The server is gone: the pages are there, and nobody guards them. */
static void userfault_protected_closed(const void *variant)
{
	const struct variant *v = variant;
	struct uffd_area u = uffd_area_protected(v);
	struct mirror *m = &u.mirror;
	struct uffd_msg msg;

	mirror_begin(m);
	CHECK(mirror_waits(m, u.uffd, &msg));
	close(u.uffd);
	CHECK_EQ(mirror_end(m), 0);
	check_populated(&u, v->how);
}

/* The kernel lifts the protection itself, and nobody waits. */
static void userfault_protected_async(const void *variant)
{
	const struct variant *v = variant;
	struct uffd_area u = uffd_area_protected(v);
	struct uffd_msg msg;

	CHECK_EQ(mirror_fault(&u.mirror), 0);
	CHECK(!uffd_next(u.uffd, &msg, 0));
	check_populated(&u, v->how);
	CHECK_COUNTED(&u.mirror, HMM_UNLOCKED_LOCK_DROPS, ==, 0);
	CHECK_COUNTED(&u.mirror, HMM_UNLOCKED_FAULTS, >=, u.answers);
}

/* The mode is switched while a fault waits: it goes on without an answer, and so do all. */
static void userfault_protected_switch(const void *variant)
{
	const struct variant *v = variant;
	struct uffd_area u = uffd_area_protected(v);
	struct mirror *m = &u.mirror;
	struct uffd_msg msg;

	CHECK_EQ(uffd_set_mode(u.uffd, 0, UFFD_FEATURE_RWP_ASYNC), 0);
	mirror_begin(m);
	CHECK(mirror_waits(m, u.uffd, &msg));
	CHECK_EQ(uffd_set_mode(u.uffd, UFFD_FEATURE_RWP_ASYNC, 0), 0);
	CHECK(!mirror_waits(m, u.uffd, &msg));
	CHECK_EQ(mirror_end(m), 0);
	check_populated(&u, v->how);
}

/*
 * The userfaultfd is closed while the call faults pages outside of it and holds the
 * mmap lock, which closing needs. On 6.1 faults on the last page succeed without effect
 * until closing gets that lock.
 */
static void userfault_closed_meanwhile(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_anon, PAGES_IN_HUGE);
	char *last = area.at + (area.pages - 1) * PAGE;
	char content[PAGE] __attribute__((aligned(PAGE)));
	int uffd = uffd_need(0, "anything");
	uint64_t second = 0;
	struct uffd_msg msg;
	struct mirror m;

	CHECK_EQ(uffd_register(uffd, area.at, PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(uffd_register(uffd, last, PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	mirror_init(&m, area.at, area.pages, v->how);
	mirror_begin(&m);
	CHECK(mirror_waits(&m, uffd, &msg));
	content_fill(content, SERIES, 0, 1);
	CHECK_EQ(uffd_copy(uffd, area.at, content, PAGE), 0);
	while (!(second & PAGEMAP_PRESENT))
		pagemap_read(area.at + PAGE, 1, &second);
	close(uffd);

	CHECK_EQ(mirror_end(&m), 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_STUCK, ==, 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, 1), 0);
	CHECK_EQ(content_not_zero(m.contents + PAGE, m.pages - 1), 0);
}

static const struct target poison_target = {
	&kind_anon, PAGE, UFFD_FEATURE_POISON, "poison",
};

static void userfault_poisoned_answer(const void *variant)
{
	const struct variant *v = variant;
	struct uffd_area u = uffd_area_new(&poison_target, v->how, FEW);
	struct mirror *m = &u.mirror;
	struct uffd_msg msg;

	uffd_area_register(&u, UFFDIO_REGISTER_MODE_MISSING);
	mirror_begin(m);
	CHECK(mirror_waits(m, u.uffd, &msg));
	CHECK_EQ(mirror_page(m, &msg), 0);
	CHECK_EQ(uffd_poison(u.uffd, u.area.at, PAGE), 0);
	CHECK(!mirror_waits(m, u.uffd, &msg));
	CHECK_EQ(mirror_end(m), -EFAULT);
	CHECK_COUNTED(m, HMM_UNLOCKED_FAILURES, ==, 1);
}

/* Poison fails the calls that ask for the page, not those that ask for its neighbours. */
static void userfault_poisoned_neighbour(const void *variant)
{
	const struct variant *v = variant;
	struct uffd_area u = uffd_area_new(&poison_target, v->how, FEW);
	struct mirror *m = &u.mirror;
	const size_t bad = FEW / 2;

	area_fill(&u.area);
	CHECK_EQ(madvise(u.area.at + bad * PAGE, PAGE, MADV_DONTNEED), 0);
	uffd_area_register(&u, UFFDIO_REGISTER_MODE_MISSING);
	CHECK_EQ(uffd_poison(u.uffd, u.area.at + bad * PAGE, PAGE), 0);
	mirror_ask(m);
	for (size_t i = 0; i < FEW; i++)
		m->requests[i] = i == bad ? 0 : v->how->request;
	CHECK_EQ(mirror_fault(m), 0);
	CHECK_EQ(mirror_with(m, HMMU_PROBE_VALID), FEW - 1);
	CHECK_EQ(m->entries[bad] & HMMU_PROBE_VALID, 0);
	CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, ==, 0);

	m->requests[bad] = v->how->request;
	CHECK_EQ(mirror_fault(m), -EFAULT);
	CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, ==, 1);
}

/* Faults that fail at once, because the userfaultfd is opened so. */
static void fault_refused(const struct how *how, int uffd)
{
	struct area area = area_new(&kind_anon, FEW);
	struct uffd_msg msg;
	struct mirror m;

	CHECK_REL(uffd, >=, 0);
	content_fill(area.at, SERIES, 0, FEW / 2);
	CHECK_EQ(uffd_register(uffd, area.at, FEW * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	mirror_init(&m, area.at, FEW, how);
	CHECK_EQ(mirror_fault(&m), -EFAULT);
	CHECK(!uffd_next(uffd, &msg, 0));
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, 1);
	CHECK_COUNTED(&m, HMM_UNLOCKED_LOCK_DROPS, ==, 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAILURES, ==, 1);

	mirror_init(&m, area.at, FEW / 2, how);
	CHECK_EQ(mirror_fault(&m), 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, FEW / 2), 0);
}

static void userfault_sigbus(const void *variant)
{
	const struct variant *v = variant;

	fault_refused(v->how, uffd_need(UFFD_FEATURE_SIGBUS, "SIGBUS feature"));
}

/*
 * A device's fault is a fault of the kernel; this userfaultfd only handles user mode's.
 */
static void userfault_user_mode_only(const void *variant)
{
	const struct variant *v = variant;

	fault_refused(v->how, uffd_open(0, UFFD_USER_MODE_ONLY));
}

void suite_userfault(void)
{
	const struct target *t;

	add_each_how(userfault_closed_meanwhile, NULL, "userfault/closed-meanwhile");
	for (size_t i = 0; i < ARRAY_SIZE(missing_targets); i++) {
		t = &missing_targets[i];
		add_each_how(userfault_missing, t, "userfault/missing/%s", t->kind->name);
		if (t->page_size == PAGE)
			add_each_how(userfault_batches, t, "userfault/batches/%s",
				     t->kind->name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(minor_targets); i++) {
		t = &minor_targets[i];
		add_each_how(userfault_minor, t, "userfault/minor/%s", t->kind->name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wp_targets); i++) {
		t = &wp_targets[i];
		add_each_how(userfault_write_protected, t, "userfault/write-protected/%s",
			     t->kind->name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wp_none_targets); i++) {
		t = &wp_none_targets[i];
		add_each_how(userfault_write_protected_none, t,
			     "userfault/write-protected-none/%s", t->kind->name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rwp_targets); i++) {
		t = &rwp_targets[i];
		add_each_how(userfault_protected, t, "userfault/protected/%s", t->kind->name);
		add_each_how(userfault_protected_range, t, "userfault/protected-range/%s",
			     t->kind->name);
		add_each_how(userfault_protected_closed, t, "userfault/protected-closed/%s",
			     t->kind->name);
	}
	add_each_how(userfault_protected_async, &rwp_async_target,
		     "userfault/protected-async");
	add_each_how(userfault_protected_switch, &rwp_async_target,
		     "userfault/protected-switch");
	add_each_how(userfault_zeropage, &missing_targets[0], "userfault/zeropage");
	add_each_how(userfault_poisoned_answer, NULL, "userfault/poisoned-answer");
	add_each_how(userfault_poisoned_neighbour, NULL, "userfault/poisoned-neighbour");
	add_each_how(userfault_sigbus, NULL, "userfault/sigbus");
	add_each_how(userfault_user_mode_only, NULL, "userfault/user-mode-only");
}
