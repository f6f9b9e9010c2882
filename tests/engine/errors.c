// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are unavailable, malformed requests, and memory whose owner has exited.
 *
 * Each flaw is tried with a request (the call fails with the right errno and leaves the
 * requests in the entries) and without one (the call succeeds, the entry says what is
 * there).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "cgroup.h"
#include "dmirror.h"
#include "harness.h"
#include "log.h"
#include "suites.h"

#define PAGES	32
#define BAD	20	/* the page of the range that has the flaw */

/**
 * struct flaw - a reason why a page is unavailable
 * @name: for the name of the case
 * @make: gives a page of anonymous memory the flaw
 * @read: what a request to read it must return, 0 or -errno
 * @write: what a request to write it must return
 * @faults: 1 if only a fault can detect the flaw
 * @unasked: flags of the page's entry if the page is not asked for
 */
struct flaw {
	const char *name;
	void (*make)(char *page);
	int read;
	int write;
	int faults;
	uint64_t unasked;
};

static void page_unmap(char *page)
{
	CHECK_EQ(munmap(page, PAGE), 0);
}

static void page_protect_none(char *page)
{
	CHECK_EQ(mprotect(page, PAGE, PROT_NONE), 0);
}

static void page_protect_write_only(char *page)
{
	CHECK_EQ(mprotect(page, PAGE, PROT_WRITE), 0);
}

static void page_protect_read(char *page)
{
	*page = 1;
	CHECK_EQ(mprotect(page, PAGE, PROT_READ), 0);
}

static void map_at(char *page, int protection, int flags, int fd, off_t offset)
{
	CHECK(mmap(page, PAGE, protection, flags | MAP_FIXED, fd, offset) ==
	      page);
}

static void map_read_only_anon(char *page)
{
	map_at(page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void map_read_only_file(char *page)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	map_at(page, PROT_READ, MAP_SHARED, fd, 0);
}

static void map_past_end(char *page)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	map_at(page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void cut_off(char *page)
{
	int fd = memfd_create("cut", MFD_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	map_at(page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	*page = 1;
	CHECK_EQ(ftruncate(fd, 0), 0);
}

static const struct flaw flaws[] = {
	{ "hole", page_unmap, -EFAULT, -EFAULT, 0, HMMU_PROBE_ERROR },
	{ "prot-none", page_protect_none, -EFAULT, -EFAULT, 0, HMMU_PROBE_ERROR },
	{ "write-only", page_protect_write_only, -EFAULT, -EFAULT, 0,
	  HMMU_PROBE_ERROR },
	{ "pfnmap", area_map_rom, -EFAULT, -EFAULT, 0, HMMU_PROBE_ERROR },
	{ "past-end", map_past_end, -EFAULT, -EFAULT, 1, 0 },
	{ "cut-off", cut_off, -EFAULT, -EFAULT, 1, 0 },
	{ "read-only-anon", map_read_only_anon, 0, -EPERM, 0, 0 },
	{ "read-only-file", map_read_only_file, 0, -EPERM, 0, 0 },
	{ "mprotect", page_protect_read, 0, -EPERM, 0, HMMU_PROBE_VALID },
};

/* Fill the requests with all mixes; returns how many pages before @BAD are faulted. */
static size_t ask_mixed(struct mirror *m, uint8_t bad)
{
	size_t faults = 0;

	mirror_ask(m);
	for (size_t i = 0; i < PAGES; i++) {
		m->requests[i] = i == BAD ? bad : i % 4;
		faults += i < BAD && i % 2;
	}
	return faults;
}

static void errors_asked(const void *variant)
{
	const struct variant *v = variant;
	const struct flaw *flaw = v->of;
	struct area area = area_new(&kind_anon, PAGES);
	int error = v->how->request == WRITE_REQUEST ? flaw->write : flaw->read;
	struct mirror m;
	size_t faults;

	flaw->make(area.at + BAD * PAGE);
	mirror_init(&m, area.at, PAGES, v->how);
	faults = ask_mixed(&m, v->how->request);
	CHECK_EQ(mirror_fault(&m), error);
	if (!error) {
		CHECK_EQ(m.entries[BAD] & (HMMU_PROBE_VALID | HMMU_PROBE_WRITE),
			 HMMU_PROBE_VALID);
		CHECK_COUNTED(&m, HMM_UNLOCKED_FAILURES, ==, 0);
		return;
	}
	if (mirror_is_ours(&m))
		CHECK_EQ(memcmp(m.after, m.requests, PAGES), 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAILURES, ==, 1);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, faults + flaw->faults);
	CHECK_EQ(m.run.loops, 1);
}

static void errors_unasked(const void *variant)
{
	const struct variant *v = variant;
	const struct flaw *flaw = v->of;
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	content_fill(area.at, SERIES, 0, BAD);
	flaw->make(area.at + BAD * PAGE);
	mirror_init(&m, area.at, PAGES, v->how);
	mirror_ask(&m);
	for (size_t i = 0; i < BAD; i++)
		m.requests[i] = v->how->request;
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(content_wrong(m.contents, SERIES, 0, BAD), 0);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_WRITE), BAD);
	CHECK_EQ(m.entries[BAD] & (HMMU_PROBE_ERROR | HMMU_PROBE_VALID),
		 flaw->unasked);
	for (size_t i = BAD + 1; i < PAGES; i++)
		CHECK_EQ(m.entries[i], 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAILURES, ==, 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, 0);
}

/**
 * struct malformed - a range that is refused
 * @name: for the name of the case
 * @start: byte of an area of PAGES pages where it begins
 * @end: where it ends
 */
struct malformed {
	const char *name;
	size_t start;
	size_t end;
};

static const struct malformed malformed_ranges[] = {
	{ "start-unaligned", 8, PAGES * PAGE },
	{ "end-unaligned", 0, PAGES * PAGE - 8 },
	{ "both-unaligned", 8, PAGES * PAGE + 8 },
	{ "empty", PAGE, PAGE },
	{ "inverted", 2 * PAGE, PAGE },
};

static void check_refused(int probe, struct hmmu_probe_run *run)
{
	CHECK_EQ(probe_run(probe, run), -EINVAL);
	CHECK_EQ(run->loops, 1);
	CHECK_EQ(counted(run, HMM_UNLOCKED_CALLS), 0);
	CHECK_EQ(counted(run, HMM_UNLOCKED_FAULTS), 0);
}

static void errors_malformed(const void *variant)
{
	const struct variant *v = variant;
	const struct malformed *range = v->of;
	struct area area = area_new(&kind_anon, PAGES);
	struct hmmu_probe_run run = probe_range(v->how->call, area.at, 0,
						v->how->request);

	run.end = run.start + range->end;
	run.start += range->start;
	check_refused(probe_open(), &run);
}

static void errors_malformed_wraps(const void *variant)
{
	const struct variant *v = variant;
	struct hmmu_probe_run run = probe_range(v->how->call, (void *)-PAGE, 2,
						v->how->request);

	check_refused(probe_open(), &run);
}

/**
 * struct owner - another process, whose memory this one populates and a device mirrors
 * @area: in its memory, filled except pages 0 and 1
 * @pid: the process
 * @probe: the probe, opened by the process
 * @uffd: the userfaultfd where it has registered @area
 * @command: pipe; on a byte the process allocates memory without end
 */
struct owner {
	struct area area;
	pid_t pid;
	int probe;
	int uffd;
	int command[2];
};

static void owner_run(const struct owner *owner, int announce)
{
	int fds[2] = { probe_open(), uffd_open(0, 0) };
	char command;

	CHECK_REL(fds[1], >=, 0);
	content_fill(owner->area.at + 2 * PAGE, SERIES, 2, PAGES - 2);
	CHECK_EQ(dmirror_populate(dmirror_open(0), owner->area.at + 2 * PAGE,
				  PAGES - 2, HMM_DMIRROR_POPULATE_WRITE), 0);
	CHECK_EQ(uffd_register(fds[1], owner->area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(write(announce, fds, sizeof(fds)), sizeof(fds));
	CHECK_EQ(read(owner->command[0], &command, 1), 1);
	for (;;)
		CHECK(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) !=
		      MAP_FAILED);
}

static struct owner owner_new(void)
{
	struct owner owner = { .area = area_new(&kind_anon, PAGES) };
	int announce[2], fds[2], pidfd;

	CHECK_EQ(pipe(announce), 0);
	CHECK_EQ(pipe(owner.command), 0);
	owner.pid = child_fork();
	if (!owner.pid)
		owner_run(&owner, announce[1]);
	close(announce[1]);
	CHECK_EQ(read(announce[0], fds, sizeof(fds)), sizeof(fds));

	pidfd = pidfd_open(owner.pid, 0);
	CHECK_REL(pidfd, >=, 0);
	owner.probe = pidfd_getfd(pidfd, fds[0], 0);
	owner.uffd = pidfd_getfd(pidfd, fds[1], 0);
	CHECK(owner.probe >= 0 && owner.uffd >= 0);
	return owner;
}

/* As mirror_init(), for pages of the owner. */
static void owner_mirror(const struct owner *owner, struct mirror *m,
			 size_t first, size_t pages, const struct how *how)
{
	mirror_init(m, owner->area.at + first * PAGE, pages, how);
	close(m->probe);
	m->probe = owner->probe;
}

static void owner_died(const struct owner *owner)
{
	int status;

	CHECK_EQ(waitpid(owner->pid, &status, 0), owner->pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/*
 * The probe refuses where it takes a reference on the memory; where it takes none, the
 * engine has to.
 */
static void errors_gone(const void *variant)
{
	const struct variant *v = variant;
	struct owner owner = owner_new();
	struct mirror m;

	owner_mirror(&owner, &m, 2, PAGES - 2, v->how);
	CHECK_EQ(mirror_fault(&m), 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 2, PAGES - 2), 0);

	CHECK_EQ(kill(owner.pid, SIGKILL), 0);
	owner_died(&owner);
	CHECK_EQ(probe_try(owner.probe, &m.run), -ESRCH);
	m.run.flags = HMMU_PROBE_NO_MMGET;
	CHECK_EQ(mirror_fault(&m), -EFAULT);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAILURES, ==, 1);
	CHECK_COUNTED(&m, HMM_UNLOCKED_ENTRIES_READ, ==, 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, 0);
}

/* Limit the memory of @pid, which is killed if it takes more. */
static void limit_memory(pid_t pid, const char *bytes)
{
	char why[CGROUP_WHY];

	if (!cgroup_new("errors", bytes, "max", why) || !cgroup_enter("errors", pid, why))
		skip("no memory cgroup: %s", why);
}

/* Wait until the kernel logs @what. */
static void wait_for_log(int log, const char *what)
{
	struct pollfd fd = { .fd = log, .events = POLLIN };
	char line[1024];
	ssize_t n;

	for (;;) {
		n = read(log, line, sizeof(line) - 1);
		if (n > 0) {
			line[n] = '\0';
			if (strstr(line, what))
				return;
		} else {
			CHECK_EQ(poll(&fd, 1, 20000), 1);
		}
	}
}

/* Let the OOM killer kill the owner. The calls that wait hold its address space. */
static void owner_reap(const struct owner *owner)
{
	int log = log_open();
	char reaped[64];

	CHECK_EQ(write(owner->command[1], "", 1), 1);
	owner_died(owner);
	snprintf(reaped, sizeof(reaped), "oom_reaper: reaped process %d ",
		 owner->pid);
	wait_for_log(log, reaped);
	close(log);
}

/*
 * One call of each kind waits for a page when the OOM reaper comes; another one of each
 * kind comes later.
 */
static void errors_reaped(const void *variant)
{
	static const struct how *const two[] = { &hows[0], &hows[2] };
	struct owner owner = owner_new();
	struct mirror waits[2], late[2];
	struct uffd_msg msg;

	limit_memory(owner.pid, "8388608");
	for (size_t i = 0; i < 2; i++) {
		owner_mirror(&owner, &waits[i], i, PAGES - i, two[i]);
		owner_mirror(&owner, &late[i], 2, PAGES - 2, two[i]);
		CHECK_EQ(mirror_fault(&late[i]), 0);
		mirror_begin(&waits[i]);
		CHECK(mirror_waits(&waits[i], owner.uffd, &msg));
	}
	owner_reap(&owner);

	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ(mirror_fault(&late[i]), -EFAULT);
		CHECK_COUNTED(&late[i], HMM_UNLOCKED_FAULTS, ==, 0);
		CHECK_COUNTED(&late[i], HMM_UNLOCKED_ENTRIES_READ, ==, 0);
	}
	CHECK_EQ(uffd_wake(owner.uffd, owner.area.at, 2 * PAGE), 0);
	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ(mirror_end(&waits[i]), -EFAULT);
		CHECK_COUNTED(&waits[i], HMM_UNLOCKED_FAULTS, ==, 1);
		CHECK_COUNTED(&waits[i], HMM_UNLOCKED_LOCK_DROPS, ==, 1);
		CHECK_COUNTED(&waits[i], HMM_UNLOCKED_RESTARTS, ==, 0);
	}
}

void suite_errors(void)
{
	const struct malformed *range;

	for (size_t i = 0; i < ARRAY_SIZE(flaws); i++) {
		add_each_how(errors_asked, &flaws[i], "errors/asked/%s", flaws[i].name);
		add_each_call(errors_unasked, &flaws[i], WRITE_REQUEST,
			      "errors/unasked/%s", flaws[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(malformed_ranges); i++) {
		range = &malformed_ranges[i];
		add_our_calls(errors_malformed, range, READ_REQUEST,
			      "errors/malformed/%s", range->name);
	}
	add_each_call(errors_malformed_wraps, NULL, READ_REQUEST, "errors/malformed/wraps");
	add_each_how(errors_gone, NULL, "errors/gone");
	add_case(errors_reaped, NULL, "errors/reaped");
}
