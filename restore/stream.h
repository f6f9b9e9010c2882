/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread that brings all pages in order while the page server answers faults. */
#ifndef RESTORE_STREAM_H
#define RESTORE_STREAM_H

#include <pthread.h>
#include <stdint.h>

#include "uffd.h"

/**
 * struct stream - such a thread; it shows the progress
 * @server: whose pages
 * @over_at: when all were there, by clock_ns()
 * @thread: its thread
 */
struct stream {
	struct server *server;
	uint64_t over_at;
	/* private */
	pthread_t thread;
};

/* Ends the program on failure. */
void stream_start(struct stream *stream, struct server *server);

/* Wait until all pages are there. */
void stream_join(struct stream *stream);

#endif
