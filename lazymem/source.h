/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where images come from. One object of a source serves one session, in its thread but for
 * ->fetch(): no locks. A kind of source is one file with its struct source_ops.
 *
 * A source that is lost becomes SOURCE_GONE. The session closes it, opens it again when
 * it sees fit, and repeats the reads that have not been answered.
 */
#ifndef LAZYMEM_SOURCE_H
#define LAZYMEM_SOURCE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounce.h"

/* Reads in flight at once, at most; whoever reads sees to that. */
#define SOURCE_READS	16

enum source_state {
	SOURCE_GONE,
	SOURCE_OPENING,
	SOURCE_READY,
};

/*
 * @done is called from within ->run() or ->read(). -ENOTCONN: the source is lost.
 * @patient: nobody waits for it. The source may look for holes first, and shorten @length,
 *	     to a multiple of @unit, where a hole begins or ends.
 * @hole: set by the source: all of it is zeros, and @buffer was left as it is
 * @late: whether ->read() may leave it to ->fetch(), @buffer being left as it is; set by the
 *	  source: whether it has
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

/* @timeout: see struct lazymem_options. */
struct source {
	const struct source_ops *ops;
	const char *where;
	unsigned int timeout;
	char why[256];
};

/**
 * struct source_ops - a kind of source
 * @new: make an object for @where that is SOURCE_GONE
 * @open: begin to open; what failed goes into source->why
 * @state: how far that is
 * @size: the image's size, while SOURCE_READY
 * @read: start to read, while SOURCE_READY
 * @fetch: bring what was left for later into the bounce buffer of the calling thread, which
 *	   may be any, several at a time, between ->open() and ->close(). false: it is not
 *	   all there any more. NULL: nothing is left for later
 * @poll: what to wait for
 * @run: go on after poll(), with what it told
 * @close: forget all that is in flight, of which no @done is called any more and whose
 *	   buffers are not written to any more; then SOURCE_GONE
 * @free: after ->close()
 */
struct source_ops {
	struct source *(*new)(const char *where);
	void (*open)(struct source *source);
	enum source_state (*state)(struct source *source);
	int64_t (*size)(struct source *source);
	void (*read)(struct source *source, struct source_read *read);
	bool (*fetch)(struct source *source, const struct source_read *read,
		      struct bounce *to);
	void (*poll)(struct source *source, struct pollfd *fd);
	void (*run)(struct source *source, short revents);
	void (*close)(struct source *source);
	void (*free)(struct source *source);
};

/*
 * The first @alike bytes of @read are a hole, or are none; what follows differs. A page
 * that is both is no hole.
 */
void source_found(struct source_read *read, uint64_t alike, bool hole);

extern const struct source_ops source_file, source_nbd;

/* Of the kind that @where asks for. NULL: out of memory. */
struct source *source_new(const char *where, unsigned int timeout);
void source_free(struct source *source);

#endif
