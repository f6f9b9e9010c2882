// SPDX-License-Identifier: GPL-2.0-only
/*
 * An NBD server, through libnbd: nbdkit, qemu-nbd, and what they reach. All reads of a
 * session are in flight at once over one connection.
 *
 * Where holes are is asked for a stretch of the image, by a read that can wait; others of
 * that kind wait for the same answer. A read that somebody waits for is never held up by
 * that: it is told what is known.
 *
 * libnbd's callbacks must not call it: they keep what they are told for source_nbd_go_on().
 */
#include <errno.h>
#include <libnbd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "source.h"

#define ASK_BYTES	(64ULL << 20)
#define EXTENTS		256

struct extent {
	uint64_t end;
	bool zero;
};

/* What is known: one stretch, in @count pieces. */
struct map {
	uint64_t start;
	unsigned int count;
	struct extent at[EXTENTS];
};

enum asking { ASK_NOT, ASK_CAN, ASKED, ASK_ANSWERED };

struct nbd {
	struct source source;
	struct nbd_handle *handle;
	int64_t size;
	uint64_t heard_at;	/* or asked, after a time of nothing to answer */
	struct map map;
	enum asking asking;
	struct source_read *waiting[SOURCE_READS];
	unsigned int nr_waiting;
};

static struct nbd *source_nbd_of(struct source *source)
{
	return (struct nbd *)source;
}

static struct source *source_nbd_new(const char *where)
{
	struct nbd *nbd = calloc(1, sizeof(*nbd));

	(void)where;
	return nbd ? &nbd->source : NULL;
}

/* The words are libnbd's, which names the call that failed. */
static void source_nbd_keep_why(struct nbd *nbd)
{
	const char *why = nbd_get_error();

	snprintf(nbd->source.why, sizeof(nbd->source.why), "%s",
		 why ? why : "the connection is lost");
}

static void source_nbd_close(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);

	if (nbd->handle)
		nbd_close(nbd->handle);
	nbd->handle = NULL;
	nbd->size = -1;
	nbd->map.count = 0;
	nbd->asking = ASK_NOT;
	nbd->nr_waiting = 0;
}

static void source_nbd_open(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);

	nbd->size = -1;
	nbd->handle = nbd_create();
	if (!nbd->handle ||
	    nbd_add_meta_context(nbd->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) ||
	    nbd_aio_connect_uri(nbd->handle, source->where)) {
		source_nbd_keep_why(nbd);
		source_nbd_close(source);
	}
}

/* A machine that is gone does not hang up. */
static bool source_nbd_is_silent(struct nbd *nbd)
{
	unsigned int timeout = nbd->source.timeout;

	if (!timeout || nbd_aio_in_flight(nbd->handle) <= 0 ||
	    clock_ns() < nbd->heard_at + timeout * 1000000000ULL)
		return false;
	snprintf(nbd->source.why, sizeof(nbd->source.why), "no answer in %u s", timeout);
	return true;
}

static enum source_state source_nbd_state(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);

	if (!nbd->handle || source_nbd_is_silent(nbd))
		return SOURCE_GONE;
	if (nbd_aio_is_dead(nbd->handle) || nbd_aio_is_closed(nbd->handle)) {
		if (!source->why[0])
			source_nbd_keep_why(nbd);
		return SOURCE_GONE;
	}
	if (nbd_aio_is_connecting(nbd->handle) ||
	    nbd_aio_is_negotiating(nbd->handle) || nbd_aio_is_created(nbd->handle))
		return SOURCE_OPENING;
	return SOURCE_READY;
}

static int64_t source_nbd_size(struct source *source)
{
	struct nbd *nbd = source_nbd_of(source);

	if (nbd->size >= 0)
		return nbd->size;
	nbd->size = nbd_get_size(nbd->handle);
	if (nbd_can_meta_context(nbd->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1)
		nbd->asking = ASK_CAN;
	return nbd->size;
}

static int source_nbd_completed(void *arg, int *error)
{
	struct source_read *read = arg;
	int errnum = *error;

	/* What libnbd gives to commands that a dead connection leaves behind. */
	if (errnum == ECONNRESET || errnum == EPIPE || errnum == ESHUTDOWN)
		errnum = ENOTCONN;
	read->done(read, -errnum);
	return 1;
}

static int source_nbd_take_extents(void *arg, const char *context, uint64_t offset,
				   uint32_t *entries, size_t count, int *error)
{
	struct nbd *nbd = arg;
	struct map *map = &nbd->map;

	(void)error;
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION))
		return 0;
	map->start = offset;
	for (map->count = 0; map->count < EXTENTS && count >= 2; count -= 2) {
		offset += *entries++;
		map->at[map->count++] = (struct extent) {
			offset, *entries++ & LIBNBD_STATE_ZERO };
	}
	return 0;
}

static int source_nbd_answered(void *arg, int *error)
{
	struct nbd *nbd = arg;

	nbd->asking = ASK_ANSWERED;
	(void)error;
	return 1;
}

static void source_nbd_note_request(struct nbd *nbd)
{
	if (!nbd_aio_in_flight(nbd->handle))
		nbd->heard_at = clock_ns();
}

static bool source_nbd_ask_extents(struct nbd *nbd, uint64_t offset)
{
	uint64_t length = nbd->size - offset;

	nbd->asking = ASKED;
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

/* Returns false if nothing is known about it. */
static bool source_nbd_look_up(const struct nbd *nbd, struct source_read *read)
{
	const struct map *map = &nbd->map;
	uint64_t end;
	unsigned int i = 0;
	bool zero;

	if (!map->count || read->offset < map->start)
		return false;
	while (i < map->count && map->at[i].end <= read->offset)
		i++;
	if (i == map->count)
		return false;
	zero = map->at[i].zero;
	for (end = map->at[i].end; ++i < map->count && map->at[i].zero == zero;)
		end = map->at[i].end;
	source_found(read, end - read->offset, zero);
	return true;
}

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

/* Those that waited for an answer are begun, whatever it was. A refusal is not asked twice. */
static void source_nbd_go_on(struct nbd *nbd)
{
	unsigned int count = nbd->nr_waiting;

	if (nbd->asking != ASK_ANSWERED)
		return;
	nbd->asking = nbd->map.count ? ASK_CAN : ASK_NOT;
	nbd->nr_waiting = 0;
	for (unsigned int i = 0; i < count; i++) {
		source_nbd_look_up(nbd, nbd->waiting[i]);
		source_nbd_start(nbd, nbd->waiting[i]);
	}
}

static void source_nbd_read(struct source *source, struct source_read *read)
{
	struct nbd *nbd = source_nbd_of(source);

	if (source_nbd_look_up(nbd, read) || !read->patient || nbd->asking == ASK_NOT ||
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

/* Only one notification a poll(): the first may change what the second would mean. */
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

static void source_nbd_free(struct source *source)
{
	free(source_nbd_of(source));
}

const struct source_ops source_nbd = {
	.new = source_nbd_new,
	.open = source_nbd_open,
	.state = source_nbd_state,
	.size = source_nbd_size,
	.read = source_nbd_read,
	.poll = source_nbd_poll,
	.run = source_nbd_run,
	.close = source_nbd_close,
	.free = source_nbd_free,
};
