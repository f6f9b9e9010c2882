/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory the client may still take: what its memory cgroup, and those above it,
 * leave. Pages are charged to the client, so what is brought unasked could have the kernel
 * kill it.
 *
 * The kernel is asked now and then. What is brought in between is counted down. A cgroup's
 * page cache counts as free, since the kernel gives it up first. Swap is not looked at.
 *
 * The client is found by its socket, so it must be on this machine, and its cgroup must be
 * visible here. Where it is not, or not limited, there is always room.
 */
#ifndef LAZYMEM_ROOM_H
#define LAZYMEM_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct lazymem;

/**
 * struct room - what is known of the client's cgroup
 * @folder: path of its folder, owned; NULL: not known
 * @top: length of the path of the hierarchy's top, where nothing is limited
 * @old: of version 1: other names of files
 * @left: bytes that may be brought unasked before the kernel is asked again
 * @ask_at: when it is asked again at the latest
 * @is_short: there was none when it was asked last
 * @told: that was reported
 */
struct room {
	char *folder;
	unsigned int top;
	bool old;
	int64_t left;
	uint64_t ask_at;
	bool is_short;
	bool told;
};

/* Find the cgroup of the process at the other end of @peer, if that is a socket. */
void room_open(struct room *room, int peer);
/* As @from: for a child of the client. */
void room_clone(struct room *room, const struct room *from);
void room_close(struct room *room);
/* What is known is not believed any more: the end has begun. */
void room_ask_anew(struct room *room);

/* Whether something may be brought unasked now. Reports when that changes to no. */
bool room_allows(struct lazymem *session, uint64_t now);
/* @bytes of it are taken. */
void room_take(struct lazymem *session, uint64_t bytes);

#endif
