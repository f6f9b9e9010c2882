/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A source that is an NBD server, through libnbd: nbdkit, qemu-nbd and what they reach. All
 * reads of a session are in flight at once, over one connection.
 *
 * libnbd calls back from within its own calls, and its callbacks must not call it. So they
 * only note what happened, and nbd_reads_go_on() acts on it after libnbd has returned.
 *
 * source_nbd.c: the connection. source_nbd_reads.c: what is asked of it. source_nbd_tls.c:
 * whether a server is the right one.
 */
#ifndef LAZYMEM_SOURCE_NBD_H
#define LAZYMEM_SOURCE_NBD_H

#include <libnbd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "extents.h"
#include "lazymem.h"
#include "source.h"

struct nbd;

/* What is known about asking for extents. */
enum asking {
	ASK_NOT,	/* the server cannot tell, or has refused to */
	ASK_CAN,
	ASK_ASKED,	/* the answer is on its way */
	ASK_ANSWERED,	/* it is in ->extents, if there is one; for nbd_reads_go_on() */
};

/**
 * struct nbd_read - a read in flight, as one or more requests
 * @nbd: the connection
 * @read: what was asked for; NULL: not in use, or dropped
 * @at: where in the image the requests begin: a whole block of the server's
 * @bounce: the content from @at on, if that is more than was asked for; or NULL, and it goes
 *	    into @read's buffer
 * @left: requests that are not answered, or not sent yet
 * @error: the first failure, -errno; or -ENOTCONN, if that was among them
 */
struct nbd_read {
	struct nbd *nbd;
	struct source_read *read;
	uint64_t at;
	char *bounce;
	unsigned int left;
	int error;
};

/**
 * struct nbd - a connection to an NBD server
 * @source: what all kinds have
 * @handle: libnbd's, or NULL: SOURCE_GONE
 * @ready: the handshake is over, and what the server offers is known to fit
 * @block: requests must begin and end at a multiple of this; a power of two
 * @most: bytes that a request may have; a multiple of @block
 * @opened_at: when opening began
 * @heard_at: when the server sent something last, or was asked after it had nothing to
 *	      answer; the timeout counts from here
 * @extents: the last answer about holes
 * @asking: see above
 * @asked, @asked_length: the stretch that extents were asked for last
 * @told: the answer says something
 * @refusals: how many answers in a row did not
 * @waiting: patient reads that wait for extents
 * @nr_waiting: how many
 * @reads: those in flight
 */
struct nbd {
	struct source source;
	struct nbd_handle *handle;
	bool ready;
	uint32_t block, most;
	uint64_t opened_at;
	uint64_t heard_at;
	struct extents extents;
	enum asking asking;
	uint64_t asked, asked_length;
	bool told;
	unsigned int refusals;
	struct source_read *waiting[SOURCE_READS];
	unsigned int nr_waiting;
	struct nbd_read reads[SOURCE_READS];
};

/* Keep libnbd's text in ->why. Right behind a call that has failed, see source_nbd.c. */
void source_nbd_keep_why(struct nbd *nbd);

/*
 * Whether libnbd will check who the server is, if @uri asks for TLS. @text: what it is checked
 * against, or why not; empty without TLS.
 */
bool nbd_tls_judge(const char *uri, char text[LAZYMEM_WHY]);
/* Before connecting: let ->handle do what the URI says. Returns false with ->why. */
bool nbd_tls_prepare(struct nbd *nbd);

/* The connection is ready: learn the limits of requests. Returns false with ->why. */
bool nbd_reads_begin(struct nbd *nbd);
/* What is in flight is not wanted any more: answers to it are dropped. */
void nbd_reads_drop(struct nbd *nbd);
/* The handle is closed: nothing is in flight any more. */
void nbd_reads_forget(struct nbd *nbd);
/* Begin to read, see struct source_ops. */
void nbd_reads_add(struct nbd *nbd, struct source_read *read);
/* After a call of libnbd: begin the reads that waited for extents. */
void nbd_reads_go_on(struct nbd *nbd);

#endif
