// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"
#include "content.h"
#include "fail.h"
#include "progress.h"
#include "stream.h"

#define SHOWN	256	/* pages */

static void *run(void *arg)
{
	struct stream *stream = arg;
	struct server *server = stream->server;
	char page[PAGE];
	size_t served;

	for (size_t i = 0; i < server->pages; i++) {
		served = server->served;
		if (served == server->pages)
			break;
		if (i % SHOWN == 0)
			progress_show(served, server->pages);
		server_bring(server, i, 1, page);
	}
	stream->over_at = clock_ns();
	progress_show(server->pages, server->pages);
	return NULL;
}

void stream_start(struct stream *stream, struct server *server)
{
	stream->server = server;
	if (pthread_create(&stream->thread, NULL, run, stream))
		die("cannot start a thread that streams");
}

void stream_join(struct stream *stream)
{
	pthread_join(stream->thread, NULL);
}
