// SPDX-License-Identifier: GPL-2.0-only
/* What a server leaves in its clients' memory when it ends. */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define PAGES	512

/* A client that has pages 64 to 71 in place and misses the others. */
static struct memory serve_some(struct lazymem_server *server)
{
	struct memory memory = memory_served(server, PAGES, EVENTS);

	CHECK_EQ(image_wrong(memory.base + 64 * PAGE, 64, 8), 0);
	return memory;
}

/* In all of these the test keeps the userfaultfd open: faults must not wait on it. */
static void case_fill(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = serve_some(&server);

	server_end(&server, SIGTERM);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(madvise(memory.base, PAGES * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(content_not_zero(memory.base, PAGES), 0);
}

static void case_poison(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--on-exit", "poison", NULL);
	struct memory memory = serve_some(&server);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	server_end(&server, SIGINT);
	CHECK_EQ(image_wrong(memory.base + 64 * PAGE, 64, 8), 0);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(memory_is_poisoned(memory.base + i * PAGE), i < 64 || i >= 72);
}

static void case_drop(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--on-exit", "drop", NULL);
	struct memory memory = serve_some(&server);

	server_end(&server, SIGTERM);
	CHECK_EQ(image_wrong(memory.base + 64 * PAGE, 64, 8), 0);
	CHECK_EQ(content_not_zero(memory.base, 64), 0);
	CHECK_EQ(content_not_zero(memory.base + 72 * PAGE, PAGES - 72), 0);
}

/* The source never comes back: filling lasts until the second signal. */
static void case_second_signal(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("file", image_make(PAGES), NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--no-prefetch", NULL);
	struct memory memory = serve_some(&server);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	kill(nbdkit.pid, SIGKILL);
	server_says(&server, "source lost");
	kill(server.pid, SIGTERM);
	server_says(&server, "\"progress\"");
	server_end(&server, SIGTERM);
	CHECK(memory_is_poisoned(memory.base));
}

/* The server notices that a client was killed, and serves the others. */
static void case_client_dies(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = serve_some(&server);
	pid_t pid = fork();

	/* A client of its own, beside the child that the parent's userfaultfd reports. */
	if (!pid) {
		serve_some(&server);
		pause();
	}
	server_until(&server, "clients", 3);
	kill(pid, SIGKILL);
	server_until(&server, "clients", 1);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

void suite_exit(void)
{
	add_case(case_fill, NULL, "lazymem/exit/fill");
	add_case(case_poison, NULL, "lazymem/exit/poison");
	add_case(case_drop, NULL, "lazymem/exit/drop");
	add_case(case_second_signal, NULL, "lazymem/exit/second-signal");
	add_case(case_client_dies, NULL, "lazymem/exit/client-dies");
}
