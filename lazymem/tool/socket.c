// SPDX-License-Identifier: GPL-2.0-only
/* The socket that clients connect to; see socket.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fail.h"
#include "socket.h"

/* Connections that wait to be accepted; the kernel allows net.core.somaxconn of them. */
#define BACKLOG	1024

static int socket_new(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die_errno("cannot make a socket");
	return fd;
}

/*
 * A server that was killed leaves its socket behind, and nobody answers there. Nothing else
 * is removed: no other kind of file, and no socket that a process serves.
 */
static void socket_remove_left(const struct sockaddr_un *address)
{
	struct stat stat;
	int fd;

	if (lstat(address->sun_path, &stat))
		return;
	if (!S_ISSOCK(stat.st_mode))
		die("'%s' exists and is no socket", address->sun_path);
	fd = socket_new();
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		die("'%s' is served by another process", address->sun_path);
	if (errno != ECONNREFUSED)
		die_errno("'%s' is in use", address->sun_path);
	close(fd);
	unlink(address->sun_path);
}

/*
 * The file gets its mode as it is made: that of the unbound socket. Nobody can connect before
 * listen(), so the owner is in time, too.
 */
static void socket_bind(int fd, const struct sockaddr_un *address, const struct tool *tool)
{
	mode_t mask = umask(0);

	fchmod(fd, tool->socket_mode >= 0 ? (mode_t)tool->socket_mode : 0777 & ~mask);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		die_errno("cannot listen at '%s'", address->sun_path);
	umask(mask);
	if (lchown(address->sun_path, tool->socket_user, tool->socket_group)) {
		int error = errno;

		unlink(address->sun_path);
		errno = error;
		die_errno("cannot give '%s' to its owner", address->sun_path);
	}
}

int socket_listen(const struct tool *tool)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket_new();

	if (strlen(tool->socket) >= sizeof(address.sun_path))
		die("the path '%s' is too long for a socket, which has %zu bytes for it",
		    tool->socket, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, tool->socket);
	socket_remove_left(&address);
	socket_bind(fd, &address, tool);
	if (listen(fd, BACKLOG))
		die_errno("cannot listen at '%s'", tool->socket);
	return fd;
}
