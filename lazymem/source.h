/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where images come from. A kind of source is one .c file with its struct source_ops.
 *
 * A struct source serves one session and is used by its thread only, so there are no locks.
 * The exception is ->fetch(), which the helper calls, too.
 *
 *	GONE --open()--> OPENING or READY --lost--> GONE --close(), open()--> ...
 *
 * A source that is lost becomes SOURCE_GONE by itself, and ->why says the reason. The
 * session closes it, opens it again later, and repeats the reads that were not answered
 * (connection.c). Reads are answered by ->done, in any order.
 */
#ifndef LAZYMEM_SOURCE_H
#define LAZYMEM_SOURCE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounce.h"

struct lazymem_image;

/* Bytes of a text that says why a source is lost. */
#define SOURCE_WHY	320

/* A source that is not open after this time gives up by itself, with a reason. */
#define SOURCE_OPEN_NS	10000000000ULL

/* The most reads in flight at once. The caller keeps to it: a session has as many slots. */
#define SOURCE_READS	16

enum source_state {
	SOURCE_GONE,
	SOURCE_OPENING,
	SOURCE_READY,
};

/**
 * struct source_read - a read; the caller's, and valid until @done
 * @offset: where in the image, in bytes
 * @buffer: for the content
 * @length: bytes. The source may shorten it if @patient
 * @unit: page size; a shortened @length is a multiple of it
 * @patient: no fault waits. The source may look for holes first, and end the read where a
 *	     hole begins or ends
 * @late: whether ->read() may leave the content in the page cache, for ->fetch(), and
 *	  @buffer untouched; set by the source: whether it has done so
 * @hole: set by the source: all of it is zeros, and @buffer is untouched
 * @done: called from ->run() or from ->read() itself, with 0 or -errno. -ENOTCONN: the
 *	  source is lost; -ENODATA: the image ends before the read does
 */
struct source_read {
	uint64_t offset;
	void *buffer;
	size_t length;
	size_t unit;
	bool patient;
	bool late;
	bool hole;
	void (*done)(struct source_read *read, int error);
};

/**
 * struct source - what all kinds have; the first member of each kind's struct
 * @ops: the kind
 * @image: what it reads
 * @why: why it is SOURCE_GONE; empty before ->open
 */
struct source {
	const struct source_ops *ops;
	struct lazymem_image *image;
	char why[SOURCE_WHY];
};

/**
 * struct source_ops - a kind of source
 * @image_open: open what all sources of the image share. Returns false with a reason in
 *		@why. May be NULL
 * @image_differs: if the image is not as it was when it was opened, say so in @why, which is
 *		   empty before. By any thread
 * @image_close: close what is shared; also after @image_open has failed
 * @new: allocate one; it is SOURCE_GONE. NULL: out of memory
 * @open: begin to open it. A failure shows as SOURCE_GONE with a reason in ->why. The first
 *	  that opens sets the image's size; the others must find the same
 * @state: how far that is
 * @read: begin to read, while SOURCE_READY
 * @fetch: bring what @read left in the page cache into @to, which is the calling thread's.
 *	   By any thread, several at a time, between @open and @close. Returns false if the
 *	   content is not all there any more: read it again without @late. NULL for kinds
 *	   that leave nothing for later
 * @poll: what the loop must wait for; @fd->fd is -1 if there is nothing
 * @run: go on after poll(), with what it returned
 * @close: drop all that is in flight. Afterwards no @done is called for it, and nothing
 *	   writes to its buffers. The source is SOURCE_GONE then
 * @free: after @close
 */
struct source_ops {
	bool (*image_open)(struct lazymem_image *image, char *why);
	void (*image_differs)(const struct lazymem_image *image, char *why);
	void (*image_close)(struct lazymem_image *image);
	struct source *(*new)(void);
	void (*open)(struct source *source);
	enum source_state (*state)(struct source *source);
	void (*read)(struct source *source, struct source_read *read);
	bool (*fetch)(struct source *source, const struct source_read *read,
		      struct bounce *to);
	void (*poll)(struct source *source, struct pollfd *fd);
	void (*run)(struct source *source, short revents);
	void (*close)(struct source *source);
	void (*free)(struct source *source);
};

/*
 * For kinds of source that know holes: the first @alike bytes of @read are a hole, or are
 * none (@hole); what follows differs. Shortens @read to that if it may be. A page with data
 * in it is no hole.
 */
void source_found(struct source_read *read, uint64_t alike, bool hole);

extern const struct source_ops source_file, source_nbd;

/* The kind that @where asks for: an NBD URI or a path. */
const struct source_ops *source_kind(const char *where);

/* Of the image's kind. NULL: out of memory. */
struct source *source_new(struct lazymem_image *image);
void source_free(struct source *source);

#endif
