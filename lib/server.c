// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page server's threads. Each thread reads the messages there are, holds them in a
 * queue for server.delay_us, and answers all that are due: the latency is that of a
 * server with many requests in flight. The delay is the same for all, so the queue is
 * sorted by deadline.
 *
 * Adjacent pages that are due are brought by one copy, which wakes their faults once.
 *
 * Hazard: all memory is mapped before the threads start. A test that unmaps memory must
 * not get the server's buffers into the hole.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "content.h"
#include "fail.h"
#include "uffd.h"

#define MESSAGES	64
#define ANSWERS		1024
#define PAGES_AT_ONCE	64UL

struct answer {
	uint64_t due;
	size_t first;
};

/* A ring: @n answers from @head on. */
struct worker {
	struct server *server;
	struct uffd_msg messages[MESSAGES];
	struct answer answers[ANSWERS];
	unsigned int head, n;
	size_t due[MESSAGES];
	char *buffer;
};

/*
 * A page that is already present (another thread answered, or a neighbour's batch
 * brought it) only needs a wake-up. In a range that is gone no fault waits any more.
 */
static void server_put_one(struct server *server, char *to, const char *from)
{
	int ret = uffd_copy(server->uffd, to, from, server->page_size);

	if (!ret)
		atomic_fetch_add(&server->served, server->page_size / PAGE);
	else if (ret == -EEXIST)
		uffd_wake(server->uffd, to, server->page_size);
	else if (ret != -ENOENT && ret != -ESRCH)
		die("UFFDIO_COPY gave %d", ret);
}

/*
 * At once; page by page if a page is already present, or the range has several
 * mappings.
 */
static void server_put(struct server *server, size_t page, const char *from, size_t pages)
{
	char *to = server->base + page * PAGE;
	size_t length = pages * PAGE;
	size_t copied = uffd_copy_some(server->uffd, to, from, length);

	atomic_fetch_add(&server->served, copied / PAGE);
	for (; copied < length; copied += server->page_size)
		server_put_one(server, to + copied, from + copied);
}

void server_bring(struct server *server, size_t first, size_t pages,
		  void *buffer)
{
	server->fill(buffer, first, pages, server->arg);
	server_put(server, first, buffer, pages);
}

static size_t pages_from(const struct server *server, size_t first)
{
	size_t left = server->pages - first;

	return left < server->batch ? left : server->batch;
}

static size_t buffer_pages(const struct server *server)
{
	return server->batch > PAGES_AT_ONCE ? server->batch : PAGES_AT_ONCE;
}

static int in_order(const void *a, const void *b)
{
	size_t first = *(const size_t *)a, second = *(const size_t *)b;

	return (first > second) - (first < second);
}

/* Move what is due at @now to @due, as much as fits. */
static unsigned int take_due(struct worker *worker, uint64_t now)
{
	unsigned int taken = 0;

	while (worker->n && taken < MESSAGES) {
		const struct answer *next = &worker->answers[worker->head];

		if (next->due > now)
			break;
		worker->due[taken++] = next->first;
		worker->head = (worker->head + 1) % ANSWERS;
		worker->n--;
	}
	qsort(worker->due, taken, sizeof(*worker->due), in_order);
	return taken;
}

static void answer_taken(struct worker *worker, unsigned int taken)
{
	struct server *server = worker->server;
	size_t begin = 0, pages = 0;

	atomic_fetch_add(&server->faults, taken);
	for (unsigned int i = 0; i < taken; i++) {
		size_t first = worker->due[i], n = pages_from(server, first);

		if (pages && first < begin + pages)
			continue;
		if (first != begin + pages ||
		    pages + n > buffer_pages(server)) {
			if (pages)
				server_put(server, begin, worker->buffer, pages);
			begin = first;
			pages = 0;
		}
		server->fill(worker->buffer + pages * PAGE, first, n, server->arg);
		pages += n;
	}
	if (pages)
		server_put(server, begin, worker->buffer, pages);
}

static void answer_due(struct worker *worker, uint64_t now)
{
	unsigned int taken;

	while ((taken = take_due(worker, now)))
		answer_taken(worker, taken);
}

/* Read as many messages as fit; threads leave some to each other. */
static void read_messages(struct worker *worker)
{
	struct server *server = worker->server;
	size_t most = MESSAGES / server->threads;
	ssize_t got;
	uint64_t due;

	if (most > ANSWERS - worker->n)
		most = ANSWERS - worker->n;
	got = read(server->uffd, worker->messages, most * sizeof(*worker->messages));
	due = clock_ns() + server->delay_us * 1000ULL;
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(*worker->messages); i++) {
		const struct uffd_msg *message = &worker->messages[i];
		size_t page;

		if (message->event != UFFD_EVENT_PAGEFAULT)
			continue;
		page = (message->arg.pagefault.address -
			(uintptr_t)server->base) / PAGE;
		worker->answers[(worker->head + worker->n++) % ANSWERS] =
			(struct answer) { due, page & ~(server->batch - 1) };
	}
}

/* Wait until there is something to read, if there is room, or the next answer is due. */
static bool worker_wait(struct worker *worker)
{
	struct pollfd fds[2] = {
		{ .fd = worker->server->stop_fd, .events = POLLIN },
		{ .fd = worker->server->uffd, .events = POLLIN },
	};
	struct timespec left = {};
	uint64_t now = clock_ns(), due = worker->answers[worker->head].due;

	if (worker->n && due > now) {
		left.tv_sec = (due - now) / 1000000000;
		left.tv_nsec = (due - now) % 1000000000;
	}
	if (ppoll(fds, worker->n < ANSWERS ? 2 : 1, worker->n ? &left : NULL,
		  NULL) < 0 && errno != EINTR)
		die_errno("poll");
	return !fds[0].revents;
}

static void *server_thread(void *arg)
{
	struct worker *worker = arg;

	/* In ns. With the default slack the timeout is 50 us late. */
	prctl(PR_SET_TIMERSLACK, 1);
	while (worker_wait(worker)) {
		read_messages(worker);
		answer_due(worker, clock_ns());
	}
	answer_due(worker, UINT64_MAX);
	return NULL;
}

static size_t worker_size(const struct server *server)
{
	size_t pages = (sizeof(struct worker) + PAGE - 1) / PAGE;

	return (pages + buffer_pages(server)) * PAGE;
}

static struct worker *worker_of(const struct server *server, unsigned int i)
{
	char *at = server->workers + i * worker_size(server);
	struct worker *worker = (struct worker *)at;

	worker->buffer = at + worker_size(server) - buffer_pages(server) * PAGE;
	return worker;
}

void server_start(struct server *server)
{
	if (!server->page_size)
		server->page_size = PAGE;
	if (!server->batch)
		server->batch = server->page_size / PAGE;
	if (!server->threads)
		server->threads = 1;
	if (server->threads > sizeof(server->tids) / sizeof(server->tids[0]))
		die("a page server has %zu threads at most",
		    sizeof(server->tids) / sizeof(server->tids[0]));
	server->workers = mmap(NULL, server->threads * worker_size(server),
			       PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (server->workers == MAP_FAILED)
		die_errno("no memory for a page server's buffers");
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (server->stop_fd < 0)
		die_errno("eventfd");
	for (unsigned int i = 0; i < server->threads; i++) {
		struct worker *worker = worker_of(server, i);

		worker->server = server;
		if (pthread_create(&server->tids[i], NULL, server_thread, worker))
			die("cannot start a page server's thread");
	}
}

void server_stop(struct server *server)
{
	eventfd_write(server->stop_fd, 1);
	for (unsigned int i = 0; i < server->threads; i++)
		pthread_join(server->tids[i], NULL);
	munmap(server->workers, server->threads * worker_size(server));
	close(server->stop_fd);
}

void server_fill_series(void *to, uint64_t first, size_t pages, void *arg)
{
	content_fill(to, *(uint64_t *)arg, first, pages);
}
