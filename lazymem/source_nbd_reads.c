// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of an NBD server, and what is asked about holes; see source_nbd.h.
 *
 * A server may want requests to be whole blocks, of up to 64 KiB, and may limit their length.
 * So a read becomes several requests, or is widened to whole blocks and goes through a
 * buffer. The image may end within a block. Then no request can be right for the last one,
 * and a request that ends with the image is what most servers take.
 *
 * Holes: a patient read asks for the extents of the next 64 MiB of the image, and is begun
 * when the answer is there. Other patient reads wait for the same answer. A read that
 * begins for a fault does not; it only uses what is known. (A fault may come to a read that
 * waits.) After an error the stretch that
 * was asked for counts as data, so it is not asked for again; after a few in a row nothing
 * is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "image.h"
#include "source_nbd.h"

/* How much of the image extents are asked for at a time. */
#define ASK_BYTES	(64ULL << 20)
/* After so many errors in a row extents are not asked for any more. */
#define REFUSALS_MOST	4
/* Where a server names no limit, this is what it must take. */
#define REQUEST_MOST	(32U << 20)

bool nbd_reads_begin(struct nbd *nbd)
{
	int64_t block = nbd_get_block_size(nbd->handle, LIBNBD_SIZE_MINIMUM);
	int64_t most = nbd_get_block_size(nbd->handle, LIBNBD_SIZE_MAXIMUM);

	if (block < 0 || most < 0) {
		source_nbd_keep_why(nbd);
		return false;
	}
	/* libnbd ignores what is no power of two, or more than 64 KiB. */
	nbd->block = block ?: 1;
	nbd->most = most && most < REQUEST_MOST ? most : REQUEST_MOST;
	nbd->most -= nbd->most % nbd->block;
	nbd->refusals = 0;
	if (nbd_can_meta_context(nbd->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1)
		nbd->asking = ASK_CAN;
	return true;
}

void nbd_reads_drop(struct nbd *nbd)
{
	for (unsigned int i = 0; i < SOURCE_READS; i++)
		nbd->reads[i].read = NULL;
}

void nbd_reads_forget(struct nbd *nbd)
{
	for (unsigned int i = 0; i < SOURCE_READS; i++) {
		free(nbd->reads[i].bounce);
		nbd->reads[i] = (struct nbd_read) {};
	}
	nbd->extents.count = 0;
	nbd->asking = ASK_NOT;
	nbd->nr_waiting = 0;
}

/* Before a request: the timeout counts from here if nothing else was asked. */
static void nbd_reads_note_request(struct nbd *nbd)
{
	if (!nbd_aio_in_flight(nbd->handle))
		nbd->heard_at = clock_ns();
}

/* All requests are answered. */
static void nbd_read_finish(struct nbd_read *part)
{
	struct source_read *read = part->read;
	int error = part->error;

	if (read && part->bounce && !error)
		memcpy(read->buffer, part->bounce + (read->offset - part->at), read->length);
	free(part->bounce);
	*part = (struct nbd_read) {};
	if (read)
		read->done(read, error);
}

/* A lost connection counts most: the read is repeated then. */
static void nbd_read_note_error(struct nbd_read *part, int error)
{
	if (!part->error || error == -ENOTCONN)
		part->error = error;
}

/* libnbd's callback. Its errors of requests whose connection died: to be repeated. */
static int nbd_read_answered(void *arg, int *error)
{
	struct nbd_read *part = arg;
	int errnum = *error;

	if (errnum == ECONNRESET || errnum == EPIPE || errnum == ESHUTDOWN)
		errnum = ENOTCONN;
	if (errnum)
		nbd_read_note_error(part, -errnum);
	if (!--part->left)
		nbd_read_finish(part);
	return 1;
}

/*
 * The call has failed: without a connection the read is repeated by another. Its text is kept
 * only as the reason for the loss.
 */
static int nbd_read_refused(struct nbd *nbd)
{
	if (nbd_aio_is_ready(nbd->handle) > 0 || nbd_aio_is_processing(nbd->handle) > 0)
		return -EIO;
	source_nbd_keep_why(nbd);
	return -ENOTCONN;
}

/*
 * Send the requests for @length bytes from ->at on. ->left counts those that are not sent,
 * so the read is not finished by answers to the first ones.
 */
static void nbd_read_send(struct nbd_read *part, char *to, uint64_t length)
{
	struct nbd *nbd = part->nbd;
	uint64_t done = 0;

	part->left = (length + nbd->most - 1) / nbd->most;
	while (done < length) {
		uint64_t n = length - done < nbd->most ? length - done : nbd->most;

		if (nbd_aio_pread(nbd->handle, to + done, n, part->at + done,
				  (nbd_completion_callback) {
					.callback = nbd_read_answered,
					.user_data = part,
				  }, 0) < 0)
			break;
		done += n;
	}
	if (done == length)
		return;
	nbd_read_note_error(part, nbd_read_refused(nbd));
	part->left -= (length - done + nbd->most - 1) / nbd->most;
	if (!part->left)
		nbd_read_finish(part);
}

static struct nbd_read *nbd_reads_free(struct nbd *nbd)
{
	struct nbd_read *part = nbd->reads;

	while (part->read)
		part++;
	return part;
}

/* Widened to whole blocks, if they are within the image. Unless it is a hole. */
static void nbd_reads_start(struct nbd *nbd, struct source_read *read)
{
	struct nbd_read *part = nbd_reads_free(nbd);
	uint64_t end = read->offset + read->length, mask = nbd->block - 1;
	uint64_t at = read->offset & ~mask, wide = (end + mask) & ~mask;

	if (read->hole) {
		read->done(read, 0);
		return;
	}
	if (wide > nbd->source.image->whole)
		wide = nbd->source.image->whole;
	*part = (struct nbd_read) { .nbd = nbd, .read = read, .at = at };
	if (at < read->offset || wide > end) {
		part->bounce = malloc(wide - at);
		if (!part->bounce) {
			part->error = -ENOMEM;
			nbd_read_finish(part);
			return;
		}
	}
	nbd_reads_note_request(nbd);
	nbd_read_send(part, part->bounce ?: read->buffer, wide - at);
}

/* libnbd's callback: pairs of a length and flags, from @offset on. */
static int nbd_extents_take(void *arg, const char *context, uint64_t offset,
			    uint32_t *entries, size_t count, int *error)
{
	struct nbd *nbd = arg;

	(void)error;
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION))
		return 0;
	nbd->told = count > 1;
	extents_begin(&nbd->extents, offset);
	for (size_t i = 0; i + 1 < count; i += 2)
		if (!extents_add(&nbd->extents, entries[i],
				 entries[i + 1] & LIBNBD_STATE_ZERO))
			break;
	return 0;
}

/* libnbd's callback, after the one above or without it. */
static int nbd_extents_answered(void *arg, int *error)
{
	struct nbd *nbd = arg;

	nbd->asking = ASK_ANSWERED;
	if (*error)
		nbd->told = false;
	return 1;
}

/* Whole blocks only. Returns false if it cannot be asked. */
static bool nbd_extents_ask(struct nbd *nbd, uint64_t offset)
{
	uint64_t length;

	offset -= offset % nbd->block;
	length = nbd->source.image->whole - offset;
	if (length > ASK_BYTES)
		length = ASK_BYTES;
	length -= length % nbd->block;
	if (!length)
		return false;
	nbd->asked = offset;
	nbd->asked_length = length;
	nbd->told = false;
	nbd->asking = ASK_ASKED;
	nbd_reads_note_request(nbd);
	if (nbd_aio_block_status(nbd->handle, length, offset,
				 (nbd_extent_callback) {
					.callback = nbd_extents_take,
					.user_data = nbd,
				 },
				 (nbd_completion_callback) {
					.callback = nbd_extents_answered,
					.user_data = nbd,
				 }, 0) < 0)
		nbd->asking = ASK_NOT;
	return nbd->asking != ASK_NOT;
}

/* What the answer says, or that it says nothing. */
static void nbd_extents_judge(struct nbd *nbd)
{
	nbd->asking = ASK_CAN;
	if (nbd->told) {
		nbd->refusals = 0;
		return;
	}
	extents_begin(&nbd->extents, nbd->asked);
	extents_add(&nbd->extents, nbd->asked_length, false);
	if (++nbd->refusals == REFUSALS_MOST)
		nbd->asking = ASK_NOT;
}

void nbd_reads_go_on(struct nbd *nbd)
{
	unsigned int count = nbd->nr_waiting;

	if (nbd->asking != ASK_ANSWERED)
		return;
	nbd_extents_judge(nbd);
	nbd->nr_waiting = 0;
	for (unsigned int i = 0; i < count; i++) {
		extents_look_up(&nbd->extents, nbd->waiting[i]);
		nbd_reads_start(nbd, nbd->waiting[i]);
	}
}

/* Wait for extents only if no fault waits, and an answer may come. */
void nbd_reads_add(struct nbd *nbd, struct source_read *read)
{
	if (extents_look_up(&nbd->extents, read) || !read->patient || nbd->asking == ASK_NOT ||
	    (nbd->asking == ASK_CAN && !nbd_extents_ask(nbd, read->offset)))
		nbd_reads_start(nbd, read);
	else
		nbd->waiting[nbd->nr_waiting++] = read;
	nbd_reads_go_on(nbd);
}
