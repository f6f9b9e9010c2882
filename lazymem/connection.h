/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session's connection to its image: opened, lost, and opened again until it is back.
 *
 *	DOWN --wait, open--> OPENING --ready--> UP
 *	OPENING, UP --lost--> DOWN
 *
 * Reads that the lost source had in flight are asked for again (slots_forget_reads()).
 * Faults wait meanwhile, unless options->give_up says how long.
 */
#ifndef LAZYMEM_CONNECTION_H
#define LAZYMEM_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

struct lazymem;

enum connection_phase {
	CONNECTION_DOWN,	/* closed; to be opened at ->open_at */
	CONNECTION_OPENING,	/* looked at again at ->open_at: the source gives up then */
	CONNECTION_UP,		/* reads may begin */
};

/**
 * struct connection - what a session knows of its source
 * @source: owned by the session; used by its thread, and ->fetch() by the helper
 * @phase: see above
 * @lost: that was reported, and that it is back was not
 * @was_up: it was, once
 * @told: the reason that was reported last, for @lost
 * @reasons: how many were, since it was lost
 * @failures: how many reads have failed, repeated ones included
 * @unread: how many reads have failed for good
 * @bad_row: how many of them, since one has not
 * @open_at: see enum connection_phase; clock_ns()
 * @backoff: the next wait between two attempts, in ns; doubles up to 5 s
 */
struct connection {
	struct source *source;
	enum connection_phase phase;
	bool lost, was_up;
	char told[SOURCE_WHY];
	unsigned int reasons;
	uint64_t failures, unread, bad_row;
	uint64_t open_at;
	uint64_t backoff;
};

/* A read has failed and is tried again. */
void connection_note_failure(struct lazymem *session, int error);
/* @length bytes at @offset cannot be read. */
void connection_note_unread(struct lazymem *session, uint64_t offset, uint64_t length,
			    int error);

void connection_run(struct lazymem *session, uint64_t now);
uint64_t connection_due(const struct lazymem *session);

#endif
