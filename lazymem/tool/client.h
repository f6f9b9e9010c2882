/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client: a connection, or a child that a client has forked, with the thread that serves
 * it. Its life: client_connected() starts the thread, which reads what the client sends, takes a
 * place, makes a session and runs it; then the thread sets ->over and ends. The main thread
 * takes the client off the list and frees it.
 *
 * A client that cannot be served is refused: it gets what --on-lost says. If its userfaultfd
 * came, a session of its own kind answers its faults (lazymem_refuse()) until it is gone.
 */
#ifndef LAZYMEM_CLIENT_H
#define LAZYMEM_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "conversation.h"
#include "handshake.h"
#include "inbox.h"
#include "lazymem.h"
#include "manager.h"
#include "peer.h"
#include "server.h"

/**
 * struct client - a client
 * @next: in server.clients
 * @server: the server
 * @thread: the client's
 * @who: for messages
 * @peer: its process; unknown for a child
 * @socket: the connection; -1 for a child of a client
 * @inbox: what comes over the connection
 * @conversation: what was agreed on
 * @inode: of its userfaultfd, which only duplicates of it have; 0: not known
 * @session: NULL until the client was accepted, and if it was refused and needs none
 * @placed: it has a place (server.h)
 * @refused: it is not served
 * @kept: the service manager holds its descriptors
 * @killed: it was killed: there is no need to do so again
 * @again: its userfaultfd is another client's, which is served on
 * @over: the thread ends and uses nothing of the client any more
 * @told: its numbers when they were reported last
 */
struct client {
	struct client *next;
	struct server *server;
	pthread_t thread;
	struct report_client who;
	struct peer peer;
	int socket;
	struct inbox inbox;
	struct conversation conversation;
	ino_t inode;
	struct lazymem *session;
	bool placed;
	bool refused;
	bool kept;
	bool killed;
	bool again;
	bool over;
	struct sums told;
};

/* lazymem_options.message, .forked, .kill and .spoken */
void client_message(void *arg, const char *text);
int client_forked(void *arg, struct lazymem *child);
int client_kill(void *arg, const char *why);
int client_spoken(void *arg, struct lazymem *session);

/*
 * A connection that was accepted. Returns 0; or -errno without memory or a thread: then
 * @socket stays the caller's.
 */
int client_connected(struct server *server, int socket);

/* One that cannot be taken in: tell, and do what is possible. Closes @socket. */
void client_turn_away(struct server *server, int socket, const char *why);

/* The client's part of @uffd, which came beside what it needs, is refused. */
void client_refuse_extra(struct client *client, int uffd, const char *why);

/*
 * A client of a server that was killed: it is served on, or refused if that is not possible.
 * Takes the descriptors over.
 */
void client_resume(struct server *server, const struct kept *kept);

/* Have it end. With the server's lock. */
void client_stop(struct client *client);

/* Its numbers, if they have changed since the last time. With the server's lock. */
void client_report(struct client *client);

/* After ->over, and off the list: add up what it did, and free it. */
void client_free(struct client *client);

#endif
