// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fault sweep, by /proc/thread-self/fail-nth.
 *
 * Each run is a process. It maps a "witness" file: once the process is gone, the file
 * can be sealed against writing, unless something keeps the address space. References
 * on the modules must be what they were before, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "harness.h"
#include "knob.h"
#include "log.h"
#include "module.h"
#include "sweep.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define POINTS_MAX	2000

/* Exit status of a run whose call had no n-th allocation or copy. */
#define EXIT_CLEAN	10

struct sweep {
	const struct swept *swept;
	const void *of;
};

/*
 * Let any allocation fail. Which one fails is up to a task's counter,
 * /proc/thread-self/fail-nth. Each failure is logged with its kind.
 */
static void allow_failures(void)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char path[80];

	if (access("/proc/thread-self/fail-nth", W_OK))
		skip("this kernel can't make allocations fail");
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/verbose", kinds[i]);
		knob_write(path, "1");
	}
	knob_write(DEBUGFS "failslab/ignore-gfp-wait", "N");
	knob_write(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N");
	knob_write(DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N");
	knob_write(DEBUGFS "fail_page_alloc/min-order", "0");
}

static int open_fail_nth(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	return fd;
}

/*
 * Whether a user copy failed. @log begins where the call began. Allocations with
 * __GFP_NOWARN fail without a line.
 */
static bool copy_failed(int log)
{
	char line[8192];
	ssize_t n;

	while ((n = read(log, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (strstr(line, "name fail_usercopy"))
			return true;
	}
	CHECK_EQ(errno, EAGAIN);
	return false;
}

/*
 * End the count; returns whether it had run out. Reading the file is a user copy too:
 * if that copy fails, the count had not run out. Writing is one as well.
 */
static bool ran_out(int fail_nth)
{
	char left[16] = "";
	ssize_t n = pread(fail_nth, left, sizeof(left) - 1, 0);

	while (write(fail_nth, "0", 1) != 1)
		CHECK_EQ(errno, EFAULT);
	return n > 0 && atoi(left) == 0;
}

/* Make the call with the n-th failure; returns whether there was one. */
static bool call_failing(const struct swept *swept, void *state,
			 const char *count)
{
	int fail_nth = open_fail_nth(), log = log_open();
	int error;

	CHECK_EQ(write(fail_nth, count, strlen(count)), (ssize_t)strlen(count));
	error = swept->call(state);
	if (!ran_out(fail_nth)) {
		CHECK_EQ(error, 0);
		return false;
	}
	if (copy_failed(log)) {
		if (error || !swept->copies_again)
			CHECK_EQ(error, -EFAULT);
	} else if (error != swept->no_memory && error) {
		CHECK_EQ(error, -ENOMEM);
	}
	if (error)
		swept->failed(state, error);
	else
		swept->passed(state);
	return true;
}

/* One run, in a process of its own, which also maps @witness. */
static void sweep_run(const struct sweep *sweep, unsigned int nth, int witness)
{
	char count[16];
	void *state;

	CHECK(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
		   witness, 0) != MAP_FAILED);
	snprintf(count, sizeof(count), "%u", nth);
	state = sweep->swept->prepare(sweep->of);
	if (!call_failing(sweep->swept, state, count)) {
		sweep->swept->passed(state);
		fflush(stdout);
		_exit(EXIT_CLEAN);
	}
	CHECK_EQ(sweep->swept->call(state), 0);
	sweep->swept->passed(state);
	fflush(stdout);
	_exit(0);
}

static int witness_new(void)
{
	int fd = memfd_create("witness", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK_REL(fd, >=, 0);
	CHECK_EQ(ftruncate(fd, getpagesize()), 0);
	return fd;
}

/* A file cannot be sealed against writing while an address space maps it writable. */
static void check_unmapped(int witness, unsigned int nth)
{
	if (fcntl(witness, F_ADD_SEALS, F_SEAL_WRITE))
		FAIL("after failure %u: the memory of the process is kept (%s)",
		     nth, strerror(errno));
	close(witness);
}

static int all_references(void)
{
	return module_references(PROBE_MODULE) +
	       module_references(DMIRROR_MODULE) +
	       module_references(REGION_MODULE);
}

/* Returns whether there was an n-th failure. */
static bool sweep_fails(const struct sweep *sweep, unsigned int nth)
{
	int references = all_references();
	int witness = witness_new(), status;
	pid_t pid;

	pid = child_fork();
	if (!pid)
		sweep_run(sweep, nth, witness);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) ||
	    (WEXITSTATUS(status) && WEXITSTATUS(status) != EXIT_CLEAN))
		FAIL("with failure %u of the call: wait status %#x", nth, status);
	check_unmapped(witness, nth);
	CHECK_EQ(all_references(), references);
	return !WEXITSTATUS(status);
}

static void sweep_case(const void *variant)
{
	unsigned int nth = 1;

	allow_failures();
	while (sweep_fails(variant, nth))
		CHECK_REL(nth++, <, POINTS_MAX);
	CHECK_REL(nth, >, 1);
	note("%u failures", nth - 1);
}

void add_sweep(const struct swept *swept, const void *of, const char *fmt, ...)
{
	struct sweep *sweep = malloc(sizeof(*sweep));
	char name[80];
	va_list args;

	CHECK(sweep);
	*sweep = (struct sweep) { .swept = swept, .of = of };
	va_start(args, fmt);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	add_slow_case(300, sweep_case, sweep, "sweep/%s", name);
}
