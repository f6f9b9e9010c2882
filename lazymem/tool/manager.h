/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service manager: systemd, or another that speaks its two protocols.
 *
 * With --keep it holds the descriptors of each client (the userfaultfd, the state, the
 * connection, the client's process) while the client is served, and passes them to the next
 * server if this one is killed. All descriptors of a client go in one message, under one
 * name, lazymem-NUMBER: so it has all of them or none. Their kinds are told by what they are.
 *
 * A listening socket can come from it as well; then clients can connect while no server runs.
 *
 * Both protocols are a few lines: messages to the socket in $NOTIFY_SOCKET, and descriptors
 * from 3 on with their names in $LISTEN_FDNAMES. So libsystemd, with all that it loads, is not
 * needed.
 */
#ifndef LAZYMEM_MANAGER_H
#define LAZYMEM_MANAGER_H

#include <stdbool.h>
#include <stddef.h>

/* Of a client, at most. */
#define KEPT_FDS	4

/**
 * struct kept - a client's descriptors; -1: there is none
 * @number: the client's
 * @uffd: its userfaultfd
 * @state: of the session, see lazymem_kept()
 * @socket: the connection
 * @pidfd: its process
 */
struct kept {
	unsigned int number;
	int uffd;
	int state;
	int socket;
	int pidfd;
};

/*
 * What was passed to this process; before the first thread. manager_socket() returns a listening socket or -1. manager_next() returns the next
 * client's descriptors, which are the caller's, or false.
 */
int manager_socket(void);
bool manager_next(struct kept *kept);
/* The highest number of a client whose descriptors were passed. */
unsigned int manager_last(void);

/* Whether there is a manager that can hold descriptors. */
bool manager_is_there(void);

/* How many descriptors it holds at most; 0: it does not say. */
unsigned int manager_room(void);

/* Have it hold these; they stay the caller's. Returns 0 or -errno. */
int manager_keep(const struct kept *kept);
/* It need not hold client @number's any more. */
void manager_forget(unsigned int number);

/* Clients may connect; or the end has begun. Without a manager nothing happens. */
void manager_ready(void);
void manager_stopping(void);

#endif
