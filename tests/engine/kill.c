// SPDX-License-Identifier: GPL-2.0-only
/*
 * A requester that is killed exits at once, whichever process was to answer its fault.
 *
 * The victim is a process whose fault waits, which the userfaultfd's message proves.
 * After SIGKILL it has one second to exit, and nothing of it may keep the modules
 * loaded.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "fail.h"
#include "harness.h"
#include "suites.h"
#include "module.h"
#include "uffd.h"

#define PAGES	64
#define GONE_MS	1000

struct scene {
	const char *name;
	enum hmmu_probe_call call;
	uint64_t request;
	bool server_elsewhere;
};

static const struct scene variants[] = {
	{ "unlocked/server-inside", HMMU_PROBE_UNLOCKED, READ_REQUEST, false },
	{ "unlocked/server-elsewhere", HMMU_PROBE_UNLOCKED, WRITE_REQUEST, true },
	{ "unlockable/server-inside", HMMU_PROBE_UNLOCKABLE, WRITE_REQUEST, false },
	{ "unlockable/server-elsewhere", HMMU_PROBE_UNLOCKABLE, READ_REQUEST, true },
};

/* Pipe: the victim sends the number of its userfaultfd, or that its fault waits. */
static int tell[2];

static void victim_say(int number)
{
	if (write(tell[1], &number, sizeof(number)) != sizeof(number))
		die_errno("pipe");
}

static int victim_hear(void)
{
	int number;

	CHECK_EQ(read(tell[0], &number, sizeof(number)), sizeof(number));
	return number;
}

static void victim_run(const struct scene *v)
{
	void *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int uffd = uffd_open(0, 0);
	const struct how how = { .call = v->call, .request = v->request };
	struct mirror mirror;
	struct uffd_msg msg;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (uffd_register(uffd, at, PAGES * PAGE, UFFDIO_REGISTER_MODE_MISSING))
		die("cannot register");
	victim_say(uffd);
	mirror_init(&mirror, at, PAGES, &how);
	mirror_begin(&mirror);
	if (!v->server_elsewhere && uffd_next(uffd, &msg, 10000))
		victim_say(0);
	mirror_end(&mirror);
}

/* Take over the victim's userfaultfd, and make sure that its fault waits. */
static int victim_uffd(int pidfd, int number)
{
	struct uffd_msg msg;
	int uffd = syscall(SYS_pidfd_getfd, pidfd, number, 0);

	CHECK_REL(uffd, >=, 0);
	CHECK(uffd_next(uffd, &msg, 10000));
	return uffd;
}

static void kill_requester(const void *arg)
{
	const struct scene *v = arg;
	struct pollfd gone = { .events = POLLIN };
	int uffd = -1, number, status;
	pid_t pid;

	CHECK_EQ(pipe(tell), 0);
	pid = child_fork();
	if (!pid) {
		victim_run(v);
		_exit(0);
	}
	gone.fd = syscall(SYS_pidfd_open, pid, 0);
	CHECK_REL(gone.fd, >=, 0);
	number = victim_hear();
	if (v->server_elsewhere)
		uffd = victim_uffd(gone.fd, number);
	else
		victim_hear();

	CHECK_EQ(kill(pid, SIGKILL), 0);
	if (poll(&gone, 1, GONE_MS) != 1)
		FAIL("not gone %d ms after SIGKILL", GONE_MS);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_EQ(module_references(PROBE_MODULE), 0);
	modules_unload();
	modules_load();
	if (uffd >= 0)
		close(uffd);
}

void suite_kill(void)
{
	for (size_t i = 0; i < sizeof(variants) / sizeof(*variants); i++)
		add_case(kill_requester, &variants[i], "kill/%s", variants[i].name);
}
