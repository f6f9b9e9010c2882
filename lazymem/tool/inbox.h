/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON values and descriptors that come over a connection.
 *
 * Nothing is read before it is known to belong to the value that is read: what follows stays
 * in the socket, which is readable then. So the handshake leaves nothing behind for the
 * conversation to find elsewhere. Of the descriptors only userfaultfds are kept.
 */
#ifndef LAZYMEM_INBOX_H
#define LAZYMEM_INBOX_H

#include <json-c/json.h>
#include <stdbool.h>

#include "lazymem.h"

/* Bytes of a value. */
#define INBOX_BYTES	(256 << 10)
/* Userfaultfds beyond the first that are kept, to be refused. */
#define INBOX_EXTRA	4

/**
 * struct inbox - what has come so far
 * @socket: the connection
 * @tokener: parses a value as it comes; NULL until it is needed
 * @bytes: of the value that is being read
 * @uffd: the first userfaultfd that came; -1
 * @extra: more userfaultfds
 * @nr_extra: how many
 * @others: descriptors that came and were closed, as they are something else
 * @heard: something came
 * @lost: descriptors came that this process has no room for
 */
struct inbox {
	int socket;
	struct json_tokener *tokener;
	size_t bytes;
	int uffd;
	int extra[INBOX_EXTRA];
	unsigned int nr_extra;
	unsigned int others;
	bool heard;
	bool lost;
};

void inbox_init(struct inbox *inbox, int socket);

/*
 * Read what is there, without waiting. Returns 1 with a value, an array or an object, in
 * @json, which the caller puts; 0: it is not complete, and this may be called again at once;
 * -EAGAIN: nothing is there;
 * -EPIPE: the client has hung up;
 * -EPROTO: it is no JSON, or too long; @why explains. Nothing can be read any more.
 */
int inbox_read(struct inbox *inbox, struct json_object **json, char why[LAZYMEM_WHY]);

/* Close what nobody has taken. */
void inbox_destroy(struct inbox *inbox);

#endif
