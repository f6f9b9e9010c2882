/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client: a connection, or a child that a client has forked, with the thread that serves
 * it. Its life: client_add() starts the thread, which reads what the client sends, makes a
 * session and runs it; then the thread sets ->over and ends. The main thread takes the
 * client off the list and frees it.
 */
#ifndef LAZYMEM_CLIENT_H
#define LAZYMEM_CLIENT_H

#include <pthread.h>
#include <stdbool.h>

#include "lazymem.h"
#include "server.h"

/**
 * struct client - a client
 * @next: in server.clients
 * @server: the server
 * @thread: the client's
 * @number: for messages
 * @socket: the connection; -1 for a child of a client
 * @session: NULL until the client was accepted, and if it was refused
 * @over: the thread ends and uses nothing of the client any more
 */
struct client {
	struct client *next;
	struct server *server;
	pthread_t thread;
	unsigned int number;
	int socket;
	struct lazymem *session;
	bool over;
};

/* lazymem_options.message and lazymem_options.forked */
void client_message(void *arg, const char *text);
int client_forked(void *arg, struct lazymem *child);

/*
 * Start a thread for a connection, or for a child's @session (@socket -1), which are the
 * client's from now on. Returns 0; or -errno if there are too many clients, or no memory or
 * thread: then both stay the caller's.
 */
int client_add(struct server *server, int socket, struct lazymem *session);

/* Have it end. With the server's lock. */
void client_stop(struct client *client);

/* After ->over, and off the list: add up what it did, and free it. */
void client_free(struct client *client);

#endif
