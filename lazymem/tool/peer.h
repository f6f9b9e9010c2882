/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process at the other end of a connection: the one that has connected. It is held by a
 * descriptor (pidfd), so that a process that later gets its number is never killed.
 */
#ifndef LAZYMEM_PEER_H
#define LAZYMEM_PEER_H

#include <sys/types.h>

/**
 * struct peer - a process
 * @pid: its number, 0 if the kernel does not say: a process of another pid namespace
 * @pidfd: -1 if it is not known, or had ended already
 * @name: of the program
 */
struct peer {
	pid_t pid;
	int pidfd;
	char name[16];
};

/* Nobody: for a client that no connection belongs to. */
#define PEER_NONE	{ .pidfd = -1 }

/* Right after accept(). */
struct peer peer_of(int socket);
/* The one of @pidfd, which is the peer's now, or of @socket; both may be -1. */
struct peer peer_kept(int pidfd, int socket);
/* The same process again, with a descriptor of its own. */
struct peer peer_copy(const struct peer *peer);

/* Returns 0; -ESRCH: it has ended; -EOPNOTSUPP: it is not known; -EPERM: another user's. */
int peer_kill(const struct peer *peer);

void peer_close(struct peer *peer);

#endif
