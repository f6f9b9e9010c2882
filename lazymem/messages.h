/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says through the userfaultfd: faults, and events of the client's address
 * space (madvise, munmap, mremap, fork).
 *
 * The kernel hands out faults before events. So the address of a fault may be one that a
 * mremap() has made, whose event is still to be read. A fault at an unknown address is a
 * stray: it is kept, and judged only once nothing is left to read and no change is under
 * way. If the address is still unknown then, its page is poisoned.
 */
#ifndef LAZYMEM_MESSAGES_H
#define LAZYMEM_MESSAGES_H

#include <stdint.h>

struct lazymem;

#define STRAYS_MOST	64

/**
 * struct messages - what was read and is not settled
 * @strays: addresses; what has no room is woken, and comes again
 * @nr_strays: how many
 * @pause_until: the kernel could not hand out an event: it is not asked again before this
 */
struct messages {
	uint64_t strays[STRAYS_MOST];
	unsigned int nr_strays;
	uint64_t pause_until;
};

/* Read what there is, apply events, queue faults. The helper is waited for first. */
void messages_read(struct lazymem *session);

/* Before the first messages_read(): apply what a dead server has read and not applied. */
void messages_resume(struct lazymem *session);

/* Judge strays again. */
void messages_run(struct lazymem *session);
uint64_t messages_due(const struct lazymem *session, uint64_t now);

#endif
