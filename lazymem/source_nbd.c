// SPDX-License-Identifier: GPL-2.0-only
/*
 * A source that is an NBD server, through libnbd: nbdkit, qemu-nbd and what they reach. All
 * reads of a session are in flight at once, over one connection.
 *
 * Holes: a patient read asks the server for the extents of the next 64 MiB of the image, and
 * is begun when the answer is there. Other patient reads wait for the same answer. A read
 * that a fault waits for never does; it only uses what is known.
 *
 * libnbd calls back from within its own calls, and its callbacks must not call it. So they
 * only note what happened, and source_nbd_go_on() acts on it after libnbd has returned.
 */
#include <errno.h>
#include <inttypes.h>
#include <libnbd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "extents.h"
#include "image.h"
#include "source.h"

/* How much of the image extents are asked for at a time. */
#define ASK_BYTES	(64ULL << 20)

/* What is known about asking for extents. */
enum asking {
	ASK_NOT,	/* the server cannot tell, or has refused to */
	ASK_CAN,
	ASK_ASKED,	/* the answer is on its way */
	ASK_ANSWERED,	/* it is in ->extents, if there is one; for source_nbd_go_on() */
};

/**
 * struct nbd - a connection to an NBD server
 * @source: what all kinds have
 * @handle: libnbd's, or NULL: SOURCE_GONE
 * @ready: the handshake is over, and what the server offers is known to fit
 * @opened_at: when opening began
 * @heard_at: when the server sent something last, or was asked after it had nothing to
 *	      answer; the timeout counts from here
 * @extents: the last answer about holes
 * @asking: see above
 * @waiting: patient reads that wait for extents
 * @nr_waiting: how many
 */
struct nbd {
	struct source source;
	struct nbd_handle *handle;
	bool ready;
	uint64_t opened_at;
	uint64_t heard_at;
	struct extents extents;
	enum asking asking;
	struct source_read *waiting[SOURCE_READS];
	unsigned int nr_waiting;
};

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
static void source_nbd_keep_why(struct nbd *nbd)
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

static void source_nbd_drop(struct nbd *nbd)
{
	struct lazymem_image *image = nbd->source.image;

	if (nbd->ready) {
		image->connections--;
		image->hung_up |= nbd_aio_is_ready(nbd->handle) > 0;
	}
	nbd_close(nbd->handle);
	nbd->handle = NULL;
	nbd->ready = false;
}

/* The image keeps one connection. */
static void source_nbd_close(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);
	void *none = NULL;

	if (nbd->handle && source_nbd_is_idle(nbd) &&
	    atomic_compare_exchange_strong(&source->image->spare, &none, nbd->handle))
		nbd->handle = NULL;
	if (nbd->handle)
		source_nbd_drop(nbd);
	nbd->ready = false;
	nbd->extents.count = 0;
	nbd->asking = ASK_NOT;
	nbd->nr_waiting = 0;
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

static void source_nbd_open(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);

	nbd->opened_at = clock_ns();
	if (source_nbd_take_spare(nbd))
		return;
	nbd->handle = nbd_create();
	if (!nbd->handle ||
	    nbd_add_meta_context(nbd->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) ||
	    nbd_aio_connect_uri(nbd->handle, source->image->where)) {
		source_nbd_keep_why(nbd);
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

	if (size < 0) {
		source_nbd_keep_why(nbd);
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
	if (nbd_can_meta_context(nbd->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1)
		nbd->asking = ASK_CAN;
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
	if (nbd_aio_is_dead(nbd->handle) || nbd_aio_is_closed(nbd->handle)) {
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
	if (!nbd_aio_is_dead(nbd->handle) && !nbd_aio_is_closed(nbd->handle))
		return SOURCE_READY;
	source_nbd_explain_end(nbd);
	return SOURCE_GONE;
}

static int source_nbd_completed(void *arg, int *error)
{
	struct source_read *read = arg;
	int errnum = *error;

	/* libnbd's errors of commands whose connection died: to be repeated. */
	if (errnum == ECONNRESET || errnum == EPIPE || errnum == ESHUTDOWN)
		errnum = ENOTCONN;
	read->done(read, -errnum);
	return 1;
}

/* libnbd's callback: pairs of a length and flags, from @offset on. */
static int source_nbd_take_extents(void *arg, const char *context, uint64_t offset,
				   uint32_t *entries, size_t count, int *error)
{
	struct nbd *nbd = arg;

	(void)error;
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION))
		return 0;
	extents_begin(&nbd->extents, offset);
	for (size_t i = 0; i + 1 < count; i += 2)
		if (!extents_add(&nbd->extents, entries[i],
				 entries[i + 1] & LIBNBD_STATE_ZERO))
			break;
	return 0;
}

/* libnbd's callback, after the one above or without it. */
static int source_nbd_answered(void *arg, int *error)
{
	struct nbd *nbd = arg;

	nbd->asking = ASK_ANSWERED;
	(void)error;
	return 1;
}

/* Before a request: the timeout counts from here if nothing else was asked. */
static void source_nbd_note_request(struct nbd *nbd)
{
	if (!nbd_aio_in_flight(nbd->handle))
		nbd->heard_at = clock_ns();
}

/* Returns false if it cannot be asked. */
static bool source_nbd_ask_extents(struct nbd *nbd, uint64_t offset)
{
	uint64_t length = nbd->source.image->whole - offset;

	nbd->asking = ASK_ASKED;
	source_nbd_note_request(nbd);
	if (nbd_aio_block_status(nbd->handle, length < ASK_BYTES ? length : ASK_BYTES,
				 offset,
				 (nbd_extent_callback) {
					.callback = source_nbd_take_extents,
					.user_data = nbd,
				 },
				 (nbd_completion_callback) {
					.callback = source_nbd_answered,
					.user_data = nbd,
				 }, 0) < 0)
		nbd->asking = ASK_NOT;
	return nbd->asking != ASK_NOT;
}

/* Send a read, unless it is a hole. */
static void source_nbd_start(struct nbd *nbd, struct source_read *read)
{
	struct source *source = &nbd->source;

	if (read->hole) {
		read->done(read, 0);
		return;
	}
	source_nbd_note_request(nbd);
	if (nbd_aio_pread(nbd->handle, read->buffer, read->length, read->offset,
			  (nbd_completion_callback) {
				.callback = source_nbd_completed,
				.user_data = read,
			  }, 0) >= 0)
		return;
	source_nbd_keep_why(nbd);
	read->done(read, source_nbd_state(source) == SOURCE_READY ? -EIO : -ENOTCONN);
}

/*
 * Begin the reads that waited for extents, whatever the answer was. A server that has
 * refused is not asked again.
 */
static void source_nbd_go_on(struct nbd *nbd)
{
	unsigned int count = nbd->nr_waiting;

	if (nbd->asking != ASK_ANSWERED)
		return;
	nbd->asking = nbd->extents.count ? ASK_CAN : ASK_NOT;
	nbd->nr_waiting = 0;
	for (unsigned int i = 0; i < count; i++) {
		extents_look_up(&nbd->extents, nbd->waiting[i]);
		source_nbd_start(nbd, nbd->waiting[i]);
	}
}

/* Wait for extents only if no fault waits, and an answer may come. */
static void source_nbd_read(struct source *source, struct source_read *read)
{
	struct nbd *nbd = source_nbd_of(source);

	if (extents_look_up(&nbd->extents, read) || !read->patient || nbd->asking == ASK_NOT ||
	    (nbd->asking == ASK_CAN && !source_nbd_ask_extents(nbd, read->offset)))
		source_nbd_start(nbd, read);
	else
		nbd->waiting[nbd->nr_waiting++] = read;
	source_nbd_go_on(nbd);
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
	source_nbd_go_on(nbd);
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
