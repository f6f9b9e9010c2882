// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "fail.h"
#include "uffd.h"

/*
 * The page may be there already (another thread answered, or the neighbour's
 * batch brought it): then the one who waits only needs to be woken. The range
 * may be gone, with it whoever waited.
 */
static void put(struct server *server, size_t page, void *from, size_t pages)
{
	char *to = server->base + page * PAGE;
	int ret = uffd_copy(server->uffd, to, from, pages * PAGE);

	if (!ret)
		atomic_fetch_add(&server->served, pages);
	else if (ret == -EEXIST && pages * PAGE > server->page_size)
		for (size_t i = 0; i < pages; i += server->page_size / PAGE)
			put(server, page + i, (char *)from + i * PAGE,
			    server->page_size / PAGE);
	else if (ret == -EEXIST)
		uffd_wake(server->uffd, to, pages * PAGE);
	else if (ret != -ENOENT && ret != -ESRCH)
		die("UFFDIO_COPY gave %d", ret);
}

static void answer(struct server *server, uint64_t addr, void *buffer)
{
	size_t page = (addr - (uintptr_t)server->base) / PAGE;
	size_t first = page & ~(server->batch - 1);
	size_t n = server->batch;
	struct timespec delay = {
		.tv_sec = server->delay_us / 1000000,
		.tv_nsec = server->delay_us % 1000000 * 1000,
	};

	if (first + n > server->pages)
		n = server->pages - first;
	if (server->delay_us)
		nanosleep(&delay, NULL);
	atomic_fetch_add(&server->faults, 1);
	server->fill(buffer, first, n, server->arg);
	put(server, first, buffer, n);
}

static void *serve(void *arg)
{
	struct server *server = arg;
	struct pollfd fds[2] = {
		{ .fd = server->uffd, .events = POLLIN },
		{ .fd = server->stop_fd, .events = POLLIN },
	};
	struct uffd_msg msg;
	char *buffer = server->buffers +
		       server->running++ * server->batch * PAGE;

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		if (read(server->uffd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		if (msg.event == UFFD_EVENT_PAGEFAULT)
			answer(server, msg.arg.pagefault.address, buffer);
	}
	return NULL;
}

static size_t buffers_size(const struct server *server)
{
	return server->threads * server->batch * PAGE;
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
	/* Not by the threads: whoever unmaps something must not get them there. */
	server->running = 0;
	server->buffers = mmap(NULL, buffers_size(server), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (server->buffers == MAP_FAILED)
		die_errno("no memory for a page server's buffers");
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (server->stop_fd < 0)
		die_errno("eventfd");
	for (unsigned int i = 0; i < server->threads; i++)
		if (pthread_create(&server->tids[i], NULL, serve, server))
			die("cannot start a page server's thread");
}

void server_stop(struct server *server)
{
	eventfd_write(server->stop_fd, 1);
	for (unsigned int i = 0; i < server->threads; i++)
		pthread_join(server->tids[i], NULL);
	munmap(server->buffers, buffers_size(server));
	close(server->stop_fd);
}

void server_fill_series(void *to, uint64_t first, size_t pages, void *arg)
{
	content_fill(to, *(uint64_t *)arg, first, pages);
}
