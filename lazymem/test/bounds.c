// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bounds for what is brought unasked: bytes a second, and the room in the client's memory
 * cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "rate.h"
#include "slot.h"

#define SECOND_NS	1000000000ULL
#define MIB		(1UL << 20)

/* The clock is the case's own. */
static void case_bucket(const void *variant)
{
	struct lazymem_rate *rate = lazymem_rate_new(MIB);
	uint64_t now = 1000 * SECOND_NS, taken = 0;

	/* A full bucket, and one read more that leaves it below zero. */
	while (rate_allows(rate, now)) {
		rate_take(rate, SLOT_BYTES, now);
		taken += SLOT_BYTES;
	}
	CHECK_EQ(taken, 2 * SLOT_BYTES);
	CHECK_REL(rate_due(rate), >, now);
	CHECK(!rate_allows(rate, rate_due(rate) - 1));
	CHECK(rate_allows(rate, rate_due(rate)));
	/* Looking every millisecond for ten seconds, as much is taken as the rate says. */
	for (int i = 0; i < 10000; i++, now += SECOND_NS / 1000) {
		if (!rate_allows(rate, now))
			continue;
		rate_take(rate, PAGE, now);
		taken += PAGE;
	}
	CHECK_REL(taken, <=, 10 * MIB + 2 * SLOT_BYTES);
	CHECK_REL(taken, >=, 10 * MIB);
	CHECK(rate_allows(NULL, now));
	lazymem_rate_free(rate);
}

/*
 * By the server's own clock no more than the rate is brought unasked, windows included. A
 * client that asks for each page gets each.
 */
static void case_rate(const void *variant)
{
	const size_t pages = 4096;
	struct lazymem_server server = server_run(image_make(pages), "--rate", "1",
						  "--on-exit", "drop", NULL);
	struct memory memory = memory_served(&server, pages, 0);

	CHECK_EQ(image_wrong(memory.base + pages / 2 * PAGE, pages / 2, pages / 2), 0);
	do
		server_says(&server, "\"progress\"");
	while (!server_number(&server, "served"));
	CHECK_REL(server_number(&server, "prefetched"), <=,
		  2 * SLOT_BYTES + server_number(&server, "milliseconds") * MIB / 1000);
	CHECK_REL(server_number(&server, "missing"), >, 0);
	server_end(&server, SIGTERM);
}

#define LIMIT		(64 * MIB)
#define LARGE_PAGES	(2 * LIMIT / PAGE)

static void cgroup_write(const char *folder, const char *name, unsigned long value)
{
	char path[512], text[32];
	int fd, length = snprintf(text, sizeof(text), "%lu", value);

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, length) != length) {
		rmdir(folder);
		skip("%s: %s", path, strerror(errno));
	}
	close(fd);
}

/* A guest has no cgroups yet: version 2. Errors show when the cgroup is made. */
static void cgroup_mount(void)
{
	static const char memory[] = "+memory";
	int fd;

	mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, memory, strlen(memory)) < 0)
		note("no memory controller: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* A memory cgroup with a limit, of whichever version there is. */
static const char *cgroup_make(void)
{
	static const struct {
		const char *top, *limit;
	} versions[] = {
		{ "/sys/fs/cgroup/memory", "memory.limit_in_bytes" },
		{ "/sys/fs/cgroup", "memory.max" },
	};
	static char folder[256];

	if (fixture_in_guest)
		cgroup_mount();
	for (int i = 0; i < 2; i++) {
		char path[300];

		snprintf(folder, sizeof(folder), "%s/lazymem-test-%d", versions[i].top,
			 getpid());
		if (mkdir(folder, 0700))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, versions[i].limit);
		if (!access(path, W_OK)) {
			cgroup_write(folder, versions[i].limit, LIMIT);
			return folder;
		}
		rmdir(folder);
	}
	skip("no memory cgroup can be made here");
}

/*
 * In the cgroup, with twice as much memory as it may take. It waits until the server has
 * ended; then what it has is the image's, and what it misses was not brought.
 */
static int cgroup_client(const char *folder, const struct lazymem_server *server, int go_on)
{
	size_t last = LARGE_PAGES - 1;
	struct memory memory;
	char c;

	cgroup_write(folder, "cgroup.procs", getpid());
	memory = memory_served(server, LARGE_PAGES, 0);
	if (image_wrong(memory.base, 0, 64) || read(go_on, &c, 1))
		return 1;
	if (memory_can_poison() && !memory_is_poisoned(memory.base + last * PAGE))
		return 2;
	return 0;
}

/* The client lives on, also while the server fills its memory at the end. */
static void case_room(const void *variant)
{
	/* Where the kernel cannot poison, the client would be killed for what it misses. */
	struct lazymem_server server = server_run(image_make(LARGE_PAGES), "--on-lost",
						  memory_can_poison() ? "poison" : "drop",
						  NULL);
	const char *folder = cgroup_make();
	int pipes[2], status;
	pid_t client;

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	client = fork();
	if (!client) {
		close(pipes[1]);
		_exit(cgroup_client(folder, &server, pipes[0]));
	}
	server_says(&server, "little room");
	kill(server.pid, SIGTERM);
	server_says(&server, "does not fit");
	server_end(&server, 0);
	CHECK_REL(server_number(&server, "prefetched"), >, LIMIT / 4);
	CHECK_REL(server_number(&server, "prefetched") - server_number(&server, "zero"), <,
		  LIMIT);
	close(pipes[1]);
	CHECK_EQ(waitpid(client, &status, 0), client);
	rmdir(folder);
	CHECK_EQ(status, 0);
}

void suite_bounds(void)
{
	add_case(case_bucket, NULL, "lazymem/bounds/bucket");
	add_case(case_rate, NULL, "lazymem/bounds/rate");
	add_case(case_room, NULL, "lazymem/bounds/room");
}
