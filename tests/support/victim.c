// SPDX-License-Identifier: GPL-2.0-only
/* Victims: their processes, and the three ways to end. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "harness.h"
#include "victim.h"

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

const struct end ends[NR_ENDS] = {
	[END_EXIT] = { "exit", end_by_exit },
	[END_EXEC] = { "exec", end_by_exec },
	[END_KILL] = { "kill", end_by_kill },
};

/* Send the numbers of the two files; end on command. */
static void victim_run(const struct victim_use *use, const struct area *area,
		       int say, int hear, size_t waiting, const struct end *end)
{
	int fds[2] = { -1, uffd_open(0, 0) };
	char token;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (fds[1] < 0 || uffd_register(fds[1], area->at, VICTIM_PAGES * PAGE,
					UFFDIO_REGISTER_MODE_MISSING))
		die("no userfaultfd");
	fds[0] = use->open(area, waiting);
	if (write(say, fds, sizeof(fds)) != sizeof(fds) ||
	    read(hear, &token, 1) != 1)
		die("pipe");
	end->of();
}

struct victim victim_new(const struct victim_use *use, size_t waiting,
			 const struct end *end)
{
	struct victim v = { .area = area_new(&kind_anon, VICTIM_PAGES) };
	int say[2], hear[2], fds[2];
	struct uffd_msg msg;

	CHECK_EQ(pipe(say), 0);
	CHECK_EQ(pipe(hear), 0);
	v.pid = child_fork();
	if (!v.pid)
		victim_run(use, &v.area, say[1], hear[0], waiting, end);
	close(say[1]);
	CHECK_EQ(read(say[0], fds, sizeof(fds)), sizeof(fds));
	v.gone = pidfd_open(v.pid, 0);
	CHECK_REL(v.gone, >=, 0);
	v.fd = pidfd_getfd(v.gone, fds[0], 0);
	v.uffd = pidfd_getfd(v.gone, fds[1], 0);
	CHECK(v.fd >= 0 && v.uffd >= 0);

	for (size_t i = 0; i < waiting + use->beside; i++)
		CHECK(uffd_next(v.uffd, &msg, 10000));
	v.command = hear[1];
	return v;
}

void victim_ends(const struct victim *v)
{
	struct pollfd gone = { .fd = v->gone, .events = POLLIN };

	CHECK_EQ(write(v->command, "", 1), 1);
	CHECK_EQ(poll(&gone, 1, -1), 1);
	CHECK_EQ(waitpid(v->pid, NULL, 0), v->pid);
}

void victim_memory_is_gone(const struct victim *v)
{
	while (uffd_zeropage(v->uffd, v->area.at, PAGE) != -ESRCH)
		sched_yield();
}

static void busy_life_run(const struct busy_life *life, const void *variant,
			  const struct end *end, atomic_ulong *steps, unsigned int seed,
			  unsigned long until)
{
	life->begin(variant, steps, seed);
	while (*steps < until)
		sched_yield();
	end->of();
}

void ends_anywhere(const struct busy_life *life, const void *variant,
		   const struct end *end)
{
	unsigned int seed = time(NULL);
	atomic_ulong *steps = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK(steps != MAP_FAILED);
	note("seed %u", seed);
	for (int i = 0; i < life->rounds; i++) {
		*steps = 0;
		pid = child_fork();
		if (!pid)
			busy_life_run(life, variant, end, steps, seed + i,
				      rand_r(&seed) % life->steps);
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
		life->look();
	}
	munmap(steps, PAGE);
}
