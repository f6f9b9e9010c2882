// SPDX-License-Identifier: GPL-2.0-only
/* Slots: pieces of the image on their way to the client. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "place.h"
#include "session.h"

#define TRIES		4
#define RETRY_NS	(100 * MS)

/* Less is in place before a helper is awake. */
#define WORTH		(64UL << 10)

unsigned int slots_busy(const struct lazymem *session)
{
	unsigned int busy = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		busy += session->slots[i].state != SLOT_FREE;
	return busy;
}

/* 64 at most: a slot has a bit for each. */
unsigned int slot_pages(const struct pages *pages, size_t bytes)
{
	if (bytes > SLOT_BYTES)
		bytes = SLOT_BYTES;
	return bytes > pages->size ? bytes / pages->size : 1;
}

/* Pages that a slot has put in place are not its business any more. */
struct slot *slots_find(struct lazymem *session, struct page_ref place)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &session->slots[i];

		if (slot->state != SLOT_FREE && slot->first.pages == place.pages &&
		    place.index >= slot->first.index + slot->placed &&
		    place.index < slot->first.index + slot->count)
			return slot;
	}
	return NULL;
}

uint64_t slots_next(const struct lazymem *session, struct page_ref place)
{
	uint64_t least = place.pages->count;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &session->slots[i];
		uint64_t index = slot->first.index + slot->placed;

		if (slot->state != SLOT_FREE && slot->first.pages == place.pages &&
		    index > place.index && index < least)
			least = index;
	}
	return least;
}

struct slot *slots_start(struct lazymem *session, struct page_ref first,
			 unsigned int count, uint64_t wanted)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &session->slots[i];

		if (slot->state != SLOT_FREE)
			continue;
		slot->session = session;
		slot->buffer = session->buffers + i * session->slot_bytes;
		slot->state = SLOT_ASKED;
		slot->first = first;
		slot->count = count;
		slot->placed = 0;
		slot->wanted = wanted;
		slot->ahead = !wanted;
		slot->at_once = false;
		slot->tries = 0;
		slot->began = clock_ns();
		slot->retry_at = 0;
		slot->faults_before = session->stats.faults;
		return slot;
	}
	return NULL;
}

/* Back to one page: it may be a neighbour that cannot be read. */
static void slot_shrink(struct slot *slot)
{
	unsigned int i = __builtin_ctzl(slot->wanted);

	for (unsigned int j = i + 1; j < slot->count; j++)
		if (slot->wanted >> j & 1)
			faults_queue(slot->session, (struct fault) {
				.place = { slot->first.pages, slot->first.index + j },
			});
	slot->first.index += i;
	slot->count = 1;
	slot->wanted = 1;
	slot->tries = 0;
	slot->retry_at = 0;
	slot->state = SLOT_ASKED;
}

static void slot_read_failed(struct slot *slot, int error)
{
	const struct pages *pages = slot->first.pages;

	slot->error = error;
	slot->placed = 0;
	if (slot->wanted && slot->count > 1) {
		slot_shrink(slot);
		return;
	}
	session_message(slot->session, "cannot read %" PRIu64 " bytes at offset 0x%" PRIx64 " of the image: %s",
			(uint64_t)slot->count * pages->size,
			pages->offset + slot->first.index * pages->size,
			error == -ENODATA ? "it ends there now" : strerror(-error));
	slot->state = slot->wanted ? SLOT_FAILED : SLOT_FREE;
	slot->retry_at = 0;
}

/* What the source has left out is to be read ahead again, or waits in the queue. */
static void slot_take_part(struct slot *slot)
{
	struct lazymem *session = slot->session;
	size_t size = slot->first.pages->size;
	unsigned int count = (slot->read.length + size - 1) / size;

	if (slot->read.hole)
		session->stats.holes += slot->read.length;
	if (count == slot->count)
		return;
	for (unsigned int i = count; i < slot->count; i++)
		if (slot->wanted >> i & 1)
			faults_queue(session, (struct fault) {
				.place = { slot->first.pages, slot->first.index + i },
			});
	slot->wanted &= (1UL << count) - 1;
	slot->count = count;
	ahead_again(session, (struct page_ref) { slot->first.pages,
					      slot->first.index + count });
}

static void slot_read_done(struct source_read *read, int error)
{
	struct slot *slot = (struct slot *)read;

	if (!error) {
		slot_take_part(slot);
		slot->state = SLOT_LOADED;
	} else if (error == -ENOTCONN || (error != -ENODATA && ++slot->tries < TRIES)) {
		slot->state = SLOT_ASKED;
		slot->retry_at = clock_ns() + (RETRY_NS << slot->tries);
	} else {
		slot_read_failed(slot, error);
	}
}

static void slot_start_read(struct lazymem *session, struct slot *slot)
{
	const struct pages *pages = slot->first.pages;
	uint64_t offset = pages->offset + slot->first.index * pages->size;
	uint64_t length = slot->count * pages->size;
	uint64_t latency = session->options->latency_us;

	if (length > session->image_size - offset)
		length = session->image_size - offset;
	slot->state = SLOT_READING;
	slot->retry_at = latency && !slot->at_once ? clock_ns() + latency * 1000 : 0;
	slot->read = (struct source_read) {
		.offset = offset,
		.buffer = slot->buffer,
		.length = length,
		.unit = pages->size,
		.patient = slot->ahead && !slot->wanted,
		.late = session->source->ops->fetch && !slot->at_once,
		.done = slot_read_done,
	};
	session->source->ops->read(session->source, &slot->read);
}

void slots_forget_reads(struct lazymem *session)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (session->slots[i].state == SLOT_READING)
			session->slots[i].state = SLOT_ASKED;
}

/* It fits nowhere: wrong page size, or memory that was never registered. */
static void slot_misfit(struct slot *slot, int error)
{
	struct lazymem *session = slot->session;
	struct page_ref at = { slot->first.pages, slot->first.index + slot->placed };
	uint64_t run, address = ranges_address(&session->ranges, at, &run);

	session_message(session, "cannot put a page of %zu bytes at 0x%" PRIx64 ": %s; what is mapped there is not what the client said",
			at.pages->size, address, strerror(-error));
	session->ahead.on = false;
	session->stats.failed += __builtin_popcountl(slot->wanted);
	slot->state = SLOT_FREE;
}

/* @error: what runs_place() or runs_end() said. */
static void slot_placed(struct slot *slot, int error, uint64_t now)
{
	struct lazymem *session = slot->session;

	slot->state = SLOT_LOADED;
	if (!error && slot->placed < slot->count)
		return;
	if (!error) {
		if (slot->ahead && session->stats.faults == slot->faults_before &&
		    session->ahead.depth < SLOTS / 2)
			session->ahead.depth *= 2;
		slot->state = SLOT_FREE;
	} else if (error == -ENODATA) {
		slot->at_once = true;
		slot->state = SLOT_ASKED;
	} else if (error == -ESRCH) {
		session->gone = true;
	} else if (error == -EAGAIN) {
		slot->retry_at = now + CHANGING_NS;
	} else if (error == -ENOMEM) {
		session_message(session, "the client's memory is full; trying again");
		slot->retry_at = now + RETRY_NS;
	} else {
		slot_misfit(slot, error);
	}
}

static void slot_poison(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;
	uint64_t run, address = ranges_address(&session->ranges, slot->first, &run);
	int error = 0;

	if (address)
		place_poison(session->uffd, address, 1, slot->first.pages->size, &error);
	if (error == -EAGAIN || error == -ENOMEM) {
		slot->retry_at = now + CHANGING_NS;
		return;
	}
	if (error == -ESRCH)
		session->gone = true;
	else if (error)
		session_message(session, "this kernel cannot poison a page: the fault at 0x%" PRIx64 " stays", address);
	else
		ranges_done(&session->ranges, slot->first.pages, slot->first.index, 1);
	session->stats.failed++;
	slot->state = SLOT_FREE;
}

static bool slot_is_given_up(const struct slot *slot, uint64_t now)
{
	const struct lazymem *session = slot->session;

	return session->options->give_up &&
	       now > slot->began + session->options->give_up * SECOND;
}

/* What the source has lost since it was asked is read again at once: somebody waits. */
static void slot_place_wanted(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;

	slot_placed(slot, runs_place(slot), now);
	if (slot->state == SLOT_ASKED && session->phase == CONNECTION_UP)
		slot_start_read(session, slot);
}

static void slot_run(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;

	if (slot->state == SLOT_ASKED && session->phase != CONNECTION_UP &&
	    slot_is_given_up(slot, now))
		slot_read_failed(slot, -ETIMEDOUT);
	if (slot->retry_at > now)
		return;
	if (slot->state == SLOT_ASKED && session->phase == CONNECTION_UP)
		slot_start_read(session, slot);
	/* It may have been read at once, and is not to arrive so soon. */
	if (slot->retry_at > now)
		return;
	if (slot->state == SLOT_LOADED && slot->wanted)
		slot_place_wanted(slot, now);
	else if (slot->state == SLOT_FAILED)
		slot_poison(slot, now);
}

void slots_run(struct lazymem *session, uint64_t now)
{
	for (unsigned int i = 0; i < SLOTS && !session->gone; i++)
		if (session->slots[i].state != SLOT_FREE)
			slot_run(&session->slots[i], now);
}

static bool slot_is_ready(const struct slot *slot, uint64_t now)
{
	return slot->state == SLOT_LOADED && !slot->wanted && slot->retry_at <= now;
}

unsigned int slots_ready(const struct lazymem *session, uint64_t now)
{
	unsigned int ready = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		ready += slot_is_ready(&session->slots[i], now);
	return ready;
}

/* NULL: there is none. */
static struct slot *slots_first_ready(struct lazymem *session, uint64_t now)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot_is_ready(&session->slots[i], now))
			return &session->slots[i];
	return NULL;
}

static void slots_collect(const struct runs *job, uint64_t now)
{
	slot_placed(job->slot, runs_end(job), now);
}

static struct slot *slots_take_back(struct lazymem *session)
{
	struct slot *slot = helper_take_back(&session->helper);

	if (slot)
		slot->state = SLOT_LOADED;
	return slot;
}

void slots_quiesce(struct lazymem *session)
{
	const struct runs *job;

	slots_take_back(session);
	while ((job = helper_wait(&session->helper)))
		slots_collect(job, clock_ns());
}

static bool slots_give(struct slot *slot)
{
	if ((slot->count - slot->placed) * slot->first.pages->size < WORTH ||
	    !helper_give(&slot->session->helper, slot))
		return false;
	slot->state = SLOT_HELPED;
	return true;
}

/* NULL: there is nothing to do but to wait for the helper. */
static struct slot *slots_next_own(struct lazymem *session, uint64_t now)
{
	if (session->gone)
		return NULL;
	return slots_first_ready(session, now) ?: slots_take_back(session);
}

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
