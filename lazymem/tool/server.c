// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main thread of `lazymem serve`; see server.h.
 *
 * A signal ends it in steps. The first closes the socket and has all sessions end as
 * --on-exit says. The second has them end at once. If threads are still there 3 seconds
 * after it, the program exits without them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "fail.h"
#include "manager.h"
#include "server.h"
#include "socket.h"

#define TICK_MS		1000
/* While it ends, to send the next signals to threads soon. */
#define END_TICK_MS	100
/* After the second signal. */
#define LEAVE_NS	3000000000ULL
/* How long one that needs a place waits until clients that are gone have left theirs. */
#define PLACE_MS	1000

/* The write fails only if the counter is full: then poll() returns anyway. */
void server_wake(struct server *server)
{
	uint64_t one = 1;

	if (write(server->wake, &one, sizeof(one)) < 0)
		return;
}

bool server_is_ending(struct server *server)
{
	bool ending;

	pthread_mutex_lock(&server->lock);
	ending = server->end != LAZYMEM_GO_ON;
	pthread_mutex_unlock(&server->lock);
	return ending;
}

/* With the lock. Sessions notice by themselves, but only after a second. */
static void server_probe_all(struct server *server)
{
	for (struct client *client = server->clients; client; client = client->next)
		if (client->session && client->placed && !client->over)
			lazymem_probe(client->session);
}

bool server_take_place(struct server *server)
{
	struct timespec until;
	int error = 0;
	bool taken;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PLACE_MS / 1000;
	pthread_mutex_lock(&server->lock);
	if (server->nr_places >= server->limits.served)
		server_probe_all(server);
	while (server->nr_places >= server->limits.served && !error)
		error = pthread_cond_timedwait(&server->place_left, &server->lock, &until);
	taken = server->nr_places < server->limits.served;
	server->nr_places += taken;
	pthread_mutex_unlock(&server->lock);
	return taken;
}

void server_keep_place(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->nr_places++;
	pthread_mutex_unlock(&server->lock);
}

bool server_is_served(struct server *server, struct client *client, int uffd)
{
	struct stat stat;
	bool found = false;

	if (uffd < 0 || fstat(uffd, &stat))
		return false;
	pthread_mutex_lock(&server->lock);
	for (struct client *other = server->clients; other; other = other->next)
		found |= other != client && !other->over && other->inode == stat.st_ino;
	if (!found && client)
		client->inode = stat.st_ino;
	pthread_mutex_unlock(&server->lock);
	return found;
}

void server_forget_uffd(struct server *server, struct client *client)
{
	pthread_mutex_lock(&server->lock);
	client->inode = 0;
	pthread_mutex_unlock(&server->lock);
}

void server_leave_place(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->nr_places--;
	pthread_cond_signal(&server->place_left);
	pthread_mutex_unlock(&server->lock);
}

/*
 * There is no descriptor for a connection: the spare ones are enough to take it, say so and
 * close it. Otherwise it would wait unseen, and the socket would stay readable.
 */
static bool server_accept_spare(struct server *server)
{
	int socket;

	for (int i = 0; i < SPARES; i++)
		close(server->spare[i]);
	socket = accept4(server->socket, NULL, NULL, SOCK_CLOEXEC);
	if (socket >= 0)
		client_turn_away(server, socket, "there are no more file descriptors");
	for (int i = 0; i < SPARES; i++)
		server->spare[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return socket >= 0;
}

/* Returns false if no connection waits, or none can be accepted: then not for a second. */
static bool server_accept(struct server *server)
{
	int socket = accept4(server->socket, NULL, NULL, SOCK_CLOEXEC);

	if (socket >= 0) {
		if (client_connected(server, socket))
			client_turn_away(server, socket, "no memory or threads for another client");
		return true;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	if ((errno == EMFILE || errno == ENFILE) && server_accept_spare(server))
		return true;
	if (errno != EAGAIN)
		server->accept_at = clock_ns() + TICK_MS * 1000000ULL;
	return false;
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
	for (struct client *client = server->clients; client; client = client->next)
		if (client->session)
			sums_add(&sums, client->session);
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
	if (!server->tool->json)
		return;
	pthread_mutex_lock(&server->lock);
	for (struct client *client = server->clients; client; client = client->next)
		client_report(client);
	pthread_mutex_unlock(&server->lock);
}

/*
 * Nobody can connect any more; those who have, and wait to be accepted, are still served.
 * They would not notice that the socket is closed, and wait for their pages.
 */
static void server_close_socket(struct server *server)
{
	if (server->tool->socket)
		unlink(server->tool->socket);
	while (server_accept(server))
		;
	close(server->socket);
	server->socket = -1;
}

/* First the way that the user wants, then at once. */
static void server_take_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (!server->end) {
		manager_stopping();
		server_close_socket(server);
	}
	pthread_mutex_lock(&server->lock);
	if (!server->end) {
		server->end = server->tool->on_exit;
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
 * The signals that end it come through a descriptor. Threads inherit the mask, so this is
 * before the first. SIGUSR1 has a handler that does nothing: it only ends a read().
 */
static void server_prepare(struct server *server)
{
	struct sigaction action = { .sa_handler = server_on_kick };
	sigset_t set;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	server->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < SPARES; i++)
		server->spare[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (server->signals < 0 || server->wake < 0 || server->spare[SPARES - 1] < 0)
		die_errno("cannot wait for signals");
	server->limits = limits_set(server->tool->clients_most);
	server->socket = server->tool->listening >= 0 ? server->tool->listening :
							socket_listen(server->tool);
}

/* Clients of a server that was killed, before the first new one. */
static void server_resume(struct server *server)
{
	struct kept kept;

	/* Those that are served on may fork at once. */
	server->last_number = manager_last();
	while (manager_next(&kept))
		client_resume(server, &kept);
}

/* What the manager does not hold is lost if this program is killed. */
static void server_check_room(const struct server *server)
{
	unsigned int room = manager_room();

	if (server->tool->options.keep && room && room / KEPT_FDS < server->limits.served)
		report_info(0, "the service manager keeps %u file descriptors: they are enough for %u clients (FileDescriptorStoreMax=)",
			    room, room / KEPT_FDS);
}

/*
 * Those that come while there are too many connections stay in the socket's queue. Most of
 * the others then have sent nothing and are closed after 10 seconds.
 */
static bool server_is_full(struct server *server)
{
	bool full = server->nr_clients >= server->limits.connections;

	if (full && !server->full_told)
		report_error(0, "%u connections: no more are accepted for now, by the limit of %lu open files",
			     server->nr_clients, server->limits.files);
	server->full_told = full;
	return full;
}

static void server_wait(struct server *server)
{
	bool full = server_is_full(server) || clock_ns() < server->accept_at;
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

/* Returns false if its output cannot be written: then it does not begin. */
static bool server_begin(struct server *server)
{
	struct tool *tool = server->tool;
	const char *note = lazymem_image_note(tool->options.image);

	tool->options.message = client_message;
	tool->options.forked = client_forked;
	tool->options.kill = client_kill;
	tool->options.spoken = client_spoken;
	server_prepare(server);
	if (server->limits.served < tool->clients_most)
		report_info(0, "the limit of %lu open files is enough for %u clients at once",
			    server->limits.files, server->limits.served);
	if (note)
		report_info(0, "%s", note);
	server_check_room(server);
	server_resume(server);
	if (report_ready()) {
		manager_ready();
		return true;
	}
	if (tool->socket)
		unlink(tool->socket);
	return false;
}

int server_serve(struct tool *tool)
{
	struct server server = {
		.tool = tool,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	pthread_condattr_t monotonic;
	struct sums sums;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&server.place_left, &monotonic);
	if (!server_begin(&server))
		return 2;
	while (!server.end || server.nr_clients) {
		server_wait(&server);
		server_clear_over(&server);
		server_report(&server);
		if (server.end)
			server_kick(&server);
		if (server.leave_at && clock_ns() > server.leave_at && server.nr_clients) {
			report_error(0, "clients hold up their threads; leaving them");
			_exit(1);
		}
	}
	sums = server_sums(&server);
	report_summary(&sums);
	close(server.signals);
	close(server.wake);
	for (int i = 0; i < SPARES; i++)
		close(server.spare[i]);
	return report_failed() ? 1 : 0;
}
