// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clients. The main thread accepts, reports, hears signals and clears away; a client's
 * thread does all for that client. @lock guards the list and what says whether there is a
 * session; only the main thread takes clients off.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fail.h"
#include "tool.h"

#define TICK_MS		1000
#define END_TICK_MS	100
#define LEAVE_NS	3000000000ULL

struct client {
	struct client *next;
	struct server *server;
	pthread_t thread;
	unsigned int number;
	int socket;
	struct lazymem *session;
	bool over;
};

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

static void client_message(void *arg, const char *text)
{
	struct client *client = arg;

	report_message(client->number, text);
}

static void server_wake(struct server *server)
{
	uint64_t one = 1;

	if (write(server->wake, &one, sizeof(one)) < 0)
		return;
}

/* The server may be about to end. */
static void client_publish(struct client *client, struct lazymem *session)
{
	struct server *server = client->server;

	pthread_mutex_lock(&server->lock);
	client->session = session;
	if (server->end)
		lazymem_stop(session, server->end);
	pthread_mutex_unlock(&server->lock);
}

static struct lazymem *client_greet(struct client *client)
{
	struct lazymem_range *ranges = calloc(RANGES_MOST, sizeof(*ranges));
	struct lazymem *session = NULL;
	char why[LAZYMEM_WHY] = "out of memory";
	int uffd = -1, count = ranges ? handshake_read(client->socket, ranges, &uffd, why) : -1;

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

/* @session: that of a child, or NULL. Returns 0 or -errno. */
static int client_add(struct server *server, int socket, struct lazymem *session)
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

static int client_forked(void *arg, struct lazymem *child)
{
	struct client *parent = arg;
	int error = client_add(parent->server, -1, child);

	/* It was the child's client's for a moment. */
	if (error)
		lazymem_set_arg(child, parent);
	return error;
}

static void server_accept(struct server *server)
{
	int socket = accept4(server->socket, NULL, NULL, SOCK_CLOEXEC);

	/* Out of descriptors, it would be tried without end. */
	if (socket < 0) {
		server->accept_at = clock_ns() + TICK_MS * 1000000ULL;
		return;
	}
	if (client_add(server, socket, NULL)) {
		report_message(0, "no memory or threads for another client");
		close(socket);
	}
}

static void client_free(struct server *server, struct client *client)
{
	pthread_join(client->thread, NULL);
	if (client->session) {
		sums_add(&server->past, lazymem_stats(client->session));
		server->past.served_clients++;
		lazymem_free(client->session);
	}
	if (client->socket >= 0)
		close(client->socket);
	free(client);
}

static void server_clear_over(struct server *server)
{
	struct client **at, *client, *over = NULL;

	pthread_mutex_lock(&server->lock);
	for (at = &server->clients; (client = *at);) {
		if (!client->over) {
			at = &client->next;
			continue;
		}
		*at = client->next;
		client->next = over;
		over = client;
		server->nr_clients--;
	}
	pthread_mutex_unlock(&server->lock);
	while ((client = over)) {
		over = client->next;
		client_free(server, client);
	}
}

static struct sums server_sums(struct server *server)
{
	struct sums sums = server->past;

	/* What clients that are gone did not get is not to come. */
	sums.total -= sums.missing;
	sums.missing = 0;
	pthread_mutex_lock(&server->lock);
	for (struct client *client = server->clients; client; client = client->next)
		if (client->session)
			sums_add(&sums, lazymem_stats(client->session));
	sums.clients = server->nr_clients;
	pthread_mutex_unlock(&server->lock);
	return sums;
}

static void server_report(struct server *server)
{
	uint64_t now = clock_ns();
	struct sums sums;

	if (now - server->told_at < TICK_MS * 1000000ULL)
		return;
	server->told_at = now;
	sums = server_sums(server);
	report_progress(&sums);
}

static void client_stop(struct server *server, struct client *client)
{
	if (client->session)
		lazymem_stop(client->session, server->end);
	else
		shutdown(client->socket, SHUT_RDWR);
}

static void server_take_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals, &info, sizeof(info)) != sizeof(info))
		return;
	pthread_mutex_lock(&server->lock);
	if (!server->end) {
		server->end = server->tool->on_exit;
		close(server->socket);
		server->socket = -1;
		unlink(server->tool->socket);
	} else {
		server->end = LAZYMEM_NOW;
		server->leave_at = clock_ns() + LEAVE_NS;
	}
	for (struct client *client = server->clients; client; client = client->next)
		client_stop(server, client);
	pthread_mutex_unlock(&server->lock);
}

static void server_on_kick(int signal)
{
	(void)signal;
}

/* Out of a read() that a client has made blocking. */
static void server_kick(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	for (struct client *client = server->clients; client; client = client->next)
		if (!client->over)
			pthread_kill(client->thread, SIGUSR1);
	pthread_mutex_unlock(&server->lock);
}

/* Threads inherit the mask: signals come through the descriptor, to the main one. */
static void server_prepare(struct server *server)
{
	struct sigaction action = { .sa_handler = server_on_kick };
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	server->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->signals < 0 || server->wake < 0)
		die_errno("cannot wait for signals");
	server->socket = socket_listen(server->tool->socket);
}

static void server_wait(struct server *server)
{
	bool full = server->nr_clients >= server->tool->clients_most ||
		    clock_ns() < server->accept_at;
	struct pollfd fds[] = {
		{ .fd = full ? -1 : server->socket, .events = POLLIN },
		{ .fd = server->signals, .events = POLLIN },
		{ .fd = server->wake, .events = POLLIN },
	};
	uint64_t count;

	if (poll(fds, 3, server->end ? END_TICK_MS : TICK_MS) <= 0)
		return;
	if (fds[0].revents)
		server_accept(server);
	if (fds[1].revents)
		server_take_signal(server);
	if (fds[2].revents && read(server->wake, &count, sizeof(count)) < 0)
		return;
}

int server_serve(struct tool *tool)
{
	struct server server = { .tool = tool, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct sums sums;

	tool->options.message = client_message;
	tool->options.forked = client_forked;
	server_prepare(&server);
	report_start(tool->json);
	report_message(0, "ready");
	while (!server.end || server.nr_clients) {
		server_wait(&server);
		server_clear_over(&server);
		server_report(&server);
		if (server.end)
			server_kick(&server);
		if (server.leave_at && clock_ns() > server.leave_at && server.nr_clients) {
			report_message(0, "clients hold up their threads; leaving them");
			_exit(1);
		}
	}
	sums = server_sums(&server);
	report_summary(&sums);
	close(server.signals);
	close(server.wake);
	return 0;
}
