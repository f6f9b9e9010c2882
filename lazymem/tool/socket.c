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

#define BACKLOG	64

static int socket_new(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

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

int socket_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket_new();

	if (strlen(path) >= sizeof(address.sun_path))
		die("the path '%s' is too long for a socket, which has %zu bytes for it",
		    path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	socket_remove_left(&address);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, BACKLOG))
		die_errno("cannot listen at '%s'", path);
	return fd;
}

pid_t socket_peer(int socket)
{
	struct ucred peer = {};
	socklen_t length = sizeof(peer);

	getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	return peer.pid;
}
