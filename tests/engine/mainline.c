// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where ours and mainline's own hmm_range_fault_unlocked_timeout() differ.
 *
 * Each case is a row of docs/mainline.md and runs on both calls. What mainline's call does
 * is asserted like what ours does: a kernel that mends a row makes its case fail, and the
 * page has to be corrected. Kernels before 7.3 have no such call: there only ours runs.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "calls.h"
#include "harness.h"
#include "knob.h"
#include "storm.h"
#include "suites.h"

#define PAGES		64
#define GONE_MS		2000
#define UNDER_WAY	1

static const struct how ours_read = { "ours", HMMU_PROBE_UNLOCKED, READ_REQUEST };
static const struct how ours_write = { "ours", HMMU_PROBE_UNLOCKED, WRITE_REQUEST };
static const struct how mainline_read = { "mainline", HMMU_PROBE_MAINLINE, READ_REQUEST };
static const struct how mainline_write = { "mainline", HMMU_PROBE_MAINLINE, WRITE_REQUEST };

/* One call over @pages pages. Skips the case where the kernel has no such call. */
static void peer_init(struct mirror *m, const void *start, size_t pages,
		      const struct how *how)
{
	mirror_init(m, start, pages, how);
	m->run.flags &= ~HMMU_PROBE_LOOP;
	if (!probe_has_call(m->probe, how->call))
		skip("this kernel has no hmm_range_fault_unlocked_timeout() of its own");
}

/* Missing pages that wait for a server. */
static int area_register(const struct area *area)
{
	int uffd = uffd_need(0, "missing faults");

	CHECK_EQ(uffd_register(uffd, area->at, area->pages * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	return uffd;
}

static void page_answer(const struct mirror *m, int uffd, size_t page)
{
	char contents[PAGE];

	content_fill(contents, SERIES, page, 1);
	CHECK_EQ(uffd_copy(uffd, (char *)(uintptr_t)m->run.start + page * PAGE, contents,
			   PAGE), 0);
}

/* The faults of this thread. */
static unsigned long faults_made(void)
{
	struct rusage usage;

	CHECK_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_minflt + usage.ru_majflt;
}

/*
 * Makes the call; returns how many faults it made. The call must succeed. What the probe
 * writes to is there before.
 */
static unsigned long faults_of_call(struct mirror *m)
{
	unsigned long before;

	m->run.contents = 0;
	memset(m->entries, 0, m->pages * sizeof(*m->entries));
	memset(m->after, 0, m->pages);
	before = faults_made();
	CHECK_EQ(mirror_fault(m), 0);
	return faults_made() - before;
}

/* Each dropped lock begins mainline's call anew. */
static void mainline_restarts(const void *how)
{
	struct area area = area_new(&kind_anon, PAGES);
	uint64_t series = SERIES;
	struct server server = {
		.uffd = area_register(&area), .base = area.at, .pages = PAGES,
		.fill = server_fill_series, .arg = &series,
	};
	struct mirror m;
	int begun;

	one_fault_at_a_time();
	peer_init(&m, area.at, PAGES, how);
	server_start(&server);
	begun = calls_count("mmu_interval_read_begin");
	CHECK_EQ(mirror_fault(&m), 0);
	CHECK_EQ(calls_counted(begun), mirror_is_ours(&m) ? 1 : PAGES + 1);
	server_stop(&server);
	CHECK_EQ(mirror_untrue(&m), 0);
}

/* The state of the thread, a letter, as in /proc. */
static char thread_state(pid_t tid)
{
	char path[64], state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	CHECK(f);
	CHECK_EQ(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
	fclose(f);
	return state;
}

/*
 * Is a second fault of the call waiting, beside that of @msg? Mainline's call cannot make one
 * while its task sleeps.
 */
static bool another_waits(const struct mirror *m, int uffd, struct uffd_msg *msg)
{
	if (mirror_is_ours(m)) {
		CHECK(uffd_next(uffd, msg, 10000));
		return true;
	}
	while (thread_state(m->tid) == 'R')
		sched_yield();
	return uffd_next(uffd, msg, 0);
}

static void mainline_in_flight(const void *how)
{
	struct area area = area_new(&kind_anon, PAGES);
	int uffd = area_register(&area);
	struct uffd_msg msg, other;
	size_t together = 0, missing = PAGES;
	struct mirror m;

	knob_lend(ENGINE_KNOB("faults_adapt"), "0");
	knob_lend(ENGINE_KNOB("faults_in_flight"), "2");
	peer_init(&m, area.at, PAGES, how);
	mirror_begin(&m);
	for (; mirror_waits(&m, uffd, &msg); missing--) {
		/* The first fault of ours is alone, and so is the last. */
		if (missing < PAGES && missing > 1 && another_waits(&m, uffd, &other)) {
			page_answer(&m, uffd, mirror_page(&m, &other));
			missing--;
			together++;
		}
		page_answer(&m, uffd, mirror_page(&m, &msg));
	}
	CHECK_EQ(mirror_end(&m), 0);
	if (mirror_is_ours(&m))
		CHECK_REL(together, >, 0);
	else
		CHECK_EQ(together, 0);
}

/**
 * struct change - what happens to a page that is not asked for, or only for read, while the
 *		   fault of another page waits
 * @request: what is asked of the page
 * @act: the change
 * @error: what mainline's call returns, because it takes the page's entry for its request;
 *	   ours returns 0
 */
struct change {
	uint8_t request;
	void (*act)(char *page);
	int error;
};

static void page_unmap(char *page)
{
	CHECK_EQ(munmap(page, PAGE), 0);
}

static void page_protect_read(char *page)
{
	CHECK_EQ(mprotect(page, PAGE, PROT_READ), 0);
}

static const struct change unmapped = { 0, page_unmap, -EFAULT };
static const struct change read_only = { READ_REQUEST, page_protect_read, -EPERM };

static void requests_kept(const struct how *how, const struct change *change)
{
	enum { CHANGED, BETWEEN, MISSING, NR };
	struct area area = area_new(&kind_anon, NR);
	int uffd = uffd_need(0, "missing faults");
	struct uffd_msg msg;
	struct mirror m;
	int error;

	content_fill(area.at + CHANGED * PAGE, SERIES, CHANGED, 1);
	CHECK_EQ(uffd_register(uffd, area.at + MISSING * PAGE, PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	peer_init(&m, area.at, NR, how);
	m.requests[CHANGED] = change->request;
	m.requests[MISSING] = READ_REQUEST;
	mirror_ask(&m);
	mirror_begin(&m);
	CHECK(mirror_waits(&m, uffd, &msg));
	CHECK_EQ(mirror_page(&m, &msg), MISSING);
	change->act(area.at + CHANGED * PAGE);
	page_answer(&m, uffd, MISSING);
	while (mirror_waits(&m, uffd, &msg))
		page_answer(&m, uffd, mirror_page(&m, &msg));
	error = mirror_end(&m);
	CHECK_EQ(error, mirror_is_ours(&m) ? 0 : change->error);
}

static void mainline_unasked_unmapped(const void *how)
{
	requests_kept(how, &unmapped);
}

static void mainline_read_not_write(const void *how)
{
	requests_kept(how, &read_only);
}

/*
 * A process that makes calls and shares this one's memory, so that this one sees what became
 * of the last call: it is still UNDER_WAY, or how it ended.
 */
struct caller {
	struct hmmu_probe_run run;
	pid_t pid;
	struct pollfd gone;
	char stack[65536] __attribute__((aligned(16)));
};

static int caller_run(void *arg)
{
	struct caller *caller = arg;
	int probe = probe_open();

	do {
		caller->run.error = UNDER_WAY;
	} while (probe_run(probe, &caller->run) <= 0);
	return 0;
}

static void caller_begin(struct caller *caller, const struct how *how, void *at, size_t pages)
{
	caller->run = probe_range(how->call, at, pages, how->request);
	caller->pid = clone(caller_run, caller->stack + sizeof(caller->stack),
			    CLONE_VM | CLONE_FILES | SIGCHLD, caller);
	CHECK_REL(caller->pid, >, 0);
	caller->gone = (struct pollfd) {
		.fd = syscall(SYS_pidfd_open, caller->pid, 0), .events = POLLIN,
	};
	CHECK_REL(caller->gone.fd, >=, 0);
}

static unsigned long caller_faults(const struct caller *caller)
{
	unsigned long faults = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", caller->pid);
	f = fopen(path, "re");
	CHECK(f);
	CHECK_EQ(fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %lu",
			&faults), 1);
	fclose(f);
	return faults;
}

/* Waits until it has made @faults more. Returns false if it is gone before. */
static bool caller_goes_on(const struct caller *caller, unsigned long faults)
{
	unsigned long before = caller_faults(caller);
	struct pollfd gone = caller->gone;

	while (caller_faults(caller) < before + faults) {
		if (poll(&gone, 1, 0))
			return false;
		sched_yield();
	}
	return true;
}

static void caller_end(struct caller *caller)
{
	int status;

	if (poll(&caller->gone, 1, GONE_MS) != 1)
		FAIL("not gone %d ms after SIGKILL", GONE_MS);
	CHECK_EQ(waitpid(caller->pid, &status, 0), caller->pid);
	CHECK(WIFSIGNALED(status));
	close(caller->gone.fd);
}

/*
 * Kill a call that a storm keeps from its end. Returns false if the storm was too weak: the
 * call has succeeded.
 */
static bool kill_in_storm(const struct how *how, const struct area *area,
			  struct storm *storms, size_t n)
{
	static struct caller caller;
	bool ours = how->call == HMMU_PROBE_UNLOCKED, goes_on = false;

	storms_begin(storms, n);
	caller_begin(&caller, how, area->at, area->pages);
	CHECK(caller_goes_on(&caller, 2 * area->pages));
	CHECK_EQ(kill(caller.pid, SIGKILL), 0);
	if (!ours)
		goes_on = caller_goes_on(&caller, 2 * area->pages);
	if (!goes_on)
		caller_end(&caller);
	storms_end(storms, n);
	if (goes_on)
		caller_end(&caller);
	if (!goes_on && !caller.run.error)
		return false;
	CHECK_EQ(goes_on, !ours);
	return true;
}

/* A storm that keeps a call from its end must not keep its task from being killed. */
static void mainline_kill_in_storm(const void *how)
{
	enum { STORMY = 8192, TRIES = 20 };
	struct area area = area_new(&kind_anon, STORMY);
	struct storm storms[3];
	struct mirror m;

	peer_init(&m, area.at, area.pages, how);
	for (size_t i = 0; i < ARRAY_SIZE(storms); i++)
		storms[i] = (struct storm) {
			.invalidate = storm_discard, .at = area.at, .pages = STORMY,
		};
	for (int tries = 0; !kill_in_storm(how, &area, storms, ARRAY_SIZE(storms));)
		if (++tries == TRIES)
			skip("the host is too busy for a storm");
}

/*
 * Faults of the probe's file succeed without effect until it is written to. A call that
 * makes them again and again holds the mmap lock all the time, and cannot be killed.
 */
static void mainline_fault_without_effect(const void *how)
{
	enum { AGAIN = 10000 };
	static struct caller caller;
	int fd = probe_open();
	void *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	struct mirror m;

	CHECK(at != MAP_FAILED);
	peer_init(&m, at, 1, how);
	if (mirror_is_ours(&m)) {
		CHECK_EQ(mirror_fault(&m), -EBUSY);
		CHECK_EQ(mirror_counted(&m, HMM_UNLOCKED_STUCK), 1);
		return;
	}
	caller_begin(&caller, how, at, 1);
	CHECK(caller_goes_on(&caller, AGAIN));
	CHECK_EQ(kill(caller.pid, SIGKILL), 0);
	CHECK(caller_goes_on(&caller, AGAIN));
	/* From now on its faults fail. */
	CHECK_EQ(write(fd, "", 1), 1);
	caller_end(&caller);
}

/*
 * Another thread holds the mmap lock for write, for much longer than the limit, and
 * invalidates nothing of the range.
 */
struct writer {
	char *at;
	size_t length;
	pthread_t thread;
	atomic_bool stop;
	atomic_ulong rounds;
};

static void *writer_thread(void *arg)
{
	struct writer *writer = arg;

	while (!writer->stop)
		CHECK_EQ(mprotect(writer->at, writer->length, writer->rounds++ % 2 ?
				  PROT_READ : PROT_READ | PROT_WRITE), 0);
	return NULL;
}

static void mainline_limit_before_walk(const void *how)
{
	enum { WRITTEN = 16384, TRIES = 20, TRIES_MAX = 20000 };
	struct area area = area_new(&kind_anon, PAGES);
	struct area far = area_new(&kind_anon, WRITTEN);
	struct writer writer = { .at = far.at, .length = WRITTEN * PAGE };
	int tries = 0, error = 0;
	struct mirror m;

	area_fill(&area);
	for (size_t i = 0; i < WRITTEN; i++)
		far.at[i * PAGE] = 1;
	peer_init(&m, area.at, PAGES, how);
	m.run.timeout_ms = 1;
	CHECK_EQ(pthread_create(&writer.thread, NULL, writer_thread, &writer), 0);
	while (writer.rounds < 2)
		sched_yield();
	while (!error && tries++ < (mirror_is_ours(&m) ? TRIES : TRIES_MAX))
		error = mirror_fault(&m);
	writer.stop = true;
	CHECK_EQ(pthread_join(writer.thread, NULL), 0);
	CHECK_EQ(error, mirror_is_ours(&m) ? 0 : -EBUSY);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_VALID), mirror_is_ours(&m) ? PAGES : 0);
	note("%d tries", tries);
}

/* Brings the page without waking who waits for it. */
static void page_bring(int uffd, char *page, const char *contents)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page, .src = (uintptr_t)contents, .len = PAGE,
		.mode = UFFDIO_COPY_MODE_DONTWAKE,
	};

	CHECK_EQ(ioctl(uffd, UFFDIO_COPY, &copy), 0);
}

/* Each answer is taken away before the call sees it. Returns how often. */
static unsigned long answers_lost(const struct how *how, const struct area *area, int uffd,
				  unsigned long most)
{
	char contents[PAGE];
	unsigned long rounds;
	struct uffd_msg msg;
	struct mirror m;

	content_fill(contents, SERIES, 0, 1);
	peer_init(&m, area->at, 1, how);
	m.run.timeout_ms = 20;
	mirror_begin(&m);
	for (rounds = 0; rounds < most && mirror_waits(&m, uffd, &msg); rounds++) {
		page_bring(uffd, area->at, contents);
		CHECK_EQ(madvise(area->at, PAGE, MADV_DONTNEED), 0);
		CHECK_EQ(uffd_wake(uffd, area->at, PAGE), 0);
	}
	while (mirror_waits(&m, uffd, &msg))
		page_answer(&m, uffd, 0);
	CHECK_EQ(mirror_end(&m), rounds == most ? 0 : -EBUSY);
	return rounds;
}

static void mainline_limit_renewed(const void *how)
{
	enum { MOST = 20000, TIMES = 4 };
	struct area area = area_new(&kind_anon, 1);
	int uffd = area_register(&area);
	unsigned long rounds = answers_lost(&ours_read, &area, uffd, MOST);

	note("ours ended after %lu answers were lost", rounds);
	CHECK_REL(rounds, <, MOST);
	if (((const struct how *)how)->call == HMMU_PROBE_UNLOCKED)
		return;
	CHECK_EQ(madvise(area.at, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(answers_lost(how, &area, uffd, TIMES * rounds), TIMES * rounds);
}

/* A fault brings a whole hugetlb page. */
static void mainline_hugetlb_faults(const void *how)
{
	struct area area = area_new(&kind_hugetlb, PAGES_IN_HUGE);
	struct mirror m;

	peer_init(&m, area.at, area.pages, how);
	CHECK_EQ(faults_of_call(&m), mirror_is_ours(&m) ? 1 : PAGES_IN_HUGE);
	CHECK_EQ(mirror_untrue(&m), 0);
}

/* One page of an empty page table is asked for, and nothing of the others. */
static void mainline_hole_faults(const void *how)
{
	struct area area = area_new(&kind_anon, PAGES_IN_HUGE);
	struct mirror m;

	peer_init(&m, area.at, area.pages, how);
	m.requests[0] = WRITE_REQUEST;
	mirror_ask(&m);
	CHECK_EQ(faults_of_call(&m), mirror_is_ours(&m) ? 1 : PAGES_IN_HUGE);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_WRITE), mirror_is_ours(&m) ? 1 : PAGES_IN_HUGE);
}

/* Pages that are there, between two that are missing: who asks for write gets copies. */
static void mainline_present_faulted(const void *how)
{
	enum { FEW = 8 };
	struct area area = area_new(&kind_anon, FEW);
	struct mirror m;

	CHECK_EQ(content_not_zero(area.at, FEW), 0);
	peer_init(&m, area.at, FEW, how);
	for (size_t i = 0; i < FEW; i++)
		m.requests[i] = i ? READ_REQUEST : WRITE_REQUEST;
	mirror_ask(&m);
	CHECK_EQ(faults_of_call(&m), mirror_is_ours(&m) ? 1 : FEW);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_ZERO), mirror_is_ours(&m) ? FEW - 1 : 0);
}

/* The requests, after a call that has failed at the last page. */
static void mainline_requests_after_failure(const void *how)
{
	enum { FEW = 4 };
	struct area area = area_new(&kind_anon, FEW);
	struct mirror m;

	content_fill(area.at, SERIES, 0, FEW - 1);
	page_unmap(area.at + (FEW - 1) * PAGE);
	peer_init(&m, area.at, FEW, how);
	memset(m.requests, READ_REQUEST, FEW);
	mirror_ask(&m);
	CHECK_EQ(mirror_fault(&m), -EFAULT);
	for (size_t i = 0; i < FEW - 1; i++)
		CHECK_EQ(m.after[i], mirror_is_ours(&m) ? READ_REQUEST : WRITE_REQUEST);
	CHECK_EQ(m.after[FEW - 1], READ_REQUEST);
}

/* A range that ends within a page. */
static void mainline_unaligned(const void *how)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	peer_init(&m, area.at, PAGES, how);
	m.run.end -= 8;
	CHECK_EQ(mirror_fault(&m), mirror_is_ours(&m) ? -EINVAL : 0);
}

static void add_both(case_fn *fn, const struct how *ours, const struct how *mainline,
		     const char *name)
{
	add_case(fn, ours, "mainline/%s/%s", name, ours->name);
	add_case(fn, mainline, "mainline/%s/%s", name, mainline->name);
}

void suite_mainline(void)
{
	add_both(mainline_restarts, &ours_read, &mainline_read, "restarts");
	add_both(mainline_in_flight, &ours_read, &mainline_read, "in-flight");
	add_both(mainline_unasked_unmapped, &ours_read, &mainline_read, "unasked-unmapped");
	add_both(mainline_read_not_write, &ours_read, &mainline_read, "read-not-write");
	add_both(mainline_kill_in_storm, &ours_write, &mainline_write, "kill-in-storm");
	add_both(mainline_fault_without_effect, &ours_read, &mainline_read,
		 "fault-without-effect");
	add_both(mainline_limit_before_walk, &ours_read, &mainline_read,
		 "limit-before-walk");
	add_both(mainline_limit_renewed, &ours_read, &mainline_read, "limit-renewed");
	add_both(mainline_hugetlb_faults, &ours_write, &mainline_write, "hugetlb-faults");
	add_both(mainline_hole_faults, &ours_write, &mainline_write, "hole-faults");
	add_both(mainline_present_faulted, &ours_write, &mainline_write, "present-faulted");
	add_both(mainline_requests_after_failure, &ours_read, &mainline_read,
		 "requests-after-failure");
	add_both(mainline_unaligned, &ours_read, &mainline_read, "unaligned");
}
