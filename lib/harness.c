// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs cases in processes of their own, and prints TAP.
 *
 * A case is a process and a process group, which is killed when the case is over or out
 * of time. The reason of a skip and the lent knobs are in shared memory, because the
 * process of a case may end at any point.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "harness.h"
#include "knob.h"

#define CASES_MAX	2048
#define NAME_MAX_LENGTH	80
#define DEFAULT_SECONDS	180
#define EXIT_SKIPPED	77

struct test_case {
	char name[NAME_MAX_LENGTH];
	unsigned int seconds;
	case_fn *fn;
	const void *variant;
};

static struct test_case cases[CASES_MAX];
static unsigned int nr_cases;

/* Shared with the process of a case. */
static char *skip_reason;
#define SKIP_REASON_SIZE 4096

static void case_add(unsigned int seconds, case_fn *fn, const void *variant,
		     const char *fmt, va_list args)
{
	struct test_case *c = &cases[nr_cases++];

	if (nr_cases > CASES_MAX)
		die("more than %d cases: raise CASES_MAX", CASES_MAX);
	vsnprintf(c->name, sizeof(c->name), fmt, args);
	c->seconds = seconds;
	c->fn = fn;
	c->variant = variant;
}

void add_case(case_fn *fn, const void *variant, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	case_add(DEFAULT_SECONDS, fn, variant, fmt, args);
	va_end(args);
}

void add_slow_case(unsigned int seconds, case_fn *fn, const void *variant,
		   const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	case_add(seconds, fn, variant, fmt, args);
	va_end(args);
}

void add_suite(const char *word, void (*add_cases)(void))
{
	unsigned int first = nr_cases;
	size_t length = strlen(word);

	add_cases();
	for (unsigned int i = first; i < nr_cases; i++)
		if (strncmp(cases[i].name, word, length) || cases[i].name[length] != '/')
			die("the suite \"%s\" adds the case \"%s\"", word, cases[i].name);
}

void skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(skip_reason, SKIP_REASON_SIZE, fmt, args);
	va_end(args);
	fflush(stdout);
	_exit(EXIT_SKIPPED);
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

/* Mark the kernel's log: what follows belongs to this case. A container has no log. */
static void log_mark(const char *name)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[NAME_MAX_LENGTH + 32];
	int n = snprintf(line, sizeof(line), "hmm-unlocked-test: %s\n", name);

	if (fd < 0)
		return;
	if (write(fd, line, n) != n)
		die_errno("cannot write to /dev/kmsg");
	close(fd);
}

static pid_t case_start(const struct test_case *c)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die_errno("fork");
	if (pid) {
		setpgid(pid, pid);
		return pid;
	}
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	c->fn(c->variant);
	fflush(stdout);
	_exit(0);
}

/* Wait for the end of @pid, @ms at most. */
static bool process_ended(pid_t pid, int ms, int *status)
{
	struct pollfd fd = {
		.fd = syscall(SYS_pidfd_open, pid, 0),
		.events = POLLIN,
	};
	bool over;

	if (fd.fd < 0)
		die_errno("pidfd_open");
	over = poll(&fd, 1, ms) == 1;
	close(fd.fd);
	if (over && waitpid(pid, status, 0) != pid)
		die_errno("waitpid");
	return over;
}

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - begun->tv_sec +
	       (now.tv_nsec - begun->tv_nsec) / 1e9;
}

/* Also kills what the case may have left running. */
static bool case_run(const struct test_case *c, int *status)
{
	pid_t pid = case_start(c);
	bool in_time = process_ended(pid, c->seconds * 1000, status);

	kill(-pid, SIGKILL);
	if (!in_time) {
		printf("# still running after %u s, killed\n", c->seconds);
		if (!process_ended(pid, 10000, status))
			printf("# and does not die: process %d is stuck\n", pid);
	}
	knobs_give_back();
	return in_time;
}

static bool case_report(unsigned int number, const struct test_case *c)
{
	struct timespec begun;
	bool in_time;
	int status = 0;

	log_mark(c->name);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	in_time = case_run(c, &status);
	if (in_time && WIFEXITED(status) && !WEXITSTATUS(status)) {
		printf("ok %u - %s # time=%.3fs\n", number, c->name,
		       seconds_since(&begun));
		return true;
	}
	if (in_time && WIFEXITED(status) &&
	    WEXITSTATUS(status) == EXIT_SKIPPED) {
		printf("ok %u - %s # SKIP %s\n", number, c->name, skip_reason);
		return true;
	}
	if (in_time && WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	printf("not ok %u - %s\n", number, c->name);
	return false;
}

static bool case_chosen(const struct test_case *c, const char *pattern)
{
	return !pattern || !fnmatch(pattern, c->name, 0) ||
	       !strncmp(pattern, c->name, strlen(pattern));
}

static unsigned int count_chosen(const char *pattern)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < nr_cases; i++)
		n += case_chosen(&cases[i], pattern);
	return n;
}

void list_cases(const char *pattern)
{
	for (unsigned int i = 0; i < nr_cases; i++)
		if (case_chosen(&cases[i], pattern))
			puts(cases[i].name);
}

bool run_cases(const char *pattern)
{
	unsigned int n = count_chosen(pattern), number = 0;
	bool good = true;

	if (!n)
		die("no case is called or begins with \"%s\": see --list",
		    pattern);
	skip_reason = mmap(NULL, SKIP_REASON_SIZE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (skip_reason == MAP_FAILED)
		die_errno("mmap");
	knobs_init();
	printf("TAP version 13\n1..%u\n", n);
	for (unsigned int i = 0; i < nr_cases; i++) {
		if (!case_chosen(&cases[i], pattern))
			continue;
		good &= case_report(++number, &cases[i]);
		fflush(stdout);
	}
	return good;
}
