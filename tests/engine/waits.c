// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address space changes while a fault waits.
 *
 * Each case populates PAGES missing pages, one fault at a time. Pages before WAITED are
 * answered, the fault of WAITED is left waiting. Then the action takes place, on that
 * page or another, and all later faults are answered.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "harness.h"
#include "knob.h"
#include "suites.h"
#include "uffd.h"

#define PAGES	16
#define WAITED	8
#define DONE	2	/* a page that is collected by then */
#define AHEAD	12	/* one that is not yet reached */
#define OTHER	12	/* series of the page that replaces another */

static const struct how ways[] = {
	{ "unlocked", HMMU_PROBE_UNLOCKED },
	{ "unlockable", HMMU_PROBE_UNLOCKABLE },
	{ "mainline", HMMU_PROBE_MAINLINE },
};

struct wait {
	char *base;
	int uffd;
	struct mirror mirror;
};

/**
 * struct action - what happens while the fault waits
 * @name: for the name of the case
 * @act: the action on page @page
 * @page: WAITED, DONE or AHEAD
 * @request: what the call asks for
 * @error: what the call must return
 * @restarts: the notifier's sequence must have moved
 * @zeros: after the call the pages from this one on are zeros; 0: none
 */
struct action {
	const char *name;
	void (*act)(struct wait *w, char *page);
	size_t page;
	uint64_t request;
	int error;
	bool restarts;
	size_t zeros;
};

struct scene {
	enum hmmu_probe_call call;
	const struct action *action;
};

static void wait_answer(struct wait *w, const struct uffd_msg *msg)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	char *addr = (char *)(msg->arg.pagefault.address & ~(PAGE - 1));
	int ret;

	content_fill(page, SERIES, (addr - w->base) / PAGE, 1);
	ret = uffd_copy(w->uffd, addr, page, PAGE);
	CHECK(!ret || ret == -EEXIST || ret == -ENOENT);
	if (ret)
		uffd_wake(w->uffd, addr, PAGE);
}

/* Answer the faults before WAITED, and leave that of WAITED waiting. */
static void wait_begin(struct wait *w, enum hmmu_probe_call call, uint64_t request)
{
	const struct how how = { .call = call, .request = request };
	struct uffd_msg msg;

	one_fault_at_a_time();
	w->base = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(w->base != MAP_FAILED);
	w->uffd = uffd_open(0, 0);
	CHECK_REL(w->uffd, >=, 0);
	CHECK_EQ(uffd_register(w->uffd, w->base, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);

	mirror_init(&w->mirror, w->base, PAGES, &how);
	mirror_begin(&w->mirror);

	for (size_t i = 0; i < WAITED; i++) {
		CHECK(uffd_next(w->uffd, &msg, 10000));
		wait_answer(w, &msg);
	}
	CHECK(uffd_next(w->uffd, &msg, 10000));
	CHECK_EQ(msg.arg.pagefault.address - (uintptr_t)w->base, WAITED * PAGE);
}

/* Answer all faults until the call returns. */
static int wait_finish(struct wait *w)
{
	struct uffd_msg msg;

	while (mirror_waits(&w->mirror, w->uffd, &msg))
		wait_answer(w, &msg);
	return mirror_end(&w->mirror);
}

/* Check whether the sequence has moved during the call. */
static void check_moved(const struct mirror *m, bool expected)
{
	uint64_t moved = mirror_counted(m, HMM_UNLOCKED_MOVED_HELD) +
			 mirror_counted(m, HMM_UNLOCKED_MOVED_DROPPED) +
			 mirror_counted(m, HMM_UNLOCKED_MOVED_YIELDED);

	if (mirror_is_ours(m))
		CHECK_EQ(moved > 0, expected);
}

static void waits_act(const void *arg)
{
	const struct scene *v = arg;
	const struct action *a = v->action;
	size_t zeros = a->zeros ?: PAGES;
	static struct wait w;

	wait_begin(&w, v->call, a->request);
	a->act(&w, w.base + a->page * PAGE);
	/* A fault that waits for a page that no longer exists has to be woken. */
	if (w.uffd >= 0)
		uffd_wake(w.uffd, w.base + WAITED * PAGE, PAGE);

	CHECK_EQ(wait_finish(&w), a->error);
	check_moved(&w.mirror, a->restarts);
	if (a->error)
		return;
	CHECK_EQ(content_wrong(w.mirror.contents, SERIES, 0, zeros), 0);
	CHECK_EQ(content_not_zero(w.mirror.contents + zeros * PAGE, PAGES - zeros), 0);
	for (size_t i = 0; i < PAGES; i++)
		CHECK((w.mirror.entries[i] & HMMU_PROBE_VALID) &&
		      (!(a->request & HMMU_PROBE_REQ_WRITE) ||
		       (w.mirror.entries[i] & HMMU_PROBE_WRITE)));
}

static void page_unmap(struct wait *w, char *page)
{
	CHECK_EQ(munmap(page, PAGE), 0);
}

static void page_move_away(struct wait *w, char *page)
{
	CHECK(mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0)) != MAP_FAILED);
}

static void page_protect_none(struct wait *w, char *page)
{
	CHECK_EQ(mprotect(page, PAGE, PROT_NONE), 0);
}

static void page_protect_read(struct wait *w, char *page)
{
	CHECK_EQ(mprotect(page, PAGE, PROT_READ), 0);
}

static void page_discard(struct wait *w, char *page)
{
	CHECK_EQ(madvise(page, PAGE, MADV_DONTNEED), 0);
}

static void fork_and_exit(struct wait *w, char *page)
{
	pid_t pid = child_fork();

	if (!pid)
		_exit(0);
	child_passes(pid);
}

static void server_closes(struct wait *w, char *page)
{
	close(w->uffd);
	w->uffd = -1;
}

/* The server is another process, the only one that has the userfaultfd. */
static void server_dies(struct wait *w, char *page)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		pause();
		_exit(0);
	}
	server_closes(w, page);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
}

static void server_unregisters(struct wait *w, char *page)
{
	CHECK_EQ(uffd_unregister(w->uffd, w->base, PAGES * PAGE), 0);
}

static const struct action actions[] = {
	{ "munmap-waited", page_unmap, WAITED, READ_REQUEST, -EFAULT, true },
	{ "munmap-done", page_unmap, DONE, READ_REQUEST, -EFAULT, true },
	{ "munmap-ahead", page_unmap, AHEAD, READ_REQUEST, -EFAULT, true },
	{ "mremap-waited", page_move_away, WAITED, READ_REQUEST, -EFAULT, true },
	{ "mremap-done", page_move_away, DONE, READ_REQUEST, -EFAULT, true },
	{ "mremap-ahead", page_move_away, AHEAD, READ_REQUEST, -EFAULT, true },
	{ "mprotect-none-waited", page_protect_none, WAITED, READ_REQUEST, -EFAULT, true },
	{ "mprotect-none-done", page_protect_none, DONE, READ_REQUEST, -EFAULT, true },
	{ "mprotect-none-ahead", page_protect_none, AHEAD, READ_REQUEST, -EFAULT, true },
	{ "mprotect-read-waited", page_protect_read, WAITED, WRITE_REQUEST, -EPERM, true },
	{ "mprotect-read-done", page_protect_read, DONE, WRITE_REQUEST, -EPERM, true },
	{ "mprotect-read-ahead", page_protect_read, AHEAD, WRITE_REQUEST, -EPERM, true },
	{ "mprotect-read-of-read", page_protect_read, DONE, READ_REQUEST, 0, true },
	{ "discard-waited", page_discard, WAITED, READ_REQUEST, 0, true },
	{ "discard-done", page_discard, DONE, READ_REQUEST, 0, true },
	{ "discard-ahead", page_discard, AHEAD, READ_REQUEST, 0, true },
	{ "discard-done-write", page_discard, DONE, WRITE_REQUEST, 0, true },
	{ "fork-read", fork_and_exit, 0, READ_REQUEST, 0, true },
	{ "fork-write", fork_and_exit, 0, WRITE_REQUEST, 0, true },
	{ "server-closes", server_closes, 0, READ_REQUEST, 0, false, WAITED },
	{ "server-dies", server_dies, 0, WRITE_REQUEST, 0, true, WAITED },
	{ "server-unregisters", server_unregisters, 0, READ_REQUEST, 0, false, WAITED },
};

/* A page of another mapping replaces the page whose fault waits. */
static void waits_replaced(const void *arg)
{
	const struct scene *v = arg;
	static struct wait w;
	char *other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(other != MAP_FAILED);
	content_fill(other, OTHER, 0, 1);
	wait_begin(&w, v->call, READ_REQUEST);
	CHECK(mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     w.base + WAITED * PAGE) != MAP_FAILED);
	uffd_wake(w.uffd, w.base + WAITED * PAGE, PAGE);

	CHECK_EQ(wait_finish(&w), 0);
	check_moved(&w.mirror, true);
	CHECK_EQ(content_wrong(w.mirror.contents, SERIES, 0, WAITED), 0);
	CHECK_EQ(content_wrong(w.mirror.contents + WAITED * PAGE, OTHER, 0, 1), 0);
	CHECK_EQ(content_wrong(w.mirror.contents + (WAITED + 1) * PAGE, SERIES,
			       WAITED + 1, PAGES - WAITED - 1), 0);
}

/* A fault that is woken without an answer waits again. */
static void waits_woken_early(const void *arg)
{
	const struct scene *v = arg;
	static struct wait w;
	struct uffd_msg msg;

	wait_begin(&w, v->call, READ_REQUEST);
	for (int i = 0; i < 3; i++) {
		uffd_wake(w.uffd, w.base + WAITED * PAGE, PAGE);
		CHECK(uffd_next(w.uffd, &msg, 10000));
		CHECK_EQ(msg.arg.pagefault.address - (uintptr_t)w.base,
			 WAITED * PAGE);
	}
	wait_answer(&w, &msg);

	CHECK_EQ(wait_finish(&w), 0);
	CHECK_EQ(content_wrong(w.mirror.contents, SERIES, 0, PAGES), 0);
	check_moved(&w.mirror, false);
	CHECK_COUNTED(&w.mirror, HMM_UNLOCKED_FAULTS, ==, PAGES + 3);
}

void suite_waits(void)
{
	static struct scene variants[ARRAY_SIZE(ways)][ARRAY_SIZE(actions) + 1];
	struct scene *v;

	for (size_t c = 0; c < ARRAY_SIZE(ways); c++) {
		if (!how_exists(&ways[c]))
			continue;
		v = variants[c];
		for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
			*v = (struct scene) { ways[c].call, &actions[i] };
			add_case(waits_act, v++, "waits/%s/%s", actions[i].name,
				 ways[c].name);
		}
		*v = (struct scene) { ways[c].call, NULL };
		add_case(waits_replaced, v, "waits/replaced/%s", ways[c].name);
		add_case(waits_woken_early, v, "waits/woken-early/%s", ways[c].name);
	}
}
