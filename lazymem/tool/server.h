/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `lazymem serve`: clients come over a UNIX socket; each has a thread and a session.
 *
 * The main thread accepts connections, reports, handles signals, and frees clients that are
 * over. A client's thread (client.h) does everything for its client.
 *
 * A client that is served has a place; --max-clients says how many there are. Connections
 * that have not sent their list yet, and clients that were refused, have none: for them the
 * descriptors that are left set the limit (limits.h).
 */
#ifndef LAZYMEM_SERVER_H
#define LAZYMEM_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lazymem.h"
#include "limits.h"
#include "options.h"
#include "report.h"

struct client;

#define SPARES	2

/**
 * struct server - the server
 * @tool: what the user asked for
 * @limits: how many clients there may be
 * @lock: guards @clients, @nr_clients, @nr_places, @last_number, @end, and a client's @session
 *	  and @over. The main thread may read without it what only the main thread writes
 * @clients: the list; a client's thread may add a child, only the main thread removes
 * @nr_clients: how many are in the list
 * @nr_places: places that are taken
 * @place_left: a place was given back
 * @last_number: number of the client that came last
 * @end: the end that a signal has asked for
 * @socket: listening; -1 after the first signal
 * @signals: signalfd of the signals that end it
 * @wake: eventfd that wakes the main thread: a client is over
 * @spare: descriptors that are closed to accept a connection when there are no more: for
 *	   it and for its process
 * @past: sums of the clients that were freed
 * @told_at: when progress was reported last
 * @accept_at: no client is accepted before this time
 * @leave_at: after the second signal: when to exit although clients are left
 * @full_told: it was reported that no more connections are accepted for now
 */
struct server {
	struct tool *tool;
	struct limits limits;
	pthread_mutex_t lock;
	struct client *clients;
	_Atomic unsigned int nr_clients;
	unsigned int nr_places;
	pthread_cond_t place_left;
	unsigned int last_number;
	enum lazymem_end end;
	int socket;
	int signals;
	int wake;
	int spare[SPARES];
	struct sums past;
	uint64_t told_at;
	uint64_t accept_at;
	uint64_t leave_at;
	bool full_told;
};

/* Serve until a signal. Returns the program's exit status. */
int server_serve(struct tool *tool);

/* Have the main thread look at the list. By any thread. */
void server_wake(struct server *server);

/* Whether a signal has asked for the end. By any thread. */
bool server_is_ending(struct server *server);

/*
 * Take a place. If all are taken, look whether clients are gone that nobody has noticed yet,
 * and wait for them for a moment. By any thread. Returns whether there was a place.
 */
bool server_take_place(struct server *server);
/* For one that has been served before: beyond the limit, too. */
void server_keep_place(struct server *server);
void server_leave_place(struct server *server);

/*
 * Whether another client's session has this userfaultfd. If not, it is @client's from now on;
 * @client may be NULL. By any thread.
 */
bool server_is_served(struct server *server, struct client *client, int uffd);
/* It is not @client's any more. */
void server_forget_uffd(struct server *server, struct client *client);

#endif
