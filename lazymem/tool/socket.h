/* SPDX-License-Identifier: GPL-2.0-only */
/* The UNIX socket that clients connect to. */
#ifndef LAZYMEM_SOCKET_H
#define LAZYMEM_SOCKET_H

#include "options.h"

/*
 * Listen at @tool->socket, where a socket may be that no process serves any more. A failure
 * ends the program.
 */
int socket_listen(const struct tool *tool);

#endif
