// SPDX-License-Identifier: GPL-2.0-only
/* A session's connection to its image; see connection.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

#define BACKOFF_LEAST	(100 * MS)
#define BACKOFF_MOST	(5 * SECOND)
/* How many reasons of one loss are reported. */
#define REASONS_MOST	4
/* The first failures of reads are not reported: they are tried again. A power of two. */
#define FAILURES_FEW	32

/*
 * Once, and again if the reason is another, but not for ever: a server may have two that take
 * turns.
 */
static void connection_report_loss(struct lazymem *session)
{
	struct connection *connection = &session->connection;
	const char *why = connection->source->why;

	if (!connection->lost)
		connection->reasons = 0;
	else if (!strcmp(why, connection->told) || connection->reasons == REASONS_MOST)
		return;
	session_message(session, "source %slost: %s; trying again until it is back",
			connection->lost ? "still " : "", why);
	strcpy(connection->told, why);
	connection->reasons++;
	connection->lost = true;
}

/*
 * The helper must not fetch from a source that is closed. ->close() ends what is in
 * flight, so that the slots' buffers are free for other reads.
 */
static void connection_down(struct lazymem *session, uint64_t now)
{
	struct connection *connection = &session->connection;
	struct source *source = connection->source;

	connection_report_loss(session);
	slots_quiesce(session);
	source->ops->close(source);
	slots_forget_reads(session);
	connection->phase = CONNECTION_DOWN;
	if (!connection->backoff)
		connection->backoff = BACKOFF_LEAST;
	connection->open_at = now + connection->backoff;
	connection->backoff *= 2;
	if (connection->backoff > BACKOFF_MOST)
		connection->backoff = BACKOFF_MOST;
}

/* A few failures are not worth a word. */
void connection_note_failure(struct lazymem *session, int error)
{
	uint64_t failures = ++session->connection.failures;

	if (failures >= FAILURES_FEW && session_is_told(failures))
		session_message(session, "%" PRIu64 " reads of the image have failed and are tried again: %s",
				failures, strerror(-error));
}

void connection_note_unread(struct lazymem *session, uint64_t offset, uint64_t length,
			    int error)
{
	uint64_t unread = ++session->connection.unread;
	char others[64] = "";

	session->connection.bad_row++;
	if (!session_is_told(unread))
		return;
	if (unread > 1)
		snprintf(others, sizeof(others), " (and %" PRIu64 " before it)",
			 unread - 1);
	session_message(session, "cannot read %" PRIu64 " bytes at offset 0x%" PRIx64 " of the image%s: %s",
			length, offset, others,
			error == -ENODATA ? "it ends there now" : strerror(-error));
}

/* A change of the image that nobody was told of yet is reported when a client comes. */
static void connection_up(struct lazymem *session)
{
	struct connection *connection = &session->connection;
	char why[LAZYMEM_WHY];

	connection->phase = CONNECTION_UP;
	connection->backoff = 0;
	if (connection->lost)
		session_message(session, "source is back");
	connection->lost = false;
	if (!connection->was_up && lazymem_image_changed(session->options->image, why))
		session_message(session, "%s", why);
	connection->was_up = true;
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
		connection->open_at = now + SOURCE_OPEN_NS;
	}
	switch (source->ops->state(source)) {
	case SOURCE_GONE:
		connection_down(session, now);
		break;
	case SOURCE_OPENING:
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
