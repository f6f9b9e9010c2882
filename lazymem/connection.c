// SPDX-License-Identifier: GPL-2.0-only
/* A session's connection to its image; see connection.h. */
#include <inttypes.h>

#include "session.h"

#define BACKOFF_LEAST	(100 * MS)
#define BACKOFF_MOST	(5 * SECOND)
#define OPEN_NS		(10 * SECOND)

/*
 * The helper must not fetch from a source that is closed. ->close() ends what is in
 * flight, so that the slots' buffers are free for other reads.
 */
static void connection_down(struct lazymem *session, uint64_t now)
{
	struct connection *connection = &session->connection;
	struct source *source = connection->source;

	if (!connection->lost)
		session_message(session, "source lost: %s; trying again until it is back",
				source->why);
	slots_quiesce(session);
	source->ops->close(source);
	slots_forget_reads(session);
	connection->lost = true;
	connection->phase = CONNECTION_DOWN;
	if (!connection->backoff)
		connection->backoff = BACKOFF_LEAST;
	connection->open_at = now + connection->backoff;
	connection->backoff *= 2;
	if (connection->backoff > BACKOFF_MOST)
		connection->backoff = BACKOFF_MOST;
}

/* A smaller image is not refused: what is left of it can be served. */
static void connection_up(struct lazymem *session)
{
	struct connection *connection = &session->connection;
	int64_t size = connection->source->ops->size(connection->source);

	connection->phase = CONNECTION_UP;
	connection->backoff = 0;
	if (connection->lost)
		session_message(session, "source is back");
	connection->lost = false;
	if (size < (int64_t)session->image_size)
		session_message(session, "the image has %" PRIi64 " bytes now, fewer than before (%" PRIu64 ")",
				size, session->image_size);
}

/* Each round asks the source for its state: a kind of source does not call back. */
void connection_run(struct lazymem *session, uint64_t now)
{
	struct connection *connection = &session->connection;
	struct source *source = connection->source;

	if (connection->phase == CONNECTION_DOWN) {
		if (now < connection->open_at)
			return;
		slots_quiesce(session);
		source->why[0] = '\0';
		source->ops->open(source);
		connection->phase = CONNECTION_OPENING;
		connection->open_at = now + OPEN_NS;
	}
	switch (source->ops->state(source)) {
	case SOURCE_GONE:
		connection_down(session, now);
		break;
	case SOURCE_OPENING:
		if (now >= connection->open_at)
			connection_down(session, now);
		break;
	case SOURCE_READY:
		if (connection->phase != CONNECTION_UP)
			connection_up(session);
		break;
	}
}

/* While it is up, the source's file descriptor tells. */
uint64_t connection_due(const struct lazymem *session)
{
	return session->connection.phase == CONNECTION_UP ? DUE_NEVER :
	       session->connection.open_at;
}
