// SPDX-License-Identifier: GPL-2.0-only
/* All slots of a session, and how they are shared with the helper; see slots.h. */
#include <errno.h>
#include <sys/mman.h>

#include "clock.h"
#include "session.h"

/* Less than this is in place before the helper's thread is awake. */
#define WORTH		(64UL << 10)

/* The session's memory, in which a slot holds at least one page of the largest size. */
int slots_make(struct lazymem *session)
{
	struct slots *slots = &session->slots;
	void *buffers;

	slots->slot_bytes = SLOT_BYTES;
	for (const struct pages *pages = session->ranges.pages; pages;
	     pages = pages->next)
		if (pages->size > slots->slot_bytes)
			slots->slot_bytes = pages->size;
	buffers = mmap(NULL, SLOTS * slots->slot_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers == MAP_FAILED)
		return -ENOMEM;
	slots->buffers = buffers;
	/* The first fault would wait until a huge page is cleared. */
	madvise(buffers, SLOTS * slots->slot_bytes, MADV_NOHUGEPAGE);
	return session->connection.source->ops->fetch ?
	       bounce_make(&slots->bounce, slots->slot_bytes) : 0;
}

void slots_free(struct slots *slots)
{
	if (slots->buffers)
		munmap(slots->buffers, SLOTS * slots->slot_bytes);
	bounce_free(&slots->bounce);
}

/* 16 slots: searching them is cheaper than any bookkeeping. */
unsigned int slots_busy(const struct lazymem *session)
{
	unsigned int busy = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		busy += session->slots.at[i].state != SLOT_FREE;
	return busy;
}

/* Pages that a slot has put in place already are no longer its own. */
struct slot *slots_find(struct lazymem *session, struct page_ref page)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &session->slots.at[i];

		if (slot->state != SLOT_FREE && slot->first.pages == page.pages &&
		    page.index >= slot->first.index + slot->placed &&
		    page.index < slot->first.index + slot->count)
			return slot;
	}
	return NULL;
}

bool slots_is_missing(struct lazymem *session, struct page_ref page)
{
	return page.index < page.pages->count &&
	       !bits_test(page.pages->done, page.index) && !slots_find(session, page);
}

struct span slots_missing_around(struct lazymem *session, struct page_ref page, struct span most)
{
	struct page_ref low = { page.pages, page.index - 1 }, high = page;

	/* Below page 0 the index is larger than any other. */
	while (low.index + 1 > most.low && slots_is_missing(session, low))
		low.index--;
	while (++high.index < most.high && slots_is_missing(session, high))
		;
	return (struct span) { low.index + 1, high.index };
}

uint64_t slots_next_start(const struct lazymem *session, struct page_ref page)
{
	uint64_t least = page.pages->count;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &session->slots.at[i];
		uint64_t index = slot->first.index + slot->placed;

		if (slot->state != SLOT_FREE && slot->first.pages == page.pages &&
		    index > page.index && index < least)
			least = index;
	}
	return least;
}

struct slot *slots_start(struct lazymem *session, struct page_ref first,
			 unsigned int count, uint64_t wanted)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &session->slots.at[i];

		if (slot->state != SLOT_FREE)
			continue;
		slot->session = session;
		slot->buffer = session->slots.buffers + i * session->slots.slot_bytes;
		slot->state = SLOT_ASKED;
		slot->first = first;
		slot->count = count;
		slot->placed = 0;
		slot->rest = 0;
		slot->wanted = wanted;
		slot->ahead = !wanted;
		slot->row = false;
		slot->at_once = false;
		slot->tries = 0;
		slot->began = clock_ns();
		slot->retry_at = 0;
		slot->faults_before = session->stats.faults;
		return slot;
	}
	return NULL;
}

void slots_forget_reads(struct lazymem *session)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (session->slots.at[i].state == SLOT_READING)
			session->slots.at[i].state = SLOT_ASKED;
}

/* The first slots first; none of them waits for another. */
void slots_run(struct lazymem *session, uint64_t now)
{
	for (unsigned int i = 0; i < SLOTS && !session->gone; i++)
		if (session->slots.at[i].state != SLOT_FREE)
			slot_run(&session->slots.at[i], now);
}

uint64_t slots_due(const struct lazymem *session)
{
	uint64_t due = DUE_NEVER;

	for (unsigned int i = 0; i < SLOTS; i++)
		due = due_earlier(due, slot_due(&session->slots.at[i]));
	return due;
}

unsigned int slots_ready(const struct lazymem *session, uint64_t now)
{
	unsigned int ready = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		ready += slot_is_ready(&session->slots.at[i], now);
	return ready;
}

/* NULL: no slot is ready. */
static struct slot *slots_first_ready(struct lazymem *session, uint64_t now)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot_is_ready(&session->slots.at[i], now))
			return &session->slots.at[i];
	return NULL;
}

/* Write down what has come of a job. */
static void slots_collect(const struct runs *job, uint64_t now)
{
	slot_placed(job->slot, runs_end(job), now);
}

/* The slot that the helper has not begun, or NULL. */
static struct slot *slots_take_back(struct lazymem *session)
{
	struct slot *slot = helper_take_back(&session->helper);

	if (slot)
		slot->state = SLOT_LOADED;
	return slot;
}

/*
 * Take back what is not begun and wait for the rest, one job at most, which takes as long as
 * a copy of SLOT_BYTES. What was taken back is put in place later.
 */
void slots_quiesce(struct lazymem *session)
{
	const struct runs *job;

	slots_take_back(session);
	while ((job = helper_wait(&session->helper)))
		slots_collect(job, clock_ns());
}

/* Returns false if it is too small to be worth it, or the helper has enough. */
static bool slots_give(struct slot *slot)
{
	if ((slot->count - slot->placed) * slot->first.pages->size < WORTH ||
	    !helper_give(&slot->session->helper, slot))
		return false;
	slot->state = SLOT_HELPED;
	return true;
}

/* What this thread brings itself. NULL: it can only wait for the helper. */
static struct slot *slots_next_own(struct lazymem *session, uint64_t now)
{
	if (session->gone)
		return NULL;
	return slots_first_ready(session, now) ?: slots_take_back(session);
}

/*
 * The helper gets a slot only if another is left for this thread, and none while a fault
 * waits: its answer would have to wait for the helper. This thread brings one slot and
 * goes back to the loop, where it looks for faults.
 */
void slots_place_ahead(struct lazymem *session, uint64_t now)
{
	const struct runs *job;
	struct slot *own;

	while ((job = helper_done(&session->helper)))
		slots_collect(job, now);
	while (!faults_waiting(session) && slots_ready(session, now) > 1 &&
	       slots_give(slots_first_ready(session, now)))
		;
	own = slots_next_own(session, now);
	if (own)
		slot_placed(own, runs_place(own), now);
	else
		slots_quiesce(session);
}
