// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of lazymem against the running kernel: each case in a process group of its own,
 * with a server of its own. The frame is that of tests/, without a guest and a module.
 */
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fixture.h"

#define CASES_MOST	64
#define SECONDS		120
#define EXIT_SKIPPED	77

static struct {
	char name[80];
	case_fn *fn;
	const void *variant;
} cases[CASES_MOST];
static unsigned int nr_cases;

void add_case(case_fn *fn, const void *variant, const char *fmt, ...)
{
	va_list args;

	if (nr_cases == CASES_MOST)
		die("more than %d cases", CASES_MOST);
	va_start(args, fmt);
	vsnprintf(cases[nr_cases].name, sizeof(cases[0].name), fmt, args);
	va_end(args);
	cases[nr_cases].fn = fn;
	cases[nr_cases++].variant = variant;
}

static void leave(int status, const char *fmt, va_list args)
{
	printf("# ");
	vprintf(fmt, args);
	putchar('\n');
	fflush(stdout);
	_exit(status);
}

void skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	leave(EXIT_SKIPPED, fmt, args);
	__builtin_unreachable();
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("# %s:%d\n", file, line);
	va_start(args, fmt);
	leave(1, fmt, args);
	__builtin_unreachable();
}

static int run(unsigned int i)
{
	pid_t pid = fork();
	struct pollfd fd = { .events = POLLIN };
	int status = -1;

	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		cases[i].fn(cases[i].variant);
		fflush(stdout);
		_exit(0);
	}
	setpgid(pid, pid);
	fd.fd = syscall(SYS_pidfd_open, pid, 0);
	if (poll(&fd, 1, SECONDS * 1000) == 1)
		waitpid(pid, &status, 0);
	else
		printf("# takes more than %d seconds\n", SECONDS);
	close(fd.fd);
	kill(-pid, SIGKILL);
	return status;
}

static bool matches(const char *name, const char *pattern)
{
	return !strncmp(name, pattern, strlen(pattern)) || !fnmatch(pattern, name, 0);
}

int main(int argc, char **argv)
{
	unsigned int failed = 0, skipped = 0, passed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || argc > 3)
		die("usage: lazymem-test PATH-OF-LAZYMEM [PATTERN]");
	fixture_start(argv[1]);
	suite_serve();
	suite_events();
	suite_source();
	suite_exit();
	suite_hostile();
	for (unsigned int i = 0; i < nr_cases; i++) {
		int status;

		if (argc == 3 && !matches(cases[i].name, argv[2]))
			continue;
		status = run(i);
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
			printf("ok %u %s # SKIP\n", i + 1, cases[i].name);
			skipped++;
		} else if (!status) {
			printf("ok %u %s\n", i + 1, cases[i].name);
			passed++;
		} else {
			printf("not ok %u %s (status 0x%x)\n", i + 1, cases[i].name,
			       status);
			failed++;
		}
	}
	fixture_stop();
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed != 0;
}
