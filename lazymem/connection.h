/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session's connection to its image: opened, lost, and opened again until it is back.
 *
 *	DOWN --wait, open--> OPENING --ready--> UP
 *	OPENING, UP --lost, or not open in 10 s--> DOWN
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
	CONNECTION_OPENING,	/* given up at ->open_at */
	CONNECTION_UP,		/* reads may begin */
};

/**
 * struct connection - what a session knows of its source
 * @source: owned by the session; used by its thread, and ->fetch() by the helper
 * @phase: see above
 * @lost: that was reported, and that it is back was not
 * @open_at: see enum connection_phase; clock_ns()
 * @backoff: the next wait between two attempts, in ns; doubles up to 5 s
 */
struct connection {
	struct source *source;
	enum connection_phase phase;
	bool lost;
	uint64_t open_at;
	uint64_t backoff;
};

void connection_run(struct lazymem *session, uint64_t now);
uint64_t connection_due(const struct lazymem *session);

#endif
