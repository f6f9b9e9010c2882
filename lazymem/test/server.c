// SPDX-License-Identifier: GPL-2.0-only
/*
 * `lazymem serve --json`, started by a case, and its output, read line by line. A case waits
 * by reading until a line says what it waits for; no case waits by time.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fixture.h"

#define ARGS	32
#define FDS_MOST	16

/* It must not outlive a case that fails. */
static void server_exec(char **args, int output)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(output, STDOUT_FILENO);
	execv(fixture_program, args);
	die_errno("%s", fixture_program);
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

/* Messages are shown in the test's output, except that it is ready. */
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

/* The output is one JSON object a line, so the key is found by its text. */
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

int server_connect(const struct lazymem_server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, server->socket);
	CHECK_EQ(connect(to, (struct sockaddr *)&address, sizeof(address)), 0);
	return to;
}

/* Whatever the case wants to send, be it wrong. */
void server_say(int to, const char *text, const int *fds, size_t count)
{
	char control[CMSG_SPACE(FDS_MOST * sizeof(int))] = {};
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *cmsg = (struct cmsghdr *)control;

		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	CHECK_EQ(sendmsg(to, &header, MSG_NOSIGNAL), iov.iov_len);
}

int server_send(const struct lazymem_server *server, const char *text, int fd)
{
	int to = server_connect(server);

	server_say(to, text, &fd, fd >= 0);
	return to;
}

/* An answer is one line. */
const char *server_answer(int from)
{
	static char line[128 << 10];
	size_t length = 0;

	while (length < sizeof(line) - 1 && read(from, line + length, 1) == 1 &&
	       line[length] != '\n')
		length++;
	line[length] = '\0';
	return line;
}

bool server_has_hung_up(int from)
{
	char byte;

	return recv(from, &byte, 1, 0) <= 0;
}
