// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "place.h"
#include "session.h"

/* A client could make any number of them. */
#define MESSAGES_MOST	20

/* Above what sysctl vm.mmap_min_addr keeps free. */
#define PROBE_ADDRESS	(1UL << 24)

void session_message(struct lazymem *session, const char *format, ...)
{
	char text[512];
	va_list args;

	if (session->messages > MESSAGES_MOST || !session->options->message)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (session->messages++ == MESSAGES_MOST)
		snprintf(text, sizeof(text), "more messages are left out");
	session->options->message(session->arg, text);
}

void lazymem_set_arg(struct lazymem *session, void *arg)
{
	session->arg = arg;
}

const struct lazymem_stats *lazymem_stats(const struct lazymem *session)
{
	return &session->stats;
}

/* Fails only if it is up already. */
void session_wake(struct lazymem *session)
{
	uint64_t one = 1;

	if (write(session->stop_fd, &one, sizeof(one)) < 0)
		return;
}

void lazymem_stop(struct lazymem *session, enum lazymem_end end)
{
	int old = session->end;

	while (old < (int)end &&
	       !atomic_compare_exchange_weak(&session->end, &old, end))
		;
	session_wake(session);
}

static void session_init(struct lazymem *session)
{
	session->uffd = -1;
	session->peer = -1;
	session->stop_fd = -1;
	session->buffers = MAP_FAILED;
	pthread_mutex_init(&session->dirty.lock, NULL);
	pthread_cond_init(&session->dirty.done, NULL);
}

void lazymem_free(struct lazymem *session)
{
	helper_end(&session->helper);
	if (session->source)
		source_free(session->source);
	order_close(&session->ahead.order);
	ranges_free(&session->ranges);
	if (session->buffers != MAP_FAILED)
		munmap(session->buffers, SLOTS * session->slot_bytes);
	bounce_free(&session->bounce);
	if (session->stop_fd >= 0)
		close(session->stop_fd);
	if (session->uffd >= 0)
		close(session->uffd);
	pthread_cond_destroy(&session->dirty.done);
	pthread_mutex_destroy(&session->dirty.lock);
	free(session);
}

/* All but what it serves. NULL: out of memory or descriptors. */
static struct lazymem *session_new(const struct lazymem_options *options)
{
	struct lazymem *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session_init(session);
	session->options = options;
	session->ranges.stats = &session->stats;
	session->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->source = source_new(options->image, options->timeout);
	if (session->stop_fd >= 0 && session->source)
		return session;
	lazymem_free(session);
	return NULL;
}

/*
 * A slot holds one page at least. Memory is behind it once it is used, and not by huge
 * pages: the first fault would wait until they are cleared.
 */
static int session_make_buffers(struct lazymem *session)
{
	session->slot_bytes = SLOT_BYTES;
	for (const struct pages *pages = session->ranges.pages; pages;
	     pages = pages->next)
		if (pages->size > session->slot_bytes)
			session->slot_bytes = pages->size;
	session->buffers = mmap(NULL, SLOTS * session->slot_bytes,
				PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
	if (session->buffers == MAP_FAILED)
		return -ENOMEM;
	madvise(session->buffers, SLOTS * session->slot_bytes, MADV_NOHUGEPAGE);
	return session->source->ops->fetch ?
	       bounce_make(&session->bounce, session->slot_bytes) : 0;
}

/* The client shares the flags, and may have left them alone. */
static int session_unblock(int uffd)
{
	int flags = fcntl(uffd, F_GETFL);

	if (flags < 0 || fcntl(uffd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return 0;
}

static bool session_is_uffd(int fd)
{
	char path[32], name[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0)
		return false;
	name[length] = '\0';
	return !strcmp(name, "anon_inode:[userfaultfd]");
}

static int session_set_up(struct lazymem *session, int uffd, const struct lazymem_range *ranges,
			  size_t count, char why[LAZYMEM_WHY])
{
	int error;

	if (!session_is_uffd(uffd)) {
		snprintf(why, LAZYMEM_WHY, "the file descriptor is no userfaultfd");
		return -EINVAL;
	}
	session->image_size = session->options->image_size;
	error = ranges_set(&session->ranges, ranges, count, session->image_size, why);
	if (error)
		return error;
	snprintf(why, LAZYMEM_WHY, "out of memory");
	if (session_make_buffers(session) || session_unblock(uffd))
		return -ENOMEM;
	return ahead_open(session, why);
}

struct lazymem *lazymem_new(const struct lazymem_options *options, void *arg, int uffd,
			    int peer, const struct lazymem_range *ranges,
			    size_t count, char why[LAZYMEM_WHY])
{
	struct lazymem *session = session_new(options);

	if (!session) {
		snprintf(why, LAZYMEM_WHY, "out of memory or file descriptors");
		return NULL;
	}
	session->arg = arg;
	if (session_set_up(session, uffd, ranges, count, why)) {
		lazymem_free(session);
		return NULL;
	}
	session->uffd = uffd;
	session->peer = peer;
	return session;
}

/* It begins with what its parent had, and reads ahead in row only. */
struct lazymem *session_clone(struct lazymem *session, int uffd)
{
	struct lazymem *child = session_new(session->options);

	if (!child)
		return NULL;
	child->arg = session->arg;
	child->image_size = session->image_size;
	if (ranges_clone(&child->ranges, &session->ranges) || session_make_buffers(child) ||
	    session_unblock(uffd)) {
		lazymem_free(child);
		return NULL;
	}
	child->ahead.on = session->options->read_ahead;
	child->ahead.depth = 1;
	child->ahead.pages = child->ranges.pages;
	child->uffd = uffd;
	return child;
}

/* Whoever waits when the end is announced is still answered. */
static void loop_take_end(struct lazymem *session)
{
	int end = session->end;

	if (end == session->ending)
		return;
	messages_read(session);
	session->ending = end;
	if (end == LAZYMEM_FILL)
		ahead_restart(session);
}

static bool loop_is_finished(struct lazymem *session)
{
	switch (session->ending) {
	case LAZYMEM_GO_ON:
		return false;
	case LAZYMEM_FILL:
		return !session->queued && !slots_busy(session) && ahead_over(session);
	case LAZYMEM_POISON:
	case LAZYMEM_DROP:
		return !faults_waiting(session);
	default:
		return true;
	}
}

/* A client that has hung up may live on; the kernel knows. Any address will do. */
static void loop_probe(struct lazymem *session, uint64_t now)
{
	if (now < session->probe_at)
		return;
	session->probe_at = now + SECOND;
	if (place_probe(session->uffd, PROBE_ADDRESS, 4096) == -ESRCH)
		session->gone = true;
}

static uint64_t loop_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When something has to be done even if nothing is heard until then. */
static uint64_t loop_due(const struct lazymem *session, uint64_t now)
{
	uint64_t next = loop_earlier(session->probe_at, now + SECOND);

	if (session->phase != CONNECTION_UP)
		next = loop_earlier(next, session->open_at);
	if (session->queued && session->queue_again_at > now)
		next = loop_earlier(next, session->queue_again_at);
	if (session->nr_strays || session->dirty.pending)
		next = loop_earlier(next, now + CHANGING_NS);
	/* What is there at once leaves free slots, and nothing is heard of that. */
	if (session->ahead.look_on || ahead_may_read(session) ||
	    (session->queued && session->queue_again_at <= now &&
	     slots_busy(session) < SLOTS))
		next = now;
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &session->slots[i];

		if (slot->state == SLOT_LOADED || slot->state == SLOT_HELPED ||
		    slot->state == SLOT_FAILED ||
		    (slot->state == SLOT_ASKED && session->phase == CONNECTION_UP))
			next = loop_earlier(next, slot->retry_at);
	}
	return next;
}

/* The client may have made it blocking, which poll() reports as an error. */
static void loop_read_uffd(struct lazymem *session, short revents)
{
	if (revents & POLLIN) {
		messages_read(session);
	} else if (revents) {
		session_unblock(session->uffd);
		messages_read(session);
	}
}

static void loop_wait(struct lazymem *session)
{
	uint64_t now = clock_ns(), next = loop_due(session, now), rest;
	struct timespec timeout;
	struct pollfd fds[] = {
		{ .fd = session->uffd, .events = POLLIN },
		{ .fd = session->stop_fd, .events = POLLIN },
		{ .fd = session->peer, .events = POLLRDHUP },
		{ .fd = -1 },
	};

	session->source->ops->poll(session->source, &fds[3]);
	rest = next > now ? next - now : 0;
	timeout = (struct timespec) { rest / SECOND, rest % SECOND };
	if (ppoll(fds, 4, &timeout, NULL) <= 0)
		return;
	if (fds[1].revents && read(session->stop_fd, &rest, sizeof(rest)) < 0)
		return;
	if (fds[2].revents) {
		session->peer = -1;
		session->probe_at = 0;
	}
	loop_read_uffd(session, fds[0].revents);
	if (fds[3].revents)
		session->source->ops->run(session->source, fds[3].revents);
}

int lazymem_run(struct lazymem *session)
{
	while (!session->gone && !session->error) {
		uint64_t now = clock_ns();

		loop_take_end(session);
		loop_probe(session, now);
		dirty_run(session);
		connection_run(session, now);
		slots_run(session, now);
		faults_run(session, now);
		slots_run(session, now);
		if (loop_is_finished(session))
			break;
		ahead_run(session, now);
		slots_place_ahead(session, now);
		session->stats.waiting = faults_waiting(session);
		if (!session->gone && !loop_is_finished(session))
			loop_wait(session);
		if (session->nr_strays)
			messages_read(session);
	}
	release_memory(session);
	dirty_end(session);
	session->stats.waiting = 0;
	return session->error;
}
