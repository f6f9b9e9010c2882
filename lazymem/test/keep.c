// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server that is killed while it serves: the case is the service manager. It holds the
 * descriptors that the server sends it, and passes them to the next server.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fixture.h"
#include "keep.h"
#include "random.h"

#define PAGES		256
#define FDS_MOST	64
#define NAME_MOST	32
#define FIRST_FD	3
/* Above all that are open. */
#define ASIDE		500

/* Without forks: a client that starts its server would wait for it in fork(). */
#define CHANGES		(EVENTS & ~UFFD_FEATURE_EVENT_FORK)

struct stored {
	int fd;
	char name[NAME_MOST];
};

/*
 * @socket: what the server notifies
 * @stored: descriptors that it holds
 * @count: how many
 * @listening: how many of them are sockets to listen at
 * @tracking: servers watch which pages are written to
 */
struct manager {
	int socket;
	struct stored stored[FDS_MOST];
	unsigned int count, listening;
	bool tracking;
};

static struct manager manager_start(void)
{
	struct manager manager = {
		.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, fixture_path("manager"));
	CHECK_EQ(bind(manager.socket, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	return manager;
}

/* The server gets the socket from the manager. */
static void manager_listen(struct manager *manager)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, fixture_path("socket"));
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(fd, 8), 0);
	manager->stored[manager->count++] = (struct stored) { fd, "lazymem.socket" };
	manager->listening++;
}

static void manager_remove(struct manager *manager, const char *name)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < manager->count; i++) {
		if (strcmp(manager->stored[i].name, name))
			manager->stored[left++] = manager->stored[i];
		else
			close(manager->stored[i].fd);
	}
	manager->count = left;
}

static void manager_store(struct manager *manager, const char *name, struct msghdr *header)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
	size_t count = cmsg ? (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

	for (size_t i = 0; i < count; i++) {
		struct stored *stored = &manager->stored[manager->count++];

		CHECK_REL(manager->count, <, FDS_MOST);
		memcpy(&stored->fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
		snprintf(stored->name, sizeof(stored->name), "%s", name);
	}
}

/* Messages stay in the socket though their sender was killed. */
static void manager_read(struct manager *manager)
{
	for (;;) {
		char text[256] = "", control[CMSG_SPACE(8 * sizeof(int))], *name;
		struct iovec iov = { text, sizeof(text) - 1 };
		struct msghdr header = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};

		if (recvmsg(manager->socket, &header, MSG_CMSG_CLOEXEC) < 0)
			return;
		name = strstr(text, "FDNAME=");
		if (!name)
			continue;
		name += strlen("FDNAME=");
		name[strcspn(name, "\n")] = '\0';
		if (strstr(text, "FDSTOREREMOVE=1"))
			manager_remove(manager, name);
		else
			manager_store(manager, name, &header);
	}
}

/* Until it holds @count descriptors. */
static void manager_holds(struct manager *manager, unsigned int count)
{
	while (manager->count < count) {
		manager_read(manager);
		sched_yield();
	}
}

/* In the server's process. */
static void manager_pass(const struct manager *manager)
{
	char names[FDS_MOST * NAME_MOST] = "", text[32];

	for (unsigned int i = 0; i < manager->count; i++)
		dup2(manager->stored[i].fd, ASIDE + i);
	for (unsigned int i = 0; i < manager->count; i++) {
		dup2(ASIDE + i, FIRST_FD + i);
		close(ASIDE + i);
		sprintf(names + strlen(names), "%s%s", i ? ":" : "", manager->stored[i].name);
	}
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%u", manager->count);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

/* The first server, or one that goes on. */
static struct lazymem_server manager_serve(struct manager *manager, const char *image)
{
	struct lazymem_server server = { .socket = fixture_path("socket") };
	int pipes[2];

	manager_read(manager);
	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	server.pid = fork();
	if (!server.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipes[1], STDOUT_FILENO);
		manager_pass(manager);
		execl(fixture_program, "lazymem", "serve", "--json", "--image", image, "--keep",
		      "--no-prefetch", "--window", "4",
		      manager->tracking ? "--track-dirty" : "--no-prefetch",
		      manager->listening ? NULL : "--socket", server.socket, NULL);
		die_errno("%s", fixture_program);
	}
	close(pipes[1]);
	server.output = fdopen(pipes[0], "r");
	server_says(&server, "ready");
	return server;
}

static void manager_kill(struct lazymem_server *server)
{
	int status;

	kill(server->pid, SIGKILL);
	CHECK_EQ(waitpid(server->pid, &status, 0), server->pid);
	fclose(server->output);
}

/* After its end the manager holds nothing. */
static void manager_end(struct manager *manager, struct lazymem_server *server)
{
	server_end(server, SIGTERM);
	manager_read(manager);
	CHECK_EQ(manager->count, manager->listening);
}

/* Only the server and the manager hold its userfaultfd, once the server has it. */
static struct memory memory_kept(const struct lazymem_server *server, uint64_t features)
{
	struct memory memory = memory_served(server, PAGES, features);

	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	close(memory.uffd);
	return memory;
}

/*
 * @memory: readers use its first half, one thread gives back pages of the other half
 * @seen: pages that were read or given back
 * @given: pages that were given back
 * @over: the threads end
 */
struct storm {
	struct memory memory;
	_Atomic unsigned int seen;
	bool given[PAGES];
	_Atomic bool over;
};

static void *storm_read(void *arg)
{
	struct storm *storm = arg;
	uint64_t seed = random_branch(1, (uintptr_t)&seed);

	while (!storm->over) {
		size_t page = random_draw(&seed, PAGES / 2);

		CHECK_EQ(image_wrong(storm->memory.base + page * PAGE, page, 1), 0);
		storm->seen++;
	}
	return NULL;
}

static void storm_check(const struct storm *storm, size_t page)
{
	const char *at = storm->memory.base + page * PAGE;

	if (storm->given[page])
		CHECK_EQ(content_not_zero(at, 1), 0);
	else
		CHECK_EQ(image_wrong(at, page, 1), 0);
}

/* What was not brought yet is given back as well. Sometimes it is looked at first. */
static void *storm_give_back(void *arg)
{
	struct storm *storm = arg;
	uint64_t seed = 1;

	while (!storm->over) {
		size_t page = PAGES / 2 + random_draw(&seed, PAGES / 2);

		if (page % 3)
			storm_check(storm, page);
		CHECK_EQ(madvise(storm->memory.base + page * PAGE, PAGE, MADV_DONTNEED), 0);
		storm->given[page] = true;
		if (page % 2)
			storm_check(storm, page);
		storm->seen++;
	}
	return NULL;
}

/* Killed at any moment, also while the client gives back memory. */
static void case_killed(const void *variant)
{
	const char *image = image_make(PAGES);
	struct manager manager = manager_start();
	struct lazymem_server server = manager_serve(&manager, image);
	struct storm storm = { .memory = memory_kept(&server, CHANGES) };
	pthread_t threads[3];

	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, i ? storm_read : storm_give_back,
					&storm), 0);
	for (unsigned int round = 0; round < 8; round++) {
		unsigned int before = storm.seen;

		while (storm.seen < before + 50)
			sched_yield();
		manager_kill(&server);
		server = manager_serve(&manager, image);
	}
	storm.over = true;
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (size_t page = 0; page < PAGES; page++)
		storm_check(&storm, page);
	manager_end(&manager, &server);
}

static void check_forked(const struct memory *memory)
{
	CHECK_EQ(image_wrong(memory->base, 0, 16), 0);
	CHECK_EQ(content_not_zero(memory->base + 16 * PAGE, 16), 0);
	CHECK_EQ(image_wrong(memory->base + 32 * PAGE, 32, PAGES - 32), 0);
}

/* A client and its child, which do most when one byte has come. */
static void client_and_child(const struct lazymem_server *server, int forked, int go)
{
	struct memory memory = memory_kept(server, EVENTS);
	int status = 0;
	char byte = 1;
	pid_t pid;

	CHECK_EQ(madvise(memory.base + 16 * PAGE, 16 * PAGE, MADV_DONTNEED), 0);
	pid = fork();
	if (pid)
		CHECK_EQ(write(forked, &byte, 1), 1);
	CHECK_EQ(read(go, &byte, 1), 1);
	check_forked(&memory);
	if (!pid)
		_exit(0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	_exit(status);
}

/* The child's userfaultfd is known to server and manager only. */
static void case_forked(const void *variant)
{
	const char *image = image_make(PAGES);
	struct manager manager = manager_start();
	struct lazymem_server server = manager_serve(&manager, image);
	int forked[2], go[2], status;
	char bytes[2] = {};
	pid_t pid;

	CHECK_EQ(pipe(forked), 0);
	CHECK_EQ(pipe(go), 0);
	pid = fork();
	if (!pid)
		client_and_child(&server, forked[1], go[0]);
	CHECK_EQ(read(forked[0], bytes, 1), 1);
	/* A child whose descriptor has not got here is lost. It has no connection. */
	manager_holds(&manager, 3 + 2);
	manager_kill(&server);
	server = manager_serve(&manager, image);
	CHECK_EQ(write(go[1], bytes, 2), 2);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	manager_end(&manager, &server);
}

/* The kernel does not tell what is where: the next server knows it from the state. */
static void case_moved(const void *variant)
{
	const char *image = image_make(PAGES);
	struct manager manager = manager_start();
	struct lazymem_server server = manager_serve(&manager, image);
	struct memory memory = memory_kept(&server, CHANGES);
	const size_t half = PAGES / 2;
	char *room = mmap(NULL, half * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(mremap(memory.base + half * PAGE, half * PAGE, half * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, room) == room);
	CHECK_EQ(munmap(memory.base, 16 * PAGE), 0);
	CHECK_EQ(madvise(room, 16 * PAGE, MADV_DONTNEED), 0);
	manager_kill(&server);
	server = manager_serve(&manager, image);
	CHECK_EQ(content_not_zero(room, 16), 0);
	CHECK_EQ(image_wrong(room + 16 * PAGE, half + 16, half - 16), 0);
	CHECK_EQ(image_wrong(memory.base + 16 * PAGE, 16, half - 16), 0);
	manager_end(&manager, &server);
}

static void *read_second(void *memory)
{
	CHECK_EQ(image_wrong((char *)memory + PAGE, 1, 1), 0);
	return NULL;
}

/* A fault that the dead server had read, and not answered, is answered by the next. */
static void case_waiting(const void *variant)
{
	const char *image = image_make(PAGES);
	struct nbdkit nbdkit = nbdkit_run("file", image, NULL);
	struct manager manager = manager_start();
	struct lazymem_server server = manager_serve(&manager, nbdkit.uri);
	struct memory memory;
	pthread_t thread;
	int status;

	memory = memory_kept(&server, CHANGES);
	kill(nbdkit.pid, SIGSTOP);
	CHECK_EQ(waitpid(nbdkit.pid, &status, WUNTRACED), nbdkit.pid);
	CHECK_EQ(pthread_create(&thread, NULL, read_second, memory.base), 0);
	server_until(&server, "waiting", 1);
	manager_kill(&server);
	kill(nbdkit.pid, SIGCONT);
	server = manager_serve(&manager, nbdkit.uri);
	pthread_join(thread, NULL);
	manager_end(&manager, &server);
}

/* Another image must not be mixed with the one that the client has begun with. */
static void case_other_image(const void *variant)
{
	const char *image = image_make(PAGES), *other = fixture_path("other");
	struct manager manager = manager_start();
	struct lazymem_server server;
	struct memory memory;
	char command[512];

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	server = manager_serve(&manager, image);
	memory = memory_kept(&server, CHANGES);
	manager_kill(&server);
	snprintf(command, sizeof(command), "cp %s %s && mv %s %s", image, other, other, image);
	CHECK_EQ(system(command), 0);
	server = manager_serve(&manager, image);
	CHECK(memory_is_poisoned(memory.base + PAGE));
	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	manager_end(&manager, &server);
}

/* One client connects while no server runs. */
static void case_socket(const void *variant)
{
	const char *image = image_make(PAGES);
	struct manager manager = manager_start();
	struct lazymem_server server;
	struct memory first, second;

	manager_listen(&manager);
	server = manager_serve(&manager, image);
	first = memory_kept(&server, CHANGES);
	manager_kill(&server);
	second = memory_served(&server, PAGES, CHANGES);
	server = manager_serve(&manager, image);
	CHECK_EQ(image_wrong(first.base, 0, PAGES), 0);
	CHECK_EQ(image_wrong(second.base, 0, PAGES), 0);
	manager_end(&manager, &server);
}

/* A client that speaks on: what was agreed on, its mappings and its dirty pages are kept. */
static void case_dirty(const void *variant)
{
	const char *image = image_make(PAGES);
	struct manager manager = manager_start();
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	struct lazymem_server server;
	char text[512];

	manager.tracking = true;
	server = manager_serve(&manager, image);
	memory.socket = server_connect(&server);
	snprintf(text, sizeof(text), "{\"lazymem\":1,\"acknowledge\":true,\"mappings\":%s}",
		 memory_list(&memory));
	server_say(memory.socket, text, &memory.uffd, 1);
	CHECK(strstr(server_answer(memory.socket), "\"served\":true"));
	memset(memory.base + 3 * PAGE, 1, 2 * PAGE);
	manager_kill(&server);
	server = manager_serve(&manager, image);
	memory.base[100 * PAGE] = 1;
	CHECK_EQ(image_wrong(memory.base, 0, 3), 0);
	server_say(memory.socket, "{\"dirty\":true}", NULL, 0);
	CHECK(!strcmp(server_answer(memory.socket),
		      "{\"dirty\":[[12288,8192],[409600,4096]],\"more\":false}"));
	manager_end(&manager, &server);
}

/* Killed between read() and what comes of it: the messages are still in the inbox. */
static void case_inbox(const void *variant)
{
	char why[LAZYMEM_WHY];
	struct lazymem_image *image = image_open(image_make(PAGES));
	struct lazymem_options options = { .image = image, .window = 4096, .keep = true };
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session = session_of(&options, &memory);
	struct keep keep;
	struct uffd_msg *msgs;
	pthread_t thread;
	int uffd, state;

	lazymem_kept(session, &uffd, &state);
	uffd = dup(uffd);
	state = dup(state);
	lazymem_free(session);

	CHECK_EQ(keep_open(&keep, image, dup(state), why), 0);
	msgs = keep_inbox(&keep, NULL);
	msgs[0].event = UFFD_EVENT_PAGEFAULT;
	msgs[1].event = UFFD_EVENT_REMOVE;
	msgs[1].arg.remove.start = (uintptr_t)memory.base + 8 * PAGE;
	msgs[1].arg.remove.end = (uintptr_t)memory.base + 16 * PAGE;
	keep_close(&keep);

	session = lazymem_resume(&options, NULL, uffd, -1, state, why);
	thread = session_run(session);
	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	CHECK_EQ(content_not_zero(memory.base + 8 * PAGE, 8), 0);
	CHECK_EQ(image_wrong(memory.base + 16 * PAGE, 16, PAGES - 16), 0);
	session_end(session, thread);
	lazymem_image_close(image);
}

void suite_keep(void)
{
	add_case(case_killed, NULL, "lazymem/keep/killed");
	add_case(case_forked, NULL, "lazymem/keep/forked");
	add_case(case_moved, NULL, "lazymem/keep/moved");
	add_case(case_waiting, NULL, "lazymem/keep/waiting");
	add_case(case_other_image, NULL, "lazymem/keep/other-image");
	add_case(case_socket, NULL, "lazymem/keep/socket");
	add_case(case_dirty, NULL, "lazymem/keep/dirty");
	add_case(case_inbox, NULL, "lazymem/keep/inbox");
}
