// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fixture.h"
#include "uffd.h"
#include "knob.h"

#define SEED	7
#define ARGS	32
#define HUGE_POOL	"8"

bool fixture_in_guest;
static char program[4096];
static char folder[] = "/tmp/lazymem-test-XXXXXX";

void fixture_start(void)
{
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 16);

	if (length < 0 || !mkdtemp(folder))
		die_errno("%s", folder);
	program[length] = '\0';
	strcpy(strrchr(program, '/') + 1, "lazymem");
	if (access(program, X_OK))
		die_errno("%s", program);
}

void fixture_stop(void)
{
	char command[sizeof(folder) + 16];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	if (system(command))
		die("cannot remove %s", folder);
}

const char *fixture_path(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%d-%s", folder, getpid(), name) < 0)
		die("out of memory");
	return path;
}

static bool image_is_hole(size_t page)
{
	return page % 16 == 7;
}

static void image_fill(int fd, size_t pages)
{
	char page[PAGE];

	for (size_t i = 0; i < pages; i++) {
		content_fill(page, SEED, i, 1);
		if (image_is_hole(i))
			memset(page, 0, PAGE);
		if (write(fd, page, PAGE) != PAGE)
			die_errno("cannot write an image");
	}
}

const char *image_make(size_t pages)
{
	const char *path = fixture_path("image");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	image_fill(fd, pages);
	close(fd);
	return path;
}

const char *image_in_memory(size_t pages)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	char *path;

	image_fill(fd, pages);
	if (asprintf(&path, "/proc/%d/fd/%d", getpid(), fd) < 0)
		die("out of memory");
	return path;
}

size_t image_wrong(const void *memory, size_t first, size_t pages)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++) {
		const char *page = (const char *)memory + i * PAGE;

		wrong += image_is_hole(first + i) ? content_not_zero(page, 1) :
			 content_wrong(page, SEED, first + i, 1);
	}
	return wrong;
}

static void server_exec(char **args, int output)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(output, STDOUT_FILENO);
	execv(program, args);
	die_errno("%s", program);
}

struct lazymem_server server_run(const char *image, ...)
{
	struct lazymem_server server = { .socket = fixture_path("socket") };
	char *args[ARGS] = { "lazymem", "serve", "--json", "--socket",
			     (char *)server.socket, "--image", (char *)image };
	int pipes[2];
	va_list more;

	va_start(more, image);
	for (int i = 7; i < ARGS - 1 && (args[i] = va_arg(more, char *)); i++)
		;
	va_end(more);
	if (pipe2(pipes, O_CLOEXEC))
		die_errno("pipe");
	server.pid = fork();
	if (!server.pid)
		server_exec(args, pipes[1]);
	close(pipes[1]);
	server.output = fdopen(pipes[0], "r");
	server_says(&server, "ready");
	return server;
}

static void server_next_line(struct lazymem_server *server, const char *what)
{
	if (!fgets(server->line, sizeof(server->line), server->output))
		FAIL("the server ended before it said: %s", what);
	if (strstr(server->line, "\"message\"") && !strstr(server->line, "\"ready\""))
		printf("# %s", server->line);
}

void server_says(struct lazymem_server *server, const char *text)
{
	do
		server_next_line(server, text);
	while (!strstr(server->line, text));
}

uint64_t server_number(const struct lazymem_server *server, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(server->line, key);
	if (!at)
		FAIL("no %s in: %s", key, server->line);
	return strtoull(at + strlen(key), NULL, 10);
}

void server_until(struct lazymem_server *server, const char *name, uint64_t value)
{
	do
		server_says(server, "\"progress\"");
	while (server_number(server, name) != value);
}

void server_end(struct lazymem_server *server, int signal)
{
	int status;

	if (signal)
		kill(server->pid, signal);
	server_says(server, "\"summary\"");
	CHECK_EQ(waitpid(server->pid, &status, 0), server->pid);
	CHECK_EQ(status, 0);
}

struct memory memory_make(size_t pages, int flags, uint64_t features, uint64_t mode)
{
	struct memory memory = { .pages = pages, .page_size = PAGE };
	char why[LAZYMEM_WHY];
	uint64_t has;
	int error;

	if (flags & MAP_HUGETLB) {
		memory.page_size = HUGE;
		if (fixture_in_guest)
			knob_lend("/proc/sys/vm/nr_hugepages", HUGE_POOL);
	}
	memory.base = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			   flags & MAP_HUGETLB ? flags : flags | MAP_NORESERVE,
			   -1, 0);
	if (memory.base == MAP_FAILED)
		skip("no memory with these flags: %s", strerror(errno));
	/* The case is about small pages, and huge ones hide faults. */
	madvise(memory.base, pages * PAGE, MADV_NOHUGEPAGE);
	memory.uffd = lazymem_uffd(features, 0, &has, why);
	if (memory.uffd < 0)
		skip("%s", why);
	error = uffd_register(memory.uffd, memory.base, pages * PAGE, mode);
	CHECK_EQ(error, 0);
	return memory;
}

int server_send(const struct lazymem_server *server, const char *text, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char control[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, server->socket);
	CHECK_EQ(connect(to, (struct sockaddr *)&address, sizeof(address)), 0);
	if (fd >= 0) {
		struct cmsghdr *cmsg = (struct cmsghdr *)control;

		header.msg_control = control;
		header.msg_controllen = sizeof(control);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	CHECK_EQ(sendmsg(to, &header, MSG_NOSIGNAL), iov.iov_len);
	return to;
}

void memory_serve(struct memory *memory, const struct lazymem_server *server)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":0,\"page_size\":%zu,\"page_size_kib\":%zu}]",
		 (unsigned long)memory->base, memory->pages * PAGE, memory->page_size,
		 memory->page_size);
	memory->socket = server_send(server, text, memory->uffd);
}

struct memory memory_served(const struct lazymem_server *server, size_t pages,
			    uint64_t features)
{
	struct memory memory = memory_make(pages, MAP_PRIVATE | MAP_ANONYMOUS,
					   features, UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, server);
	return memory;
}

static sigjmp_buf bus_error;

static void memory_on_bus_error(int signal)
{
	siglongjmp(bus_error, signal);
}

bool memory_is_poisoned(const volatile char *at)
{
	struct sigaction action = { .sa_handler = memory_on_bus_error }, old;
	bool poisoned = true;

	sigaction(SIGBUS, &action, &old);
	if (!sigsetjmp(bus_error, 1)) {
		*at;
		poisoned = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return poisoned;
}

bool memory_can_poison(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	return major > 6 || (major == 6 && minor >= 6);
}
