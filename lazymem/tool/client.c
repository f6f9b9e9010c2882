// SPDX-License-Identifier: GPL-2.0-only
/* Clients and their threads; see client.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "fail.h"

/* Whom calls of a session belong to that no client has. Nothing in it changes. */
static struct client client_nobody = { .peer = PEER_NONE, .socket = -1 };

void client_message(void *arg, const char *text)
{
	struct client *client = arg;

	report_error(client->who.number, "%s%s", client == &client_nobody ?
		     "a child that is not served: " : "", text);
}

/* A child's process is not known. One that has ended need not be killed. */
int client_kill(void *arg, const char *why)
{
	struct client *client = arg;
	int error;

	if (client == &client_nobody)
		return -EOPNOTSUPP;
	if (client->killed)
		return 0;
	error = peer_kill(&client->peer);
	client->killed = !error;
	if (!error)
		report_error(client->who.number, "killed (process %d, %s): %s",
			     client->peer.pid, client->peer.name, why);
	else if (client->peer.pid > 0)
		report_error(client->who.number, "cannot be killed (process %d, %s): %s",
			     client->peer.pid, client->peer.name, strerror(-error));
	return error;
}

int client_spoken(void *arg, struct lazymem *session)
{
	return conversation_run(arg, session);
}

/*
 * What the next server has to know as well, if this one is killed: lazymem_set_note(). Above
 * these bits is the number of the parent.
 */
#define NOTE_EXTENSION	1ULL
#define NOTE_REFUSED	2ULL
#define NOTE_PARENT	8

/*
 * From here on it is served even if this process is killed. So it is done before a client is
 * told that it is served, and before the parent of a child goes on.
 */
static void client_keep(struct client *client, struct lazymem *session, bool extension)
{
	struct kept kept = {
		.number = client->who.number,
		.socket = client->socket,
		.pidfd = client->peer.pidfd,
	};
	int error;

	if (!client->server->tool->options.keep)
		return;
	lazymem_kept(session, &kept.uffd, &kept.state);
	lazymem_set_note(session, (extension ? NOTE_EXTENSION : 0) |
			 (client->refused ? NOTE_REFUSED : 0) |
			 (uint64_t)client->who.parent << NOTE_PARENT);
	error = manager_keep(&kept);
	client->kept = !error;
	if (error)
		report_error(client->who.number, "the service manager does not keep it: %s",
			     strerror(-error));
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

static struct sums client_sums(const struct client *client)
{
	struct sums sums = {};

	if (client->session)
		sums_add(&sums, client->session);
	return sums;
}

/* All places are taken: for which of two reasons? */
static void client_explain_full(const struct server *server, char why[LAZYMEM_WHY])
{
	if (server->limits.served < server->tool->clients_most)
		snprintf(why, LAZYMEM_WHY, "all %u places are taken: the limit of %lu open files is too low for more",
			 server->limits.served, server->limits.files);
	else
		snprintf(why, LAZYMEM_WHY, "all places are taken (--max-clients %u)",
			 server->limits.served);
}

/*
 * It is not served, but must not wait for ever either. A connection that has sent nothing is
 * only closed: some connect to see whether somebody listens. So is one that gets an
 * acknowledgement: it knows, and may try again. Returns a session that answers its faults, if
 * one is needed.
 */
static struct lazymem *client_refuse(struct client *client, const struct hello *hello,
				     const char *why)
{
	const struct lazymem_options *options = &client->server->tool->options;
	struct lazymem *session = NULL;

	client->refused = true;
	client->conversation.deaf = true;
	if (client->placed)
		server_leave_place(client->server);
	client->placed = false;
	if (!client->inbox.heard) {
		report_debug(client->who.number, "process %d, %s, has connected and sent nothing",
			     client->peer.pid, client->peer.name);
		return NULL;
	}
	report_error(client->who.number, "refused (process %d, %s): %s", client->peer.pid,
		     client->peer.name[0] ? client->peer.name : "?", why);
	/* Before it is told: it may try again at once. */
	if (hello->acknowledge)
		server_forget_uffd(client->server, client);
	conversation_acknowledge(client, hello, why);
	shutdown(client->socket, SHUT_WR);
	if (hello->acknowledge || client->again)
		return NULL;
	if ((hello->listed || client->inbox.uffd >= 0) &&
	    options->on_lost == LAZYMEM_LOST_KILL && !client_kill(client, why))
		return NULL;
	if (client->inbox.uffd >= 0)
		session = lazymem_refuse(options, client, client->inbox.uffd, client->socket);
	if (session) {
		client->inbox.uffd = -1;
		client_keep(client, session, false);
	} else if (client->inbox.uffd >= 0 && options->on_lost != LAZYMEM_LOST_DROP) {
		client_kill(client, "no memory or descriptors to answer its faults");
	}
	return session;
}

static void client_serve(struct client *client, struct lazymem *session, struct hello *hello)
{
	struct inbox *inbox = &client->inbox;

	client_keep(client, session, hello->extension);
	conversation_acknowledge(client, hello, NULL);
	conversation_begin(&client->conversation, session, hello->extension);
	inbox->uffd = -1;
	while (inbox->nr_extra)
		client_refuse_extra(client, inbox->extra[--inbox->nr_extra],
				    "each userfaultfd needs a connection of its own");
	if (inbox->others)
		report_debug(client->who.number, "%u file descriptors that are no userfaultfd came and were closed",
			     inbox->others);
}

/* What can be checked before a session is made. Returns 0 or -errno. */
static int client_check(struct client *client, struct hello *hello, char why[LAZYMEM_WHY])
{
	int error = hello->ranges ? handshake_read(&client->inbox, hello, why) : -ENOMEM;

	if (error)
		return error;
	/* Told once for each change. What was opened is served on. */
	if (lazymem_image_changed(client->server->tool->options.image, why))
		report_error(0, "image '%s': %s", client->server->tool->where, why);
	client->again = server_is_served(client->server, client, client->inbox.uffd);
	if (client->again) {
		snprintf(why, LAZYMEM_WHY, "its userfaultfd has come on another connection, which is not over: all mappings go into one list");
		return -EEXIST;
	}
	client->placed = server_take_place(client->server);
	if (client->placed)
		return 0;
	client_explain_full(client->server, why);
	return -EUSERS;
}

/* Read what the client sends, and make its session. NULL: it was refused and needs none. */
static struct lazymem *client_greet(struct client *client)
{
	struct hello hello = { .ranges = calloc(REGIONS_MOST, sizeof(*hello.ranges)) };
	struct lazymem *session = NULL;
	char why[LAZYMEM_WHY] = "out of memory";

	if (!client_check(client, &hello, why))
		session = lazymem_new(&client->server->tool->options, client,
				      client->inbox.uffd, client->socket, hello.ranges,
				      hello.count, why);
	if (session)
		client_serve(client, session, &hello);
	else
		session = client_refuse(client, &hello, why);
	free(hello.ranges);
	return session;
}

/* Returns how it ended, for the user. */
static const char *client_run(struct client *client, struct lazymem *session)
{
	struct sums sums = {};
	int ret;

	sums_add(&sums, session);
	if (!client->refused)
		report_client_begin(&client->who, sums.total);
	client_publish(client, session);
	ret = lazymem_run(session);
	if (client->refused)
		return "refused";
	if (client->killed)
		return "killed";
	return ret ? "given up" : server_is_ending(client->server) ? "stopped" : "gone";
}

/* The main thread joins it before it frees the client, so ->over may come early. */
static void *client_main(void *arg)
{
	struct client *client = arg;
	struct server *server = client->server;
	struct lazymem *session = client->session ?: client_greet(client);
	const char *how = "refused";
	struct sums sums;

	if (session)
		how = client_run(client, session);
	sums = client_sums(client);
	if (session || client->inbox.heard)
		report_client_end(&client->who, how, &sums);
	/* ->placed stays: others may look at it. */
	if (client->placed)
		server_leave_place(server);
	pthread_mutex_lock(&server->lock);
	client->over = true;
	pthread_mutex_unlock(&server->lock);
	server_wake(server);
	return NULL;
}

static struct client *client_new(struct server *server, int socket, struct lazymem *session)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->server = server;
	client->socket = socket;
	client->session = session;
	client->peer.pidfd = -1;
	inbox_init(&client->inbox, socket);
	return client;
}

static unsigned int client_next_number(struct server *server)
{
	unsigned int number;

	pthread_mutex_lock(&server->lock);
	number = ++server->last_number;
	pthread_mutex_unlock(&server->lock);
	return number;
}

/*
 * Put it in the list and start its thread, which cannot set ->over before: it needs the lock.
 * Returns 0 or -errno.
 */
static int client_start(struct client *client)
{
	struct server *server = client->server;
	int error;

	if (!client->who.number)
		client->who.number = client_next_number(server);
	if (client->session && !client->kept)
		client_keep(client, client->session, false);
	client->who.pid = client->peer.pid;
	memcpy(client->who.name, client->peer.name, sizeof(client->who.name));
	if (client->session)
		lazymem_set_arg(client->session, client);
	pthread_mutex_lock(&server->lock);
	error = -pthread_create(&client->thread, NULL, client_main, client);
	if (!error) {
		client->next = server->clients;
		server->clients = client;
		server->nr_clients++;
	}
	pthread_mutex_unlock(&server->lock);
	if (error && client->kept)
		manager_forget(client->who.number);
	return error;
}

int client_connected(struct server *server, int socket)
{
	struct client *client = client_new(server, socket, NULL);
	int error;

	if (!client)
		return -ENOMEM;
	client->peer = peer_of(socket);
	error = client_start(client);
	if (error) {
		peer_close(&client->peer);
		free(client);
	}
	return error;
}

/* Nothing can be received. Killed only if it has sent something that looks like a list. */
void client_turn_away(struct server *server, int socket, const char *why)
{
	struct peer peer = peer_of(socket);
	char first = 0;

	report_error(0, "a connection is refused (process %d, %s): %s", peer.pid,
		     peer.name[0] ? peer.name : "?", why);
	if (server->tool->options.on_lost == LAZYMEM_LOST_KILL &&
	    recv(socket, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
	    (first == '[' || first == '{') && !peer_kill(&peer))
		report_error(0, "killed (process %d, %s): %s", peer.pid, peer.name, why);
	peer_close(&peer);
	close(socket);
}

/* By the parent's thread. The child gets a thread, a place and a number of its own. */
int client_forked(void *arg, struct lazymem *child)
{
	struct client *parent = arg, *client = NULL;
	struct server *server = parent->server;
	char why[LAZYMEM_WHY] = "no memory or threads";
	bool placed;

	/* A child of a child that is not served. */
	if (parent == &client_nobody)
		return -EAGAIN;
	/* Who is refused has no place, nor have its children. */
	placed = !parent->refused && server_take_place(server);
	if (!placed && !parent->refused)
		client_explain_full(server, why);
	else
		client = client_new(server, -1, child);
	if (client) {
		client->who.parent = parent->who.number;
		client->refused = parent->refused;
		client->placed = placed;
		if (!client_start(client))
			return 0;
		free(client);
	}
	if (placed)
		server_leave_place(server);
	report_error(parent->who.number, "a child is refused: %s", why);
	/* Not the client that was just freed, nor the parent: it must not be killed for this. */
	lazymem_set_arg(child, &client_nobody);
	return -EAGAIN;
}

/*
 * One that is served already is only closed: a second reader would take its faults and its
 * events.
 */
void client_refuse_extra(struct client *client, int uffd, const char *why)
{
	struct server *server = client->server;
	struct lazymem *session = NULL;
	struct client *extra;

	if (server_is_served(server, NULL, uffd)) {
		report_debug(client->who.number, "a userfaultfd came again and was closed");
		close(uffd);
		return;
	}
	session = lazymem_refuse(&server->tool->options, client, uffd, -1);
	extra = session ? client_new(server, -1, session) : NULL;
	report_error(client->who.number, "its userfaultfd is refused: %s", why);
	if (!session) {
		close(uffd);
		return;
	}
	if (extra) {
		extra->peer = peer_copy(&client->peer);
		extra->who.parent = client->who.number;
		extra->refused = true;
		server_is_served(server, extra, uffd);
		if (!client_start(extra))
			return;
		peer_close(&extra->peer);
		free(extra);
	}
	lazymem_free(session);
}

/* Its session, or one that refuses it. NULL: it is lost. */
static struct lazymem *client_revive(struct client *client, const struct kept *kept)
{
	const struct lazymem_options *options = &client->server->tool->options;
	char why[LAZYMEM_WHY] = "not all of its file descriptors were kept";
	struct lazymem *session = NULL;

	if (kept->uffd >= 0 && kept->state >= 0)
		session = lazymem_resume(options, client, kept->uffd, kept->socket, kept->state,
					 why);
	client->kept = session;
	if (session)
		return session;
	report_error(kept->number, "cannot be served on (process %d, %s): %s", client->peer.pid,
		     client->peer.name[0] ? client->peer.name : "?", why);
	client->refused = true;
	client->conversation.deaf = true;
	manager_forget(kept->number);
	if (kept->state >= 0)
		close(kept->state);
	if (kept->uffd >= 0)
		session = lazymem_refuse(options, client, kept->uffd, kept->socket);
	if (kept->uffd >= 0 && !session)
		close(kept->uffd);
	return session;
}

/* What was agreed on with its first server. */
static void client_remember(struct client *client)
{
	uint64_t note = lazymem_note(client->session);

	if (!client->kept)
		return;
	client->refused = note & NOTE_REFUSED;
	client->who.parent = note >> NOTE_PARENT;
	conversation_begin(&client->conversation, client->session, note & NOTE_EXTENSION);
	client->conversation.deaf |= client->refused;
	client->placed = !client->refused;
	if (client->placed)
		server_keep_place(client->server);
}

/* Nothing is left to answer its faults with. */
static void client_drop(struct client *client)
{
	if (client->server->tool->options.on_lost == LAZYMEM_LOST_KILL)
		client_kill(client, "it cannot be served on");
	inbox_destroy(&client->inbox);
	peer_close(&client->peer);
	if (client->socket >= 0)
		close(client->socket);
	free(client);
}

/* Before the first connection. */
void client_resume(struct server *server, const struct kept *kept)
{
	struct client *client = client_new(server, kept->socket, NULL);

	if (!client)
		die("out of memory");
	client->who.number = kept->number;
	client->peer = peer_kept(kept->pidfd, kept->socket);
	client->session = client_revive(client, kept);
	if (!client->session) {
		client_drop(client);
		return;
	}
	server_is_served(server, client, kept->uffd);
	client_remember(client);
	report_info(kept->number, "taken over from a server that was killed");
	/* The manager still holds what it holds. */
	if (client_start(client))
		die("no memory or threads to go on with a client");
}

/* Without a session it waits for what the client sends; what was sent is still read. */
void client_stop(struct client *client)
{
	if (client->session)
		lazymem_stop(client->session, client->server->end);
	else
		shutdown(client->socket, SHUT_RD);
}

void client_report(struct client *client)
{
	struct sums sums = client_sums(client);

	if (!client->session || client->refused || client->over ||
	    !memcmp(&sums, &client->told, sizeof(sums)))
		return;
	client->told = sums;
	report_client_progress(&client->who, &sums);
}

void client_free(struct client *client)
{
	struct server *server = client->server;

	pthread_join(client->thread, NULL);
	if (client->session) {
		sums_add(&server->past, client->session);
		server->past.served_clients += !client->refused;
		lazymem_free(client->session);
	}
	if (client->kept)
		manager_forget(client->who.number);
	conversation_destroy(&client->conversation);
	inbox_destroy(&client->inbox);
	peer_close(&client->peer);
	if (client->socket >= 0)
		close(client->socket);
	free(client);
}
