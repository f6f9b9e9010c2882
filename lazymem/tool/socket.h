/* SPDX-License-Identifier: GPL-2.0-only */
/* The UNIX socket that clients connect to. */
#ifndef LAZYMEM_SOCKET_H
#define LAZYMEM_SOCKET_H

#include <sys/types.h>

/*
 * Listen at @path, where a socket may be that no process serves any more. A failure ends
 * the program.
 */
int socket_listen(const char *path);

/* The process at the other end; 0 if the kernel does not say. */
pid_t socket_peer(int socket);

#endif
