// SPDX-License-Identifier: GPL-2.0-only
/*
 * The time limit of a call limits the time spent on invalidations, and nothing else.
 *
 * The storm invalidates the whole range from several threads without a pause. The call
 * asks for write on pages that are never left alone long enough for one pass, so only
 * its limit or a signal can end it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content.h"
#include "harness.h"
#include "knob.h"
#include "suites.h"
#include "probe.h"
#include "uffd.h"

#define PAGES		2048
#define STORM_THREADS	3
#define LIMIT_MS	300
#define SUCCESSES_MAX	200
#define GONE_MS		1000

struct storm {
	void (*blow)(char *at, unsigned long number);
	char *at;
	pthread_t threads[STORM_THREADS];
	atomic_bool stop;
	atomic_ulong blows;
};

static void blow_discard(char *at, unsigned long number)
{
	madvise(at, PAGES * PAGE, MADV_DONTNEED);
}

/* Takes the mmap lock for write: calls have to wait for the lock, too. */
static void blow_protect(char *at, unsigned long number)
{
	mprotect(at, PAGES * PAGE, PROT_READ | PROT_WRITE |
		 (number % 2 ? PROT_EXEC : 0));
}

static void *storm_thread(void *arg)
{
	struct storm *storm = arg;

	while (!storm->stop)
		storm->blow(storm->at, storm->blows++);
	return NULL;
}

static void storm_begin(struct storm *storm)
{
	storm->at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(storm->at != MAP_FAILED);
	CHECK_EQ(madvise(storm->at, PAGES * PAGE, MADV_NOHUGEPAGE), 0);
	for (int i = 0; i < STORM_THREADS; i++)
		CHECK_EQ(pthread_create(&storm->threads[i], NULL, storm_thread, storm), 0);
	while (storm->blows < STORM_THREADS)
		sched_yield();
}

static void storm_end(struct storm *storm)
{
	storm->stop = true;
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_join(storm->threads[i], NULL);
}

/*
 * On a busy host the storm may pause long enough for a call to succeed. The limit is
 * what is tested, so the call is repeated. A host that never lets the storm run for as
 * long as the limit cannot test it.
 */
static void limits_storm_with_limit(const void *blow)
{
	static struct storm storm;
	struct hmmu_probe_run run;
	int probe = probe_open(), successes = 0;

	storm.blow = *(void (* const *)(char *, unsigned long))blow;
	storm_begin(&storm);
	run = probe_range(HMMU_PROBE_UNLOCKED, storm.at, PAGES, WRITE_REQUEST);
	run.timeout_ms = LIMIT_MS;
	while (!probe_run(probe, &run))
		if (++successes == SUCCESSES_MAX)
			skip("the host is too busy for a storm of %d ms", LIMIT_MS);
	CHECK_EQ(run.error, -EBUSY);
	storm_end(&storm);

	CHECK_REL(counted(&run, HMM_UNLOCKED_RESTARTS), >, 0);
	CHECK_EQ(counted(&run, HMM_UNLOCKED_STUCK), 0);
	CHECK_REL(run.ns, >=, LIMIT_MS * 1000000ULL);
	note("ended after %llu ms, %llu restarts", run.ns / 1000000,
	     counted(&run, HMM_UNLOCKED_RESTARTS) + 0ULL);
}

/* Each answer takes longer than the limit allows for all of them together. */
static void limits_slow_server(const void *unused)
{
	enum { SLOW_PAGES = 4 };
	static char contents[SLOW_PAGES * PAGE];
	uint64_t series = 3;
	int uffd = uffd_open(0, 0);
	struct server server = {
		.uffd = uffd, .pages = SLOW_PAGES, .delay_us = 200000,
		.fill = server_fill_series, .arg = &series,
	};
	struct hmmu_probe_run run;

	server.base = mmap(NULL, SLOW_PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(uffd_register(uffd, server.base, SLOW_PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&server);
	run = probe_range(HMMU_PROBE_UNLOCKED, server.base, SLOW_PAGES,
			  READ_REQUEST);
	run.timeout_ms = 50;
	run.contents = (uintptr_t)contents;
	CHECK_EQ(probe_run(probe_open(), &run), 0);
	server_stop(&server);

	CHECK_EQ(content_wrong(contents, series, 0, SLOW_PAGES), 0);
	/* Several faults may wait at the same time. */
	CHECK_REL(run.ns, >=, 200000000ULL);
	CHECK_REL(counted(&run, HMM_UNLOCKED_LONGEST_WAIT_NS), >=, 200000000ULL);
}

/*
 * A slow server, and an invalidation during each wait: waiting is not charged to the
 * limit, though every wait ends in a restart.
 */
struct meddler {
	struct server server;
	char *own;
	uint64_t series;
};

static void fill_and_meddle(void *to, uint64_t first, size_t pages, void *arg)
{
	struct meddler *m = arg;

	if (first)
		CHECK_EQ(mprotect(m->own, PAGE, first % 2 ? PROT_READ :
				  PROT_READ | PROT_WRITE), 0);
	content_fill(to, m->series, first, pages);
}

static void limits_slow_server_and_invalidation(const void *unused)
{
	enum { SLOW_PAGES = 6 };
	static char contents[SLOW_PAGES * PAGE];
	static struct meddler m = { .series = 4 };
	struct hmmu_probe_run run;

	one_fault_at_a_time();
	m.own = mmap(NULL, SLOW_PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m.server = (struct server) {
		.uffd = uffd_open(0, 0), .base = m.own, .pages = SLOW_PAGES,
		.delay_us = 100000, .fill = fill_and_meddle, .arg = &m,
	};
	CHECK_EQ(uffd_register(m.server.uffd, m.own, SLOW_PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	server_start(&m.server);
	run = probe_range(HMMU_PROBE_UNLOCKED, m.own, SLOW_PAGES, READ_REQUEST);
	run.timeout_ms = 60;
	run.contents = (uintptr_t)contents;
	CHECK_EQ(probe_run(probe_open(), &run), 0);
	server_stop(&m.server);

	CHECK_EQ(content_wrong(contents, m.series, 0, SLOW_PAGES), 0);
	CHECK_REL(counted(&run, HMM_UNLOCKED_RESTARTS), >=, SLOW_PAGES - 1);
}

/*
 * Runs in a process that shares this one's memory, so that only that process is killed.
 */
static int populate_for_ever(void *arg)
{
	struct storm *storm = arg;
	struct hmmu_probe_run run = probe_range(HMMU_PROBE_UNLOCKED, storm->at,
						PAGES, WRITE_REQUEST);
	int probe = probe_open();

	while (!storm->stop)
		probe_run(probe, &run);
	return 0;
}

/* The faults of a process. If the process only populates, they are all the engine's. */
static unsigned long faults_of(pid_t pid)
{
	unsigned long faults = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	CHECK(f);
	CHECK_EQ(fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %lu",
			&faults), 1);
	fclose(f);
	return faults;
}

static void limits_storm_without_limit(const void *unused)
{
	static char stack[65536] __attribute__((aligned(16)));
	static struct storm storm;
	struct pollfd gone = { .events = POLLIN };
	int status;
	pid_t pid;

	storm.blow = blow_discard;
	storm_begin(&storm);
	pid = clone(populate_for_ever, stack + sizeof(stack),
		    CLONE_VM | CLONE_FILES | SIGCHLD, &storm);
	CHECK_REL(pid, >, 0);
	gone.fd = syscall(SYS_pidfd_open, pid, 0);
	CHECK_REL(gone.fd, >=, 0);

	while (faults_of(pid) < 4 * PAGES)
		sched_yield();
	CHECK_EQ(poll(&gone, 1, 0), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	if (poll(&gone, 1, GONE_MS) != 1)
		FAIL("not gone %d ms after SIGKILL", GONE_MS);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	storm_end(&storm);
}

void suite_limits(void)
{
	static void (* const blows[])(char *at, unsigned long number) = {
		blow_discard, blow_protect,
	};

	/*
	 * If too little were charged to the limit, a call would end after 20 s or more.
	 */
	add_slow_case(10, limits_storm_with_limit, &blows[0],
		      "limits/discards-with-limit");
	add_slow_case(10, limits_storm_with_limit, &blows[1],
		      "limits/mprotects-with-limit");
	add_case(limits_storm_without_limit, NULL, "limits/storm-without-limit");
	add_case(limits_slow_server, NULL, "limits/slow-server");
	add_case(limits_slow_server_and_invalidation, NULL,
		 "limits/slow-server-and-invalidation");
}
