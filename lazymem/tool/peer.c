// SPDX-License-Identifier: GPL-2.0-only
/* Who is at the other end of a connection; see peer.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77
#endif

/* Both directions. One that has only said that it sends no more lives. */
static bool peer_has_hung_up(int socket)
{
	struct pollfd fd = { .fd = socket };

	return poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP;
}

/*
 * From 6.5 on the kernel knows who has connected. Before, the number may be another
 * process's by now, if the peer has ended; then it has hung up as well.
 */
static int peer_pidfd(int socket, pid_t pid)
{
	int pidfd = -1;
	socklen_t length = sizeof(pidfd);

	if (!getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length))
		return pidfd;
	if (errno != ENOPROTOOPT || pid <= 0)
		return -1;
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0 && peer_has_hung_up(socket)) {
		close(pidfd);
		pidfd = -1;
	}
	return pidfd;
}

static void peer_read_name(struct peer *peer)
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", peer->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(peer->name, sizeof(peer->name), file))
		peer->name[strcspn(peer->name, "\n")] = '\0';
	fclose(file);
}

struct peer peer_of(int socket)
{
	struct peer peer = PEER_NONE;
	struct ucred credentials = {};
	socklen_t length = sizeof(credentials);

	getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
	peer.pid = credentials.pid;
	peer.pidfd = peer_pidfd(socket, peer.pid);
	if (peer.pid > 0)
		peer_read_name(&peer);
	return peer;
}

/* The number is -1 if the process has ended. */
static pid_t peer_pid_of(int pidfd)
{
	char path[64], line[64];
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (file)
		fclose(file);
	return pid > 0 ? pid : 0;
}

struct peer peer_kept(int pidfd, int socket)
{
	struct peer peer = PEER_NONE;

	if (pidfd < 0)
		return socket >= 0 ? peer_of(socket) : peer;
	peer.pidfd = pidfd;
	peer.pid = peer_pid_of(pidfd);
	if (peer.pid > 0)
		peer_read_name(&peer);
	return peer;
}

struct peer peer_copy(const struct peer *peer)
{
	struct peer copy = *peer;

	if (peer->pidfd >= 0)
		copy.pidfd = fcntl(peer->pidfd, F_DUPFD_CLOEXEC, 0);
	return copy;
}

int peer_kill(const struct peer *peer)
{
	if (peer->pidfd < 0)
		return -EOPNOTSUPP;
	return syscall(SYS_pidfd_send_signal, peer->pidfd, SIGKILL, NULL, 0) ? -errno : 0;
}

void peer_close(struct peer *peer)
{
	if (peer->pidfd >= 0)
		close(peer->pidfd);
	peer->pidfd = -1;
}
