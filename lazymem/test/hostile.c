// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that lie, vanish or hold things up, each beside one that behaves and must be
 * served well.
 */
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "uffd.h"

#define PAGES	512

/* Each of these is refused, and the message says what is wrong. */
static void case_refused(const void *variant)
{
	static const struct {
		const char *text, *answer;
	} lies[] = {
		{ "hello", "not JSON" },
		{ "[}", "not JSON" },
		{ "{}", "not a JSON array" },
		{ "[]", "from 1 to 1024 mappings" },
		{ "[7]", "is not an object" },
		{ "[{}]", "base_host_virt_addr" },
		{ "[{\"base_host_virt_addr\":-4096,\"size\":4096,\"offset\":0}]", "base_host_virt_addr" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":\"x\",\"offset\":0}]", "\\\"size\\\"" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":4096.5,\"offset\":0}]", "\\\"size\\\"" },
		{ "[{\"base_host_virt_addr\":4097,\"size\":4096,\"offset\":0}]", "not aligned" },
		{ "[{\"base_host_virt_addr\":0,\"size\":4096,\"offset\":0}]", "no such addresses" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":0,\"offset\":0}]", "empty" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":0,\"page_size\":3}]", "page size" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":2097152}]", "beyond" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":2101248,\"offset\":0}]", "beyond" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":9223372036854771712,\"offset\":0}]", "such addresses" },
		{ "[{\"base_host_virt_addr\":18446744073709547520,\"size\":8192,\"offset\":0}]", "not aligned" },
		{ "[{\"base_host_virt_addr\":4096,\"size\":8192,\"offset\":0},{\"base_host_virt_addr\":8192,\"size\":4096,\"offset\":0}]", "overlaps" },
	};
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		close(server_send(&server, lies[i].text, uffd));
		server_says(&server, "refused");
		if (!strstr(server.line, lies[i].answer))
			FAIL("%s is answered by %s", lies[i].text, server.line);
	}
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 1);
}

/* Right in itself: the mapping of another process cannot be checked. */
static const char good[] =
	"[{\"base_host_virt_addr\":16777216,\"size\":4096,\"offset\":0}]";

/* No descriptor, one of another kind, and one without UFFDIO_API. */
static void case_wrong_descriptors(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	close(server_send(&server, good, -1));
	server_says(&server, "no file descriptor");
	close(server_send(&server, good, eventfd(0, 0)));
	server_says(&server, "no userfaultfd");
	close(server_send(&server, good, syscall(SYS_userfaultfd, O_CLOEXEC)));
	server_says(&server, "UFFDIO_API");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* A client that hangs up within its message is refused; one that sends bytes is served. */
static void case_pieces(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	char text[256];
	int to;

	close(server_send(&server, "[{\"base_host", memory.uffd));
	server_says(&server, "hung up");
	to = server_send(&server, "[{\"offset\":0,\"base_ho", memory.uffd);
	snprintf(text, sizeof(text), "st_virt_addr\":%lu,\"size\":%lu}]",
		 (unsigned long)memory.base, PAGES * PAGE);
	for (char *c = text; *c; c++)
		CHECK_EQ(write(to, c, 1), 1);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* A message without end is cut off at 256 KiB. */
static void case_endless(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	int to = server_send(&server, "[", -1);
	char spaces[4096];

	memset(spaces, ' ', sizeof(spaces));
	while (send(to, spaces, sizeof(spaces), MSG_NOSIGNAL) > 0)
		;
	server_says(&server, "longer than 256 KiB");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* The mapping does not exist any more: nothing can be put there, and that is no failure. */
static void case_nothing_mapped(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	struct memory other = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					  UFFDIO_REGISTER_MODE_MISSING);

	munmap(other.base, PAGES * PAGE);
	memory_serve(&other, &server);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 2);
}

/* Registered, but not in the list: no content is known, so it is poisoned. */
static void case_not_listed(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	memory.pages = PAGES / 2;
	memory_serve(&memory, &server);
	CHECK(memory_is_poisoned(memory.base + PAGES / 2 * PAGE));
	CHECK_EQ(image_wrong(memory.base, 0, PAGES / 2), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 1);
}

static void *make_blocking(void *arg)
{
	struct memory *memory = arg;
	int flags = fcntl(memory->uffd, F_GETFL) & ~O_NONBLOCK;

	for (;;)
		fcntl(memory->uffd, F_SETFL, flags);
	return NULL;
}

/*
 * A client that makes its userfaultfd blocking again and again. It faults without end: the
 * more the server has to read, the more often it finds the descriptor blocking.
 */
static void client_misbehave(struct lazymem_server *server)
{
	struct memory memory = memory_served(server, PAGES, 0);
	pthread_t thread;

	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	CHECK_EQ(pthread_create(&thread, NULL, make_blocking, &memory), 0);
	for (;;) {
		madvise(memory.base, PAGE, MADV_DONTNEED);
		*(volatile char *)memory.base;
	}
}

/* @path: /proc/PID/task/TID/syscall, whose first word is the number of the call. */
static bool is_in_read(const char *path)
{
	FILE *file = fopen(path, "re");
	long call = -1;

	if (!file)
		return false;
	if (fscanf(file, "%ld", &call) != 1)
		call = -1;
	fclose(file);
	return call == SYS_read;
}

/* Whether a thread of the server is in read(). */
static bool server_is_reading(const struct lazymem_server *server)
{
	char pattern[64];
	bool found = false;
	glob_t paths;

	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/syscall", server->pid);
	if (glob(pattern, 0, NULL, &paths))
		return false;
	for (size_t i = 0; i < paths.gl_pathc; i++)
		found |= is_in_read(paths.gl_pathv[i]);
	globfree(&paths);
	return found;
}

/* Stop the client at a moment when its thread in the server sits in read(). */
static void client_hold_up(struct lazymem_server *server, pid_t client)
{
	int status;

	do {
		kill(client, SIGCONT);
		while (!server_is_reading(server))
			usleep(1000);
		kill(client, SIGSTOP);
		CHECK_EQ(waitpid(client, &status, WUNTRACED), client);
		CHECK(WIFSTOPPED(status));
	} while (!server_is_reading(server));
}

/*
 * The client gets its thread in the server to sit in read(), although the thread makes the
 * descriptor non-blocking each time. Other clients are served meanwhile, and the server can
 * end.
 */
static void case_blocking(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--on-exit", "drop", NULL);
	struct memory memory;
	pid_t client = fork();

	if (!client)
		client_misbehave(&server);
	client_hold_up(&server, client);
	memory = memory_served(&server, PAGES, 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK(server_is_reading(&server));
	server_end(&server, SIGTERM);
}

/* 32 clients connect and send nothing. */
static void case_silent(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory;

	for (int i = 0; i < 32; i++)
		server_send(&server, "", -1);
	memory = memory_served(&server, PAGES, 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

void suite_hostile(void)
{
	add_case(case_refused, NULL, "lazymem/hostile/refused");
	add_case(case_wrong_descriptors, NULL, "lazymem/hostile/wrong-descriptors");
	add_case(case_pieces, NULL, "lazymem/hostile/pieces");
	add_case(case_endless, NULL, "lazymem/hostile/endless");
	add_case(case_nothing_mapped, NULL, "lazymem/hostile/nothing-mapped");
	add_case(case_not_listed, NULL, "lazymem/hostile/not-listed");
	add_case(case_blocking, NULL, "lazymem/hostile/blocking");
	add_case(case_silent, NULL, "lazymem/hostile/silent");
}
