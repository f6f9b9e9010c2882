/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slots of a session: which pages are on their way, and what is left to the helper.
 *
 * The session's thread owns all slots but those in SLOT_HELPED. It gives the helper only
 * slots that no fault waits for, and brings others meanwhile. Before anything that a job
 * reads is changed (ranges, bits, the source, what the client's memory is), the caller
 * must have waited for the helper with slots_quiesce().
 */
#ifndef LAZYMEM_SLOTS_H
#define LAZYMEM_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounce.h"
#include "slot.h"

/* As many as the source has reads in flight. */
#define SLOTS		SOURCE_READS

/**
 * struct slots - a session's slots and their memory
 * @at: the slots
 * @slot_bytes: SLOT_BYTES, or the client's largest page size if that is more
 * @buffers: SLOTS * @slot_bytes, a part for each slot
 * @bounce: where the session's thread fetches content from a page cache; the helper has
 *	    another
 */
struct slots {
	struct slot at[SLOTS];
	size_t slot_bytes;
	char *buffers;
	struct bounce bounce;
};

/* After ranges_set() or ranges_clone(). Returns 0 or -ENOMEM. */
int slots_make(struct lazymem *session);
void slots_free(struct slots *slots);

/* How many are in use. */
unsigned int slots_busy(const struct lazymem *session);
/* The slot that has yet to bring @page, or NULL. */
struct slot *slots_find(struct lazymem *session, struct page_ref page);
/* Whether @page is there in the mapping, and neither done nor on its way. */
bool slots_is_missing(struct lazymem *session, struct page_ref page);
/* @page, and its missing neighbours in @most without a gap. */
struct span slots_missing_around(struct lazymem *session, struct page_ref page, struct span most);
/* Where the first slot behind @page begins; without one, the mapping's end. */
uint64_t slots_next_start(const struct lazymem *session, struct page_ref page);
/*
 * Begin to bring @count pages from @first on; faults wait for those whose bit is set in
 * @wanted. NULL: all slots are in use.
 */
struct slot *slots_start(struct lazymem *session, struct page_ref first,
			 unsigned int count, uint64_t wanted);

/* Read what is asked, and put in place what faults wait for. */
void slots_run(struct lazymem *session, uint64_t now);
uint64_t slots_due(const struct lazymem *session);

/*
 * Put in place what no fault waits for: one slot by this thread, and others by the helper,
 * which goes on after this returns.
 */
void slots_place_ahead(struct lazymem *session, uint64_t now);
/* How many slots slots_place_ahead() could put in place now. */
unsigned int slots_ready(const struct lazymem *session, uint64_t now);
/* Wait until the helper has nothing to do, and write down what it did. */
void slots_quiesce(struct lazymem *session);

/* The source was closed: what it was reading is to be read again. */
void slots_forget_reads(struct lazymem *session);

#endif
