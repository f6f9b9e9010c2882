// SPDX-License-Identifier: GPL-2.0-only
/*
 * An NBD server, through libnbd: nbdkit, qemu-nbd, and what they reach. All reads of a
 * session are in flight at once over one connection.
 */
#include <errno.h>
#include <libnbd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "source.h"

struct nbd {
	struct source source;
	struct nbd_handle *handle;
	int64_t size;
};

static struct nbd *nbd_of(struct source *source)
{
	return (struct nbd *)source;
}

static struct source *nbd_new(const char *where)
{
	struct nbd *nbd = calloc(1, sizeof(*nbd));

	(void)where;
	return nbd ? &nbd->source : NULL;
}

/* The words are libnbd's, which names the call that failed. */
static void keep_why(struct nbd *nbd)
{
	const char *why = nbd_get_error();

	snprintf(nbd->source.why, sizeof(nbd->source.why), "%s",
		 why ? why : "the connection is lost");
}

static void source_nbd_close(struct source *source)
{
	struct nbd *nbd = nbd_of(source);

	if (nbd->handle)
		nbd_close(nbd->handle);
	nbd->handle = NULL;
	nbd->size = -1;
}

static void source_nbd_open(struct source *source)
{
	struct nbd *nbd = nbd_of(source);

	nbd->size = -1;
	nbd->handle = nbd_create();
	if (!nbd->handle || nbd_aio_connect_uri(nbd->handle, source->where)) {
		keep_why(nbd);
		source_nbd_close(source);
	}
}

static enum source_state nbd_state(struct source *source)
{
	struct nbd *nbd = nbd_of(source);

	if (!nbd->handle)
		return SOURCE_GONE;
	if (nbd_aio_is_dead(nbd->handle) || nbd_aio_is_closed(nbd->handle)) {
		if (!source->why[0])
			keep_why(nbd);
		return SOURCE_GONE;
	}
	if (nbd_aio_is_connecting(nbd->handle) ||
	    nbd_aio_is_negotiating(nbd->handle) || nbd_aio_is_created(nbd->handle))
		return SOURCE_OPENING;
	return SOURCE_READY;
}

static int64_t source_nbd_size(struct source *source)
{
	struct nbd *nbd = nbd_of(source);

	if (nbd->size < 0)
		nbd->size = nbd_get_size(nbd->handle);
	return nbd->size;
}

static int completed(void *arg, int *error)
{
	struct source_read *read = arg;
	int errnum = *error;

	/* What libnbd gives to commands that a dead connection leaves behind. */
	if (errnum == ECONNRESET || errnum == EPIPE || errnum == ESHUTDOWN)
		errnum = ENOTCONN;
	read->done(read, -errnum);
	return 1;
}

static void nbd_read(struct source *source, struct source_read *read)
{
	struct nbd *nbd = nbd_of(source);

	if (nbd_aio_pread(nbd->handle, read->buffer, read->length, read->offset,
			  (nbd_completion_callback) {
				.callback = completed,
				.user_data = read,
			  }, 0) >= 0)
		return;
	keep_why(nbd);
	read->done(read, nbd_state(source) == SOURCE_READY ? -EIO : -ENOTCONN);
}

static void nbd_poll_for(struct source *source, struct pollfd *fd)
{
	struct nbd *nbd = nbd_of(source);
	unsigned int direction;

	*fd = (struct pollfd) { .fd = -1 };
	if (nbd_state(source) == SOURCE_GONE)
		return;
	fd->fd = nbd_aio_get_fd(nbd->handle);
	direction = nbd_aio_get_direction(nbd->handle);
	if (direction & LIBNBD_AIO_DIRECTION_READ)
		fd->events |= POLLIN;
	if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		fd->events |= POLLOUT;
}

/* Only one notification a poll(): the first may change what the second would mean. */
static void nbd_run(struct source *source, short revents)
{
	struct nbd *nbd = nbd_of(source);
	unsigned int direction;
	int ret = 0;

	if (nbd_state(source) == SOURCE_GONE)
		return;
	direction = nbd_aio_get_direction(nbd->handle);
	if (revents & (POLLIN | POLLHUP | POLLERR) &&
	    direction & LIBNBD_AIO_DIRECTION_READ)
		ret = nbd_aio_notify_read(nbd->handle);
	else if (revents & (POLLOUT | POLLHUP | POLLERR) &&
		 direction & LIBNBD_AIO_DIRECTION_WRITE)
		ret = nbd_aio_notify_write(nbd->handle);
	if (ret < 0)
		keep_why(nbd);
}

static void nbd_free(struct source *source)
{
	free(nbd_of(source));
}

const struct source_ops source_nbd = {
	.new = nbd_new,
	.open = source_nbd_open,
	.state = nbd_state,
	.size = source_nbd_size,
	.read = nbd_read,
	.poll = nbd_poll_for,
	.run = nbd_run,
	.close = source_nbd_close,
	.free = nbd_free,
};
