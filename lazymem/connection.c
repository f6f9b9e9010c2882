// SPDX-License-Identifier: GPL-2.0-only
/* A session's source: lost, tried again with more and more time between, and back. */
#include <inttypes.h>

#include "session.h"

#define BACKOFF_LEAST	(100 * MS)
#define BACKOFF_MOST	(5 * SECOND)
#define OPEN_NS		(10 * SECOND)

static void connection_down(struct lazymem *session, uint64_t now)
{
	if (!session->lost)
		session_message(session, "source lost: %s; trying again until it is back",
				session->source->why);
	slots_quiesce(session);
	session->source->ops->close(session->source);
	slots_forget_reads(session);
	session->lost = true;
	session->phase = CONNECTION_DOWN;
	if (!session->backoff)
		session->backoff = BACKOFF_LEAST;
	session->open_at = now + session->backoff;
	session->backoff *= 2;
	if (session->backoff > BACKOFF_MOST)
		session->backoff = BACKOFF_MOST;
}

static void connection_up(struct lazymem *session)
{
	int64_t size = session->source->ops->size(session->source);

	session->phase = CONNECTION_UP;
	session->backoff = 0;
	if (session->lost)
		session_message(session, "source is back");
	session->lost = false;
	if (size < (int64_t)session->image_size)
		session_message(session, "the image has %" PRIi64 " bytes now, fewer than before (%" PRIu64 ")",
				size, session->image_size);
}

void connection_run(struct lazymem *session, uint64_t now)
{
	struct source *source = session->source;

	if (session->phase == CONNECTION_DOWN) {
		if (now < session->open_at)
			return;
		slots_quiesce(session);
		source->why[0] = '\0';
		source->ops->open(source);
		session->phase = CONNECTION_OPENING;
		session->open_at = now + OPEN_NS;
	}
	switch (source->ops->state(source)) {
	case SOURCE_GONE:
		connection_down(session, now);
		break;
	case SOURCE_OPENING:
		if (now >= session->open_at)
			connection_down(session, now);
		break;
	case SOURCE_READY:
		if (session->phase != CONNECTION_UP)
			connection_up(session);
		break;
	}
}
