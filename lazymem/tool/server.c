// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main thread of `lazymem serve`; see server.h.
 *
 * A signal ends it in steps. The first closes the socket and has all sessions end as
 * --on-exit says. The second has them end at once. If threads are still there 3 seconds
 * after it, the program exits without them.
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "fail.h"
#include "server.h"
#include "socket.h"

#define TICK_MS		1000
/* While it ends, to send the next signals to threads soon. */
#define END_TICK_MS	100
/* After the second signal. */
#define LEAVE_NS	3000000000ULL

/* The write fails only if the counter is full: then poll() returns anyway. */
void server_wake(struct server *server)
{
	uint64_t one = 1;

	if (write(server->wake, &one, sizeof(one)) < 0)
		return;
}

static void server_accept(struct server *server)
{
	int socket = accept4(server->socket, NULL, NULL, SOCK_CLOEXEC);

	/* Out of descriptors the socket stays readable: wait, instead of trying for ever. */
	if (socket < 0) {
		server->accept_at = clock_ns() + TICK_MS * 1000000ULL;
		return;
	}
	if (client_add(server, socket, NULL)) {
		report_message(0, "no memory or threads for another client");
		close(socket);
	}
}

/* Take clients that are over off the list, then free them without the lock. */
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
		client_free(client);
	}
}

static struct sums server_sums(struct server *server)
{
	struct sums sums = server->past;

	/* What clients that are gone are missing will never come: it does not count. */
	sums.total -= sums.missing;
	sums.missing = 0;
	pthread_mutex_lock(&server->lock);
	for (struct client *client = server->clients; client; client = client->next) {
		struct lazymem_stats stats;

		if (!client->session)
			continue;
		lazymem_stats(client->session, &stats);
		sums_add(&sums, &stats);
	}
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

/* First the way that the user wants, then at once. */
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
		client_stop(client);
	pthread_mutex_unlock(&server->lock);
}

static void server_on_kick(int signal)
{
	(void)signal;
}

/*
 * A client can make its userfaultfd blocking, and its thread then sits in read(). A signal
 * ends that. It is sent again and again, since it may come just before the read().
 */
static void server_kick(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	for (struct client *client = server->clients; client; client = client->next)
		if (!client->over)
			pthread_kill(client->thread, SIGUSR1);
	pthread_mutex_unlock(&server->lock);
}

/*
 * SIGINT and SIGTERM come through a descriptor. Threads inherit the mask, so this is before
 * the first. SIGUSR1 has a handler that does nothing: it only ends a read().
 */
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

/* Clients that come while there are too many stay in the socket's queue. */
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
	if (lazymem_image_note(tool->options.image))
		report_message(0, lazymem_image_note(tool->options.image));
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
