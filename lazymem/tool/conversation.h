/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a client says after its first message: JSON objects that add mappings, remove some, or
 * ask for dirty pages. docs/lazymem-protocol.md describes them.
 *
 * All of it happens in the session's thread while other faults of the client wait, so nothing
 * here blocks, and each call does a bounded amount of work. An answer that does not fit in
 * the socket is the client's fault, who has not read the ones before: the conversation ends.
 */
#ifndef LAZYMEM_CONVERSATION_H
#define LAZYMEM_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>

#include "handshake.h"
#include "lazymem.h"

struct client;

/**
 * struct conversation - what was agreed on
 * @ranges: the client's mappings, in the order of lazymem_dirty_take()'s index
 * @count: how many
 * @range, @page: where the next answer about dirty pages begins
 * @extension: the first message was an object: the client reads answers
 * @deaf: what the client sends is not listened to any more
 */
struct conversation {
	struct lazymem_range *ranges;
	size_t count;
	size_t range;
	uint64_t page;
	bool extension;
	bool deaf;
};

/* After the handshake, or for a session of a server that was killed. Without memory it is deaf. */
void conversation_begin(struct conversation *conversation, const struct lazymem *session,
			bool extension);

/* The answer to the first message, for clients that ask for it. @why: it was refused. */
void conversation_acknowledge(struct client *client, const struct hello *hello,
			      const char *why);

/* lazymem_options.spoken: read and answer what is there. Returns 0, or -errno at its end. */
int conversation_run(struct client *client, struct lazymem *session);

void conversation_destroy(struct conversation *conversation);

#endif
