// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connection to an NBD server; see source_nbd.h.
 *
 * An idle connection is kept by the image for the next session (image.h): a server may accept
 * one only.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "image.h"
#include "source_nbd.h"

/* How long the end of a session waits for reads that are in flight. */
#define DRAIN_NS	200000000ULL

static struct nbd *source_nbd_of(struct source *source)
{
	return (struct nbd *)source;
}

static struct source *source_nbd_new(void)
{
	struct nbd *nbd = calloc(1, sizeof(*nbd));

	return nbd ? &nbd->source : NULL;
}

/*
 * libnbd's own text, without the name of the call. Only right behind a call that has failed:
 * it is the thread's last error, whatever the call and the connection was.
 */
void source_nbd_keep_why(struct nbd *nbd)
{
	const char *why = nbd_get_error() ?: "the connection is lost";
	const char *colon = strstr(why, ": ");

	if (!strncmp(why, "nbd_", 4) && colon)
		why = colon + 2;
	snprintf(nbd->source.why, sizeof(nbd->source.why), "%s", why);
}

/* A connection that works and has nothing in flight can serve another session. */
static bool source_nbd_is_idle(const struct nbd *nbd)
{
	return nbd->ready && nbd_aio_is_ready(nbd->handle) > 0 &&
	       !nbd_aio_in_flight(nbd->handle);
}

static bool source_nbd_has_ended(const struct nbd *nbd)
{
	return nbd_aio_is_dead(nbd->handle) > 0 || nbd_aio_is_closed(nbd->handle) > 0;
}

/* Without a reason a connection that works is closed: its session ends. */
static void source_nbd_drop(struct nbd *nbd)
{
	struct lazymem_image *image = nbd->source.image;

	if (nbd->ready) {
		image->connections--;
		image->hung_up |= !nbd->source.why[0] && !source_nbd_has_ended(nbd);
	}
	nbd_close(nbd->handle);
	nbd->handle = NULL;
	nbd->ready = false;
}

/*
 * A session that ends with reads in flight waits for their answers, for a while. Then its
 * connection can be kept; and nbdkit 1.32 may crash if its client hangs up meanwhile.
 */
static void source_nbd_drain(struct nbd *nbd)
{
	uint64_t until = clock_ns() + DRAIN_NS;

	nbd_reads_drop(nbd);
	while (nbd_aio_in_flight(nbd->handle) > 0 && clock_ns() < until &&
	       nbd_poll(nbd->handle, DRAIN_NS / 1000000) >= 0)
		;
}

/* The image keeps one connection. */
static void source_nbd_close(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);
	void *none = NULL;

	if (nbd->ready && !source->why[0])
		source_nbd_drain(nbd);
	if (nbd->handle && source_nbd_is_idle(nbd) &&
	    atomic_compare_exchange_strong(&source->image->spare, &none, nbd->handle))
		nbd->handle = NULL;
	if (nbd->handle)
		source_nbd_drop(nbd);
	nbd->ready = false;
	nbd_reads_forget(nbd);
}

/*
 * Whether the connection that the image has kept still works. It may have something to read
 * though nothing was asked: of TLS, or that the server has hung up.
 */
static bool source_nbd_is_alive(struct nbd_handle *handle)
{
	struct pollfd fd = { .fd = nbd_aio_get_fd(handle), .events = POLLIN };

	if (poll(&fd, 1, 0) > 0)
		nbd_aio_notify_read(handle);
	return nbd_aio_is_ready(handle) > 0;
}

/* Returns false if there is none. */
static bool source_nbd_take_spare(struct nbd *nbd)
{
	struct lazymem_image *image = nbd->source.image;

	nbd->handle = atomic_exchange(&image->spare, NULL);
	if (!nbd->handle)
		return false;
	/* It is counted again once it is ready. */
	image->connections--;
	if (!source_nbd_is_alive(nbd->handle))
		source_nbd_drop(nbd);
	return nbd->handle;
}

/*
 * A server that serves one connection at a time accepts another, but does not answer; or
 * refuses it; or it ends after the first. Its users know it as qemu-nbd.
 */
static void source_nbd_explain_refusal(struct nbd *nbd)
{
	struct source *source = &nbd->source;
	size_t n = strlen(source->why);

	if (source->image->connections || source->image->hung_up)
		snprintf(source->why + n, sizeof(source->why) - n, "; qemu-nbd needs -t -e N to serve more than one connection");
}

/* Begin to. Returns false with ->why. */
static bool source_nbd_connect(struct nbd *nbd)
{
	if (nbd->handle && !nbd_tls_prepare(nbd))
		return false;
	if (nbd->handle &&
	    !nbd_add_meta_context(nbd->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) &&
	    /* It refuses the last part of an image that ends within a block. */
	    !nbd_set_strict_mode(nbd->handle, LIBNBD_STRICT_MASK & ~LIBNBD_STRICT_ALIGN) &&
	    !nbd_aio_connect_uri(nbd->handle, nbd->source.image->where))
		return true;
	source_nbd_keep_why(nbd);
	return false;
}

static void source_nbd_open(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);

	nbd->opened_at = clock_ns();
	if (source_nbd_take_spare(nbd))
		return;
	nbd->handle = nbd_create();
	if (!source_nbd_connect(nbd)) {
		source_nbd_explain_refusal(nbd);
		source_nbd_close(source);
	}
}

/*
 * A kept connection may wait for long, and the server's machine lose power meanwhile. The
 * kernel finds out in half a minute. Not for UNIX sockets, where it is told at once.
 */
static void source_nbd_keep_alive(struct nbd *nbd)
{
	int fd = nbd_aio_get_fd(nbd->handle), one = 1, idle = 10, step = 5, count = 4;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step, sizeof(step)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count)))
		return;
}

/*
 * The handshake is over. The first connection says what the image's size is. Another size is
 * another image, from which nothing is read: its pages would be mixed with the first one's.
 */
static void source_nbd_get_ready(struct nbd *nbd)
{
	struct source *source = &nbd->source;
	struct lazymem_image *image = source->image;
	int64_t size = nbd_get_size(nbd->handle);

	if (size < 0)
		source_nbd_keep_why(nbd);
	if (size < 0 || !nbd_reads_begin(nbd)) {
		source_nbd_drop(nbd);
		return;
	}
	image->size_now = size;
	if (!image->is_open)
		image->whole = size;
	if ((uint64_t)size != image->whole) {
		snprintf(source->why, sizeof(source->why), "the export has %" PRIi64 " bytes now, not %" PRIu64 " as when it was opened",
			 size, image->whole);
		source_nbd_drop(nbd);
		return;
	}
	nbd->ready = true;
	image->connections++;
	source_nbd_keep_alive(nbd);
}

/* A machine that has lost power does not hang up, so silence counts after a time. */
static bool source_nbd_is_silent(struct nbd *nbd)
{
	unsigned int timeout = nbd->source.image->how.timeout;

	if (!timeout || nbd_aio_in_flight(nbd->handle) <= 0 ||
	    clock_ns() < nbd->heard_at + timeout * 1000000000ULL)
		return false;
	snprintf(nbd->source.why, sizeof(nbd->source.why), "no answer in %u s", timeout);
	return true;
}

/*
 * Why a connection has ended, if no call of libnbd has failed: the server has hung up, or
 * libnbd has noted an error in a call that went on without it.
 */
static void source_nbd_explain_end(struct nbd *nbd)
{
	const char *end = nbd_aio_is_closed(nbd->handle) > 0 ?
			  "the server has closed the connection" : "the connection broke";

	if (!nbd->source.why[0])
		snprintf(nbd->source.why, sizeof(nbd->source.why), "%s", end);
}

/* Silence counts from the beginning on. */
static uint64_t source_nbd_open_ns(const struct nbd *nbd)
{
	uint64_t timeout = nbd->source.image->how.timeout * 1000000000ULL;

	return timeout && timeout < SOURCE_OPEN_NS ? timeout : SOURCE_OPEN_NS;
}

/* Before @ready. */
static enum source_state source_nbd_opening(struct nbd *nbd)
{
	struct source *source = &nbd->source;

	if (nbd_aio_is_ready(nbd->handle) > 0) {
		source_nbd_get_ready(nbd);
		return nbd->ready ? SOURCE_READY : SOURCE_GONE;
	}
	if (source_nbd_has_ended(nbd)) {
		source_nbd_explain_end(nbd);
	} else if (clock_ns() < nbd->opened_at + source_nbd_open_ns(nbd)) {
		return SOURCE_OPENING;
	} else {
		snprintf(source->why, sizeof(source->why), "no handshake in %d s",
			 (int)(source_nbd_open_ns(nbd) / 1000000000));
	}
	source_nbd_explain_refusal(nbd);
	source_nbd_drop(nbd);
	return SOURCE_GONE;
}

static enum source_state source_nbd_state(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);

	if (!nbd->handle)
		return SOURCE_GONE;
	if (!nbd->ready)
		return source_nbd_opening(nbd);
	if (source_nbd_is_silent(nbd))
		return SOURCE_GONE;
	if (!source_nbd_has_ended(nbd))
		return SOURCE_READY;
	source_nbd_explain_end(nbd);
	return SOURCE_GONE;
}

static void source_nbd_read(struct source *source, struct source_read *read)
{
	nbd_reads_add(source_nbd_of(source), read);
}

static void source_nbd_poll(struct source *source, struct pollfd *fd)
{
	struct nbd *nbd = source_nbd_of(source);
	unsigned int direction;

	*fd = (struct pollfd) { .fd = -1 };
	if (source_nbd_state(source) == SOURCE_GONE)
		return;
	fd->fd = nbd_aio_get_fd(nbd->handle);
	direction = nbd_aio_get_direction(nbd->handle);
	if (direction & LIBNBD_AIO_DIRECTION_READ)
		fd->events |= POLLIN;
	if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		fd->events |= POLLOUT;
}

/*
 * One notification per poll(): after the first, libnbd may wait for something else, and the
 * second would be wrong.
 */
static void source_nbd_run(struct source *source, short revents)
{
	struct nbd *nbd = source_nbd_of(source);
	unsigned int direction;
	int ret = 0;

	if (source_nbd_state(source) == SOURCE_GONE)
		return;
	direction = nbd_aio_get_direction(nbd->handle);
	if (revents & POLLIN)
		nbd->heard_at = clock_ns();
	if (revents & (POLLIN | POLLHUP | POLLERR) &&
	    direction & LIBNBD_AIO_DIRECTION_READ)
		ret = nbd_aio_notify_read(nbd->handle);
	else if (revents & (POLLOUT | POLLHUP | POLLERR) &&
		 direction & LIBNBD_AIO_DIRECTION_WRITE)
		ret = nbd_aio_notify_write(nbd->handle);
	if (ret < 0)
		source_nbd_keep_why(nbd);
	nbd_reads_go_on(nbd);
}

static bool source_nbd_image_open(struct lazymem_image *image, char *why)
{
	if (nbd_tls_judge(image->where, image->note))
		return true;
	snprintf(why, LAZYMEM_WHY, "%s", image->note);
	return false;
}

static void source_nbd_image_differs(const struct lazymem_image *image, char *why)
{
	uint64_t size = image->size_now;

	if (size != image->whole)
		snprintf(why, LAZYMEM_WHY, "the export has %" PRIu64 " bytes now, not %" PRIu64 " as when it was opened: it is not read before it has that size again",
			 size, image->whole);
}

static void source_nbd_image_close(struct lazymem_image *image)
{
	struct nbd_handle *handle = image->spare;

	if (handle)
		nbd_close(handle);
}

static void source_nbd_free(struct source *source)
{
	free(source_nbd_of(source));
}

const struct source_ops source_nbd = {
	.image_open = source_nbd_image_open,
	.image_differs = source_nbd_image_differs,
	.image_close = source_nbd_image_close,
	.new = source_nbd_new,
	.open = source_nbd_open,
	.state = source_nbd_state,
	.read = source_nbd_read,
	.poll = source_nbd_poll,
	.run = source_nbd_run,
	.close = source_nbd_close,
	.free = source_nbd_free,
};
