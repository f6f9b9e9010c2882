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
#include <sys/resource.h>
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
		{ "{}", "sent an object, not a list" },
		{ "{\"mappings\":[]}", "send the list in \\\"mappings\\\" alone" },
		{ "{\"LoadSnapshot\":{\"guest_mappings\":[]}}", "sent an object, not a list" },
		{ "{\"lazymem\":2,\"mappings\":[]}", "the only version" },
		{ "{\"lazymem\":1}", "no list \\\"mappings\\\"" },
		{ "{\"lazymem\":1,\"mappings\":[],\"speed\":9}", "field \\\"speed\\\"" },
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

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		/* One that is refused is still answered for a moment. */
		int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

		close(server_send(&server, lies[i].text, uffd));
		close(uffd);
		server_says(&server, "refused (process");
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

	close(server_send(&server, "[{\"base_host", syscall(SYS_userfaultfd, O_CLOEXEC)));
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
 * A client that makes its userfaultfd blocking again and again. It adds mappings and never
 * faults: after each the server reads messages, and there are none.
 */
static void client_misbehave(struct lazymem_server *server)
{
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	pthread_t thread;
	char text[128];

	memory.pages = PAGES / 2;
	memory_serve(&memory, server);
	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	CHECK_EQ(pthread_create(&thread, NULL, make_blocking, &memory), 0);
	for (size_t i = PAGES / 2; i < PAGES; i++) {
		snprintf(text, sizeof(text), "{\"add\":[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":%lu}]}",
			 (unsigned long)memory.base + i * PAGE, PAGE, i * PAGE);
		server_say(memory.socket, text, NULL, 0);
	}
	pthread_join(thread, NULL);
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

/* 32 clients connect and send nothing. They are no clients that could be refused. */
static void case_silent(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory;
	int status;

	for (int i = 0; i < 32; i++)
		server_send(&server, "", -1);
	memory = memory_served(&server, PAGES, 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	kill(server.pid, SIGTERM);
	do {
		server_says(&server, "{");
		CHECK(!strstr(server.line, "refused"));
	} while (!strstr(server.line, "\"summary\""));
	CHECK_EQ(waitpid(server.pid, &status, 0), server.pid);
	CHECK_EQ(status, 0);
}

/* The userfaultfd comes after the list, or before it, with a byte that means nothing. */
static void case_late_descriptor(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory after = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					  UFFDIO_REGISTER_MODE_MISSING);
	struct memory before = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	after.socket = server_connect(&server);
	server_say(after.socket, memory_list(&after), NULL, 0);
	server_say(after.socket, "x", &after.uffd, 1);
	CHECK_EQ(image_wrong(after.base, 0, PAGES), 0);
	before.socket = server_connect(&server);
	server_say(before.socket, "x", &before.uffd, 1);
	server_say(before.socket, memory_list(&before), NULL, 0);
	CHECK_EQ(image_wrong(before.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* As E2B and others send it: a memfd beside the userfaultfd, here before it. */
static void case_other_descriptors(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	int fds[] = { memfd_create("other", 0), memory.uffd, eventfd(0, 0) };

	memory.socket = server_connect(&server);
	server_say(memory.socket, memory_list(&memory), fds, 3);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* Memory of a second userfaultfd on the same connection. */
static int client_two_uffds(const struct lazymem_server *server)
{
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct memory other = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					  UFFDIO_REGISTER_MODE_MISSING);
	int fds[] = { memory.uffd, other.uffd };

	memory.socket = server_connect(server);
	server_say(memory.socket, memory_list(&memory), fds, 2);
	if (image_wrong(memory.base, 0, PAGES))
		return 1;
	return *(volatile char *)other.base;
}

/* A second list, with a userfaultfd of its own. */
static int client_two_lists(const struct lazymem_server *server)
{
	struct memory memory = memory_served(server, PAGES, 0);
	struct memory other = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					  UFFDIO_REGISTER_MODE_MISSING);

	server_say(memory.socket, memory_list(&other), &other.uffd, 1);
	if (image_wrong(memory.base, 0, PAGES))
		return 1;
	return *(volatile char *)other.base;
}

/* A second list on the first userfaultfd. */
static int client_list_again(const struct lazymem_server *server)
{
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory.pages /= 2;
	memory_serve(&memory, server);
	server_say(memory.socket, memory_list(&memory), NULL, 0);
	if (image_wrong(memory.base, 0, PAGES / 2))
		return 1;
	return *(volatile char *)(memory.base + PAGES / 2 * PAGE);
}

/* The part of a client that is not served gets poison, and a line says why. */
static void case_second(const void *variant)
{
	static const struct {
		int (*client)(const struct lazymem_server *server);
		const char *says;
	} seconds[] = {
		{ client_two_uffds, "each userfaultfd needs a connection of its own" },
		{ client_two_lists, "a second userfaultfd on one connection" },
		{ client_list_again, "a second list of mappings" },
	};
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);

	for (size_t i = 0; i < 3; i++) {
		int status = client_process(seconds[i].client, &server);

		CHECK(client_was_lost(status));
		server_says(&server, seconds[i].says);
	}
	server_end(&server, SIGTERM);
}

/* More memory than the image has. */
static int client_too_large(const struct lazymem_server *server)
{
	struct memory memory = memory_served(server, 2 * PAGES, 0);

	return *(volatile char *)memory.base;
}

static int client_good(const struct lazymem_server *server)
{
	struct memory memory = memory_served(server, PAGES, 0);

	return !!image_wrong(memory.base, 0, PAGES);
}

/* What each value of --on-lost gives a client that is refused. */
static void case_on_lost(const void *variant)
{
	const char *how = variant;
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--on-lost", how, NULL);
	int status = client_process(client_too_large, &server);

	server_says(&server, "refused (process ");
	CHECK(strstr(server.line, "beyond the image") || strstr(server.line, "larger"));
	if (!strcmp(how, "poison"))
		CHECK(client_was_lost(status));
	else if (!strcmp(how, "drop"))
		CHECK_EQ(status, 0);
	else
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_EQ(client_process(client_good, &server), 0);
	server_end(&server, SIGTERM);
}

/* A list without a userfaultfd: nothing can be poisoned. */
static int client_without_uffd(const struct lazymem_server *server)
{
	int to = server_send(server, good, -1);

	shutdown(to, SHUT_WR);
	CHECK(server_has_hung_up(to));
	/* Killed before or after this: it has nothing left to do. */
	sleep(60);
	return 0;
}

static int client_says_nothing(const struct lazymem_server *server)
{
	int to = server_connect(server);

	shutdown(to, SHUT_WR);
	CHECK(server_has_hung_up(to));
	return 0;
}

static int client_says_else(const struct lazymem_server *server)
{
	CHECK(server_has_hung_up(server_send(server, "GET / HTTP/1.0\r\n\r\n", -1)));
	return 0;
}

/* Killed is what has sent a list and waits; not what looks whether somebody listens. */
static void case_kill(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--on-lost", "kill",
						  NULL);
	int status = client_process(client_without_uffd, &server);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	server_says(&server, "killed (process ");
	CHECK_EQ(client_process(client_says_nothing, &server), 0);
	CHECK_EQ(client_process(client_says_else, &server), 0);
	CHECK_EQ(client_process(client_good, &server), 0);
	server_end(&server, SIGTERM);
}

/* The one too many is refused, and is told why. When a place is free it is served. */
static void case_too_many(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--max-clients", "1", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	int status;

	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	status = client_process(client_good, &server);
	CHECK(client_was_lost(status));
	server_says(&server, "all places are taken (--max-clients 1)");
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 1);
}

/* One that was refused and lives takes no place. */
static void case_refused_place(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--max-clients", "1",
						  "--on-lost", "drop", NULL);

	memory_served(&server, 2 * PAGES, 0);
	server_says(&server, "refused (process");
	CHECK_EQ(client_process(client_good, &server), 0);
	server_end(&server, SIGTERM);
}

/* Each child looks at a page and is gone. */
static int client_forks(const struct lazymem_server *server)
{
	struct memory memory = memory_served(server, PAGES, EVENTS);

	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(!!image_wrong(memory.base + i * PAGE, i, 1));
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		if (status)
			return 1;
	}
	return !!image_wrong(memory.base, 0, PAGES);
}

/* Children that are gone do not count, although their sessions have not noticed yet. */
static void case_many_children(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--max-clients", "3", NULL);

	CHECK_EQ(client_process(client_forks, &server), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 41);
}

/* While one child lives, there is no place for another. The parent does not pay for that. */
static int client_two_children(const struct lazymem_server *server)
{
	struct memory memory = memory_served(server, PAGES, EVENTS);
	int go[2], status;
	pid_t first, second;
	char byte;

	CHECK_EQ(pipe(go), 0);
	first = fork();
	if (!first) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) || image_wrong(memory.base, 0, PAGES));
	}
	second = fork();
	if (!second)
		_exit(image_wrong(memory.base, 0, 1));
	CHECK_EQ(waitpid(second, &status, 0), second);
	/* Elsewhere it finds zeros: nobody knows its process. */
	if (memory_can_poison())
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	close(go[1]);
	CHECK_EQ(waitpid(first, &status, 0), first);
	CHECK_EQ(status, 0);
	return !!image_wrong(memory.base, 0, PAGES);
}

static void case_too_many_children(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--max-clients", "2", "--on-lost",
						  variant, NULL);

	CHECK_EQ(client_process(client_two_children, &server), 0);
	server_says(&server, "a child is refused: all places are taken (--max-clients 2)");
	server_end(&server, SIGTERM);
}

/* A child forks while it waits for a place, and is refused with its child. */
static int client_grandchild(const struct lazymem_server *server)
{
	struct memory memory = memory_served(server, PAGES, EVENTS);
	int status;

	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	if (!fork())
		_exit(fork() ? wait(&status) < 0 : 0);
	return wait(&status) < 0 || status;
}

static void case_grandchild(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--max-clients", "1", NULL);

	CHECK_EQ(client_process(client_grandchild, &server), 0);
	server_says(&server, "a child that is not served: a child of the client is not served");
	server_end(&server, SIGTERM);
}

/* No descriptor is left for a connection: it is closed, and a line says why. */
static void case_no_descriptors(const void *variant)
{
	struct lazymem_server server;
	struct rlimit limit, old;
	struct memory memory;
	char name[64];
	int fd = 0;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = (struct rlimit) { 100, old.rlim_max };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	server = server_run(image_make(PAGES), "--no-prefetch", NULL);
	memory = memory_served(&server, PAGES, 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	do
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", server.pid, fd++);
	while (!access(name, F_OK));
	/* The server has raised it as far as it may. */
	CHECK_EQ(prlimit(server.pid, RLIMIT_NOFILE, NULL, &old), 0);
	CHECK_EQ(old.rlim_cur, old.rlim_max);
	limit = (struct rlimit) { fd - 1, old.rlim_max };
	CHECK_EQ(prlimit(server.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	CHECK(server_has_hung_up(server_connect(&server)));
	server_says(&server, "there are no more file descriptors");
	CHECK_EQ(prlimit(server.pid, RLIMIT_NOFILE, &old, NULL), 0);
	CHECK_EQ(client_process(client_good, &server), 0);
	server_end(&server, SIGTERM);
}

/* The page size is not told, or told wrongly: the kernel is asked. */
static void case_page_size(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
					   0, UFFDIO_REGISTER_MODE_MISSING);
	char text[256];

	snprintf(text, sizeof(text),
		 "[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":0%s}]",
		 (unsigned long)memory.base, PAGES * PAGE, (const char *)variant);
	memory.socket = server_send(&server, text, memory.uffd);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* It goes on when @go is closed. */
static void client_waits(const struct lazymem_server *server, const int go[2])
{
	struct memory memory = memory_served(server, PAGES, 0);
	char byte;

	close(go[1]);
	signal(SIGBUS, SIG_DFL);
	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	CHECK_EQ(read(go[0], &byte, 1), 0);
	_exit(*(volatile char *)(memory.base + PAGES / 2 * PAGE));
}

/* The source never comes back, and filling ends all the same. */
static void case_fill_gives_up(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("file", image_make(PAGES), NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--no-prefetch", "--fill-wait",
						  "1", NULL);
	int go[2], status;
	pid_t pid;

	CHECK_EQ(pipe(go), 0);
	pid = fork();
	if (!pid)
		client_waits(&server, go);
	server_says(&server, "\"client_progress\"");
	nbdkit_kill(&nbdkit);
	server_says(&server, "source lost");
	close(go[1]);
	kill(server.pid, SIGTERM);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(client_was_lost(status));
	server_end(&server, 0);
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
	add_case(case_late_descriptor, NULL, "lazymem/hostile/late-descriptor");
	add_case(case_other_descriptors, NULL, "lazymem/hostile/other-descriptors");
	add_case(case_second, NULL, "lazymem/hostile/second");
	add_case(case_on_lost, "poison", "lazymem/hostile/lost/poison");
	add_case(case_on_lost, "kill", "lazymem/hostile/lost/kill");
	add_case(case_on_lost, "drop", "lazymem/hostile/lost/drop");
	add_case(case_kill, NULL, "lazymem/hostile/kill");
	add_case(case_too_many, NULL, "lazymem/hostile/too-many");
	add_case(case_refused_place, NULL, "lazymem/hostile/refused-place");
	add_case(case_many_children, NULL, "lazymem/hostile/many-children");
	add_case(case_too_many_children, "poison", "lazymem/hostile/too-many-children/poison");
	add_case(case_too_many_children, "kill", "lazymem/hostile/too-many-children/kill");
	add_case(case_grandchild, NULL, "lazymem/hostile/grandchild");
	add_case(case_no_descriptors, NULL, "lazymem/hostile/no-descriptors");
	add_case(case_page_size, "", "lazymem/hostile/page-size/untold");
	add_case(case_page_size, ",\"page_size\":4096", "lazymem/hostile/page-size/wrong");
	add_case(case_fill_gives_up, NULL, "lazymem/hostile/fill-gives-up");
}
