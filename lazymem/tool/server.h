/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `lazymem serve`: clients come over a UNIX socket; each has a thread and a session.
 *
 * The main thread accepts clients, reports, handles signals, and frees clients that are
 * over. A client's thread (client.h) does everything for its client.
 */
#ifndef LAZYMEM_SERVER_H
#define LAZYMEM_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "lazymem.h"
#include "options.h"
#include "report.h"

struct client;

/**
 * struct server - the server
 * @tool: what the user asked for
 * @lock: guards @clients, @nr_clients, @last_number, @end, and a client's @session and
 *	  @over. The main thread may read without it what only the main thread writes
 * @clients: the list; a client's thread may add a child, only the main thread removes
 * @nr_clients: how many are in the list
 * @last_number: number of the client that came last
 * @end: the end that a signal has asked for
 * @socket: listening; -1 after the first signal
 * @signals: signalfd of SIGINT and SIGTERM
 * @wake: eventfd that wakes the main thread: a client is over
 * @past: sums of the clients that were freed
 * @told_at: when progress was reported last
 * @accept_at: no client is accepted before this time
 * @leave_at: after the second signal: when to exit although clients are left
 */
struct server {
	struct tool *tool;
	pthread_mutex_t lock;
	struct client *clients;
	_Atomic unsigned int nr_clients;
	unsigned int last_number;
	enum lazymem_end end;
	int socket;
	int signals;
	int wake;
	struct sums past;
	uint64_t told_at;
	uint64_t accept_at;
	uint64_t leave_at;
};

/* Serve until a signal. Returns the program's exit status. */
int server_serve(struct tool *tool);

/* Have the main thread look at the list. By any thread. */
void server_wake(struct server *server);

#endif
