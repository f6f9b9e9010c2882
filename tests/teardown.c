// SPDX-License-Identifier: GPL-2.0-only
/* Ends of all kinds, with the device open and populates in flight. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "dmirror.h"
#include "fail.h"
#include "harness.h"
#include "main.h"
#include "module.h"

#define PAGES		64
#define POPULATING	4

/**
 * struct victim - a process with the device open, whose faults nobody answers
 * @pid: the process
 * @gone: pidfd
 * @dmirror: the device, as this process has got it from there
 * @uffd: likewise; the server that never answers is here
 * @area: in its memory
 */
struct victim {
	pid_t pid;
	int gone;
	int dmirror;
	int uffd;
	struct area area;
};

struct end {
	const char *name;
	void (*of)(void);
};

static void end_by_exit(void)
{
	exit(0);
}

static void end_by_exec(void)
{
	execl("/bin/true", "true", NULL);
	die_errno("/bin/true");
}

static void end_by_kill(void)
{
	kill(getpid(), SIGKILL);
}

static const struct end ends[] = {
	{ "exit", end_by_exit },
	{ "exec", end_by_exec },
	{ "kill", end_by_kill },
};

struct populate {
	int fd;
	char *at;
};

static void *populate_thread(void *arg)
{
	const struct populate *p = arg;

	dmirror_populate(p->fd, p->at, 1, HMM_DMIRROR_POPULATE_WRITE);
	return NULL;
}

/* Say the numbers of the two files; end when told so. */
static void victim_run(const struct area *area, int say, int hear,
		       size_t populating, const struct end *end)
{
	int fds[2] = { dmirror_open(0), uffd_open(0, 0) };
	struct populate populates[POPULATING];
	pthread_t thread;
	char token;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (fds[1] < 0 || uffd_register(fds[1], area->at, PAGES * PAGE,
					UFFDIO_REGISTER_MODE_MISSING))
		die("no userfaultfd");
	for (size_t i = 0; i < populating; i++) {
		populates[i] = (struct populate) { fds[0], area->at + i * PAGE };
		if (pthread_create(&thread, NULL, populate_thread,
				   &populates[i]))
			die("no thread");
	}
	for (size_t i = 0; i < 3; i++)
		if (dmirror_prefetch(fds[0], area->at + (8 + i) * PAGE, 1, 0))
			die("no prefetch");
	if (write(say, fds, sizeof(fds)) != sizeof(fds) ||
	    read(hear, &token, 1) != 1)
		die("pipe");
	end->of();
}

static struct victim victim_new(size_t populating, const struct end *end,
				int *command)
{
	struct victim v = { .area = area_new(&kind_anon, PAGES) };
	int say[2], hear[2], fds[2];
	struct uffd_msg msg;

	CHECK_EQ(pipe(say), 0);
	CHECK_EQ(pipe(hear), 0);
	v.pid = fork();
	CHECK_REL(v.pid, >=, 0);
	if (!v.pid)
		victim_run(&v.area, say[1], hear[0], populating, end);
	close(say[1]);
	CHECK_EQ(read(say[0], fds, sizeof(fds)), sizeof(fds));
	v.gone = pidfd_open(v.pid, 0);
	CHECK_REL(v.gone, >=, 0);
	v.dmirror = pidfd_getfd(v.gone, fds[0], 0);
	v.uffd = pidfd_getfd(v.gone, fds[1], 0);
	CHECK(v.dmirror >= 0 && v.uffd >= 0);

	/* Of the prefetches one is under way. */
	for (size_t i = 0; i < populating + 1; i++)
		CHECK(uffd_next(v.uffd, &msg, 10000));
	*command = hear[1];
	return v;
}

static void victim_ends(const struct victim *v, int command)
{
	struct pollfd gone = { .fd = v->gone, .events = POLLIN };

	CHECK_EQ(write(command, "", 1), 1);
	CHECK_EQ(poll(&gone, 1, -1), 1);
	CHECK_EQ(waitpid(v->pid, NULL, 0), v->pid);
}

/* Its memory is: a userfaultfd can no longer reach it. */
static void memory_is_gone(const struct victim *v)
{
	while (uffd_zeropage(v->uffd, v->area.at, PAGE) != -ESRCH)
		sched_yield();
}

static void ends_in_flight(const void *variant)
{
	int command;
	struct victim v = victim_new(POPULATING, variant, &command);

	close(v.dmirror);
	victim_ends(&v, command);
	memory_is_gone(&v);
	close(v.uffd);
	CHECK_EQ(module_references(DMIRROR_MODULE), 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
	modules_unload();
	modules_load();
}

/* Whoever was given the file can do nothing with it, and keeps nothing alive. */
static void passed_on(const void *variant)
{
	int command;
	struct victim v = victim_new(0, variant, &command);
	struct area own = area_new(&kind_anon, 1);

	CHECK_EQ(dmirror_populate(v.dmirror, own.at, 1, 0), -EACCES);
	CHECK_EQ(dmirror_cancel(v.dmirror), -EACCES);
	victim_ends(&v, command);
	memory_is_gone(&v);
	CHECK_EQ(dmirror_populate(v.dmirror, own.at, 1, 0), -EACCES);
	CHECK_EQ(mirror_total("in_flight"), 0);
	CHECK_REL(module_references(DMIRROR_MODULE), >, 0);
	close(v.dmirror);
	CHECK_EQ(module_references(DMIRROR_MODULE), 0);
}

static void refused_in_flight(const void *variant)
{
	int command;
	struct victim v = victim_new(POPULATING, variant, &command);

	close(v.dmirror);
	CHECK_EQ(module_unload(DMIRROR_MODULE), -EAGAIN);
	CHECK_EQ(module_unload(ENGINE_MODULE), -EAGAIN);
	victim_ends(&v, command);
	modules_unload();
	modules_load();
}

/* Closing ends a prefetch that waits for a page server. */
static void close_ends_prefetch(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	int fd = dmirror_open(0), uffd = uffd_need(0, "missing faults");
	struct uffd_msg msg;

	CHECK_EQ(uffd_register(uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(dmirror_prefetch(fd, area.at, PAGES, 0), 0);
	CHECK_EQ(dmirror_prefetch(fd, area.at, PAGES, 0), 0);
	CHECK(uffd_next(uffd, &msg, 10000));
	close(fd);
	CHECK_EQ(mirror_total("in_flight"), 0);
}

#define RACES	200

struct race {
	struct area area;
	pthread_barrier_t begin;
	int fd;
};

static void *race_populate(void *arg)
{
	struct race *race = arg;
	int ret;

	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&race->begin);
		/* EBADF: it was closed before this came to use it. */
		ret = dmirror_populate(race->fd, race->area.at, PAGES,
				       HMM_DMIRROR_POPULATE_WRITE);
		CHECK(!ret || ret == -EFAULT || ret == -EBADF ||
		      ret == -ECANCELED);
		pthread_barrier_wait(&race->begin);
	}
	return NULL;
}

static void *race_unmap(void *arg)
{
	struct race *race = arg;
	size_t length = PAGES * PAGE;

	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&race->begin);
		CHECK_EQ(munmap(race->area.at, length), 0);
		CHECK(mmap(race->area.at, length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		      race->area.at);
		pthread_barrier_wait(&race->begin);
	}
	return NULL;
}

/* Open, use, unmap and close, all at a time. */
static void races(const void *unused)
{
	struct race race = { .area = area_new(&kind_anon, PAGES) };
	pthread_t threads[2];

	pthread_barrier_init(&race.begin, NULL, 3);
	CHECK_EQ(pthread_create(&threads[0], NULL, race_populate, &race), 0);
	CHECK_EQ(pthread_create(&threads[1], NULL, race_unmap, &race), 0);
	for (int i = 0; i < RACES; i++) {
		race.fd = dmirror_open(i % HMM_DMIRROR_NDEVICES);
		CHECK_EQ(dmirror_prefetch(race.fd, race.area.at, PAGES, 0), 0);
		pthread_barrier_wait(&race.begin);
		if (i % 2)
			sched_yield();
		CHECK_EQ(close(race.fd), 0);
		pthread_barrier_wait(&race.begin);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(module_references(DMIRROR_MODULE), 0);
}

void suite_teardown(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		add_case(ends_in_flight, &ends[i], "teardown/%s", ends[i].name);
		add_case(passed_on, &ends[i], "teardown/passed-on/%s",
			 ends[i].name);
	}
	add_case(refused_in_flight, &ends[0], "teardown/unload-refused");
	add_case(close_ends_prefetch, NULL, "teardown/close-ends-prefetch");
	add_case(races, NULL, "teardown/races");
}
