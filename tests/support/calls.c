// SPDX-License-Identifier: GPL-2.0-only
/* A perf event that counts a kprobe. */
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "harness.h"

#define KPROBES	"/sys/bus/event_source/devices/kprobe/type"

static unsigned int kprobe_event_type(void)
{
	FILE *f = fopen(KPROBES, "re");
	unsigned int type;

	if (!f)
		skip("this kernel has no kprobes of perf: no " KPROBES);
	CHECK_EQ(fscanf(f, "%u", &type), 1);
	fclose(f);
	return type;
}

int calls_count(const char *function)
{
	struct perf_event_attr attr = {
		.type = kprobe_event_type(),
		.size = sizeof(attr),
		.kprobe_func = (uintptr_t)function,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		FAIL("cannot count calls of %s(): %s", function, strerror(errno));
	return fd;
}

uint64_t calls_counted(int fd)
{
	uint64_t calls;

	CHECK_EQ(read(fd, &calls, sizeof(calls)), sizeof(calls));
	return calls;
}
