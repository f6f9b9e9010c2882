// SPDX-License-Identifier: GPL-2.0-only
/* The service manager's two protocols; see manager.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lazymem.h"
#include "manager.h"

/* The first descriptor that is passed. */
#define FIRST_FD	3

enum kind { KIND_OTHER, KIND_UFFD, KIND_STATE, KIND_SOCKET, KIND_LISTENING, KIND_PIDFD };

/*
 * What was passed.
 * @count: how many descriptors; -1: not looked at yet
 * @fds: -1 for those that were taken
 * @of: the client's number; 0: not a client's
 */
static struct {
	int count;
	int *fds;
	unsigned int *of;
} passed = { .count = -1 };

/* The files have no type of their own, but names. */
static enum kind manager_kind(int fd)
{
	char path[32], name[64] = "";
	int listening = 0;
	socklen_t size = sizeof(listening);
	struct stat stat;

	if (fstat(fd, &stat))
		return KIND_OTHER;
	if (S_ISSOCK(stat.st_mode)) {
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
		return listening ? KIND_LISTENING : KIND_SOCKET;
	}
	if (S_ISREG(stat.st_mode) && fcntl(fd, F_GET_SEALS) >= 0)
		return KIND_STATE;
	if (lazymem_is_uffd(fd))
		return KIND_UFFD;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, name, sizeof(name) - 1) < 0)
		return KIND_OTHER;
	return strcmp(name, "anon_inode:[pidfd]") && strncmp(name, "pidfd:", 6) ? KIND_OTHER :
									      KIND_PIDFD;
}

/* The variables are for this process only, if the first says so. */
static const char *manager_variables(int *count)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");

	*count = pid && fds && strtol(pid, NULL, 10) == getpid() ? atoi(fds) : 0;
	return names ?: "";
}

/* The descriptors must not be passed on to other programs. */
static void manager_look(void)
{
	const char *names;
	int count;

	if (passed.count >= 0)
		return;
	names = manager_variables(&count);
	passed.fds = calloc(count + 1, sizeof(*passed.fds));
	passed.of = calloc(count + 1, sizeof(*passed.of));
	passed.count = passed.fds && passed.of && count > 0 ? count : 0;
	for (int i = 0; i < passed.count; i++) {
		passed.fds[i] = FIRST_FD + i;
		fcntl(passed.fds[i], F_SETFD, FD_CLOEXEC);
		sscanf(names, "lazymem-%u", &passed.of[i]);
		names += strcspn(names, ":");
		names += *names == ':';
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

int manager_socket(void)
{
	manager_look();
	for (int i = 0; i < passed.count; i++) {
		int fd = passed.fds[i];

		if (passed.of[i] || manager_kind(fd) != KIND_LISTENING)
			continue;
		passed.fds[i] = -1;
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		return fd;
	}
	return -1;
}

static void manager_take(struct kept *kept, int fd)
{
	int *to = NULL;

	switch (manager_kind(fd)) {
	case KIND_UFFD:
		to = &kept->uffd;
		break;
	case KIND_STATE:
		to = &kept->state;
		break;
	case KIND_SOCKET:
		to = &kept->socket;
		break;
	case KIND_PIDFD:
		to = &kept->pidfd;
		break;
	default:
		break;
	}
	if (to && *to < 0)
		*to = fd;
	else
		close(fd);
}

/* The client of the first descriptor that is left, with all its others. */
bool manager_next(struct kept *kept)
{
	*kept = (struct kept) { 0, -1, -1, -1, -1 };
	manager_look();
	for (int i = 0; i < passed.count; i++) {
		if (passed.fds[i] < 0 || !passed.of[i] ||
		    (kept->number && passed.of[i] != kept->number))
			continue;
		kept->number = passed.of[i];
		manager_take(kept, passed.fds[i]);
		passed.fds[i] = -1;
	}
	return kept->number;
}

unsigned int manager_last(void)
{
	unsigned int last = 0;

	manager_look();
	for (int i = 0; i < passed.count; i++)
		last = passed.of[i] > last ? passed.of[i] : last;
	return last;
}

unsigned int manager_room(void)
{
	const char *room = getenv("FDSTORE");

	return room ? strtoul(room, NULL, 10) : 0;
}

bool manager_is_there(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (*path == '/' || *path == '@') &&
	       strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

/* Returns 0 or -errno. A path that begins with @ is in the abstract name space. */
static int manager_send(const char *text, const int *fds, unsigned int count)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char control[CMSG_SPACE(KEPT_FDS * sizeof(int))] = {};
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr header = { .msg_name = &address, .msg_iov = &iov, .msg_iovlen = 1 };
	int to, error = 0;

	if (!manager_is_there())
		return -ENOTCONN;
	strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
	header.msg_namelen = offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	else
		header.msg_namelen++;
	if (count) {
		struct cmsghdr *cmsg = (struct cmsghdr *)control;

		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (to < 0 || sendmsg(to, &header, MSG_NOSIGNAL) < 0)
		error = -errno;
	if (to >= 0)
		close(to);
	return error;
}

/*
 * FDPOLL=0: a userfaultfd that nobody serves looks to poll() as one with an error, and the
 * manager would close it.
 */
int manager_keep(const struct kept *kept)
{
	const int all[] = { kept->uffd, kept->state, kept->socket, kept->pidfd };
	int fds[KEPT_FDS];
	unsigned int count = 0;
	char text[64];

	for (int i = 0; i < KEPT_FDS; i++)
		if (all[i] >= 0)
			fds[count++] = all[i];
	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=lazymem-%u", kept->number);
	return manager_send(text, fds, count);
}

void manager_forget(unsigned int number)
{
	char text[64];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=lazymem-%u", number);
	manager_send(text, NULL, 0);
}

void manager_ready(void)
{
	manager_send("READY=1", NULL, 0);
}

void manager_stopping(void)
{
	manager_send("STOPPING=1", NULL, 0);
}
