// SPDX-License-Identifier: GPL-2.0-only
/* Clients and their threads; see client.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "handshake.h"
#include "socket.h"

void client_message(void *arg, const char *text)
{
	struct client *client = arg;

	report_message(client->number, text);
}

/* From here on a signal stops the session. One that came before does so now. */
static void client_publish(struct client *client, struct lazymem *session)
{
	struct server *server = client->server;

	pthread_mutex_lock(&server->lock);
	client->session = session;
	if (server->end)
		lazymem_stop(session, server->end);
	pthread_mutex_unlock(&server->lock);
}

/* Read what the client sends, and make its session. NULL: it was refused, with a message. */
static struct lazymem *client_greet(struct client *client)
{
	struct lazymem_range *ranges = calloc(RANGES_MOST, sizeof(*ranges));
	struct lazymem *session = NULL;
	char why[LAZYMEM_WHY] = "out of memory";
	int uffd = -1, count = -1;

	if (ranges)
		count = handshake_read(client->socket, ranges, &uffd, why);
	if (count > 0) {
		session = lazymem_new(&client->server->tool->options, client, uffd,
				      client->socket, ranges, count, why);
		if (!session)
			close(uffd);
	}
	if (!session) {
		char text[LAZYMEM_WHY + 64];

		snprintf(text, sizeof(text), "refused (process %d): %s",
			 socket_peer(client->socket), why);
		report_message(client->number, text);
	}
	free(ranges);
	return session;
}

/* The main thread joins it before it frees the client, so ->over may come early. */
static void *client_main(void *arg)
{
	struct client *client = arg;
	struct server *server = client->server;
	struct lazymem *session = client->session ?: client_greet(client);

	if (session) {
		client_publish(client, session);
		lazymem_run(session);
	}
	pthread_mutex_lock(&server->lock);
	client->over = true;
	pthread_mutex_unlock(&server->lock);
	server_wake(server);
	return NULL;
}

/* The thread cannot set ->over before the client is in the list: it needs the lock. */
int client_add(struct server *server, int socket, struct lazymem *session)
{
	struct client *client = calloc(1, sizeof(*client));
	int error = -ENOMEM;

	if (!client)
		return -ENOMEM;
	client->server = server;
	client->socket = socket;
	client->session = session;
	if (session)
		lazymem_set_arg(session, client);
	pthread_mutex_lock(&server->lock);
	if (server->nr_clients < server->tool->clients_most) {
		client->number = ++server->last_number;
		error = -pthread_create(&client->thread, NULL, client_main, client);
	}
	if (!error) {
		client->next = server->clients;
		server->clients = client;
		server->nr_clients++;
	}
	pthread_mutex_unlock(&server->lock);
	if (error)
		free(client);
	return error;
}

/* By the parent's thread. The child gets a thread and a number of its own. */
int client_forked(void *arg, struct lazymem *child)
{
	struct client *parent = arg;
	int error = client_add(parent->server, -1, child);

	/* Not the client that was just freed: the session still reports. */
	if (error)
		lazymem_set_arg(child, parent);
	return error;
}

/* Without a session it waits for what the client sends. */
void client_stop(struct client *client)
{
	if (client->session)
		lazymem_stop(client->session, client->server->end);
	else
		shutdown(client->socket, SHUT_RDWR);
}

void client_free(struct client *client)
{
	struct server *server = client->server;
	struct lazymem_stats stats;

	pthread_join(client->thread, NULL);
	if (client->session) {
		lazymem_stats(client->session, &stats);
		sums_add(&server->past, &stats);
		server->past.served_clients++;
		lazymem_free(client->session);
	}
	if (client->socket >= 0)
		close(client->socket);
	free(client);
}
