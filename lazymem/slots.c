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
struct slot *slot_covering(struct lazymem *session, struct place place)
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

uint64_t slot_after(const struct lazymem *session, struct place place)
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

struct slot *slot_start(struct lazymem *session, struct place first,
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
		slot->tries = 0;
		slot->began = clock_ns();
		slot->retry_at = 0;
		slot->faults_before = session->stats.faults;
		return slot;
	}
	return NULL;
}

/* Back to one page: it may be a neighbour that cannot be read. */
static void shrink(struct slot *slot)
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

static void read_failed(struct slot *slot, int error)
{
	const struct pages *pages = slot->first.pages;

	slot->error = error;
	slot->placed = 0;
	if (slot->wanted && slot->count > 1) {
		shrink(slot);
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
static void take_part(struct slot *slot)
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
	ahead_again(session, (struct place) { slot->first.pages,
					      slot->first.index + count });
}

static void read_done(struct source_read *read, int error)
{
	struct slot *slot = (struct slot *)read;

	if (!error) {
		take_part(slot);
		slot->state = SLOT_LOADED;
	} else if (error == -ENOTCONN || (error != -ENODATA && ++slot->tries < TRIES)) {
		slot->state = SLOT_ASKED;
		slot->retry_at = clock_ns() + (RETRY_NS << slot->tries);
	} else {
		read_failed(slot, error);
	}
}

/* What is behind the image's end in its last page is zeros, as in a mapped file. */
static void start_read(struct lazymem *session, struct slot *slot)
{
	const struct pages *pages = slot->first.pages;
	uint64_t offset = pages->offset + slot->first.index * pages->size;
	uint64_t length = slot->count * pages->size;
	uint64_t latency = session->options->latency_us;

	if (length > session->image_size - offset) {
		uint64_t there = session->image_size - offset;

		memset(slot->buffer + there, 0, length - there);
		length = there;
	}
	slot->state = SLOT_READING;
	slot->retry_at = latency ? clock_ns() + latency * 1000 : 0;
	slot->read = (struct source_read) {
		.offset = offset,
		.buffer = slot->buffer,
		.file = session->buffers_file,
		.at = slot->buffer - session->buffers,
		.length = length,
		.unit = pages->size,
		.patient = slot->ahead && !slot->wanted,
		.done = read_done,
	};
	session->source->ops->read(session->source, &slot->read);
}

void slots_forget_reads(struct lazymem *session)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (session->slots[i].state == SLOT_READING)
			session->slots[i].state = SLOT_ASKED;
}

static bool all_zero(const char *page, size_t size)
{
	return !page[0] && !memcmp(page, page + 1, size - 1);
}

static bool wanted(const struct slot *slot, unsigned int i)
{
	return slot->wanted >> i & 1;
}

enum content { CONTENT_DATA, CONTENT_ZERO, CONTENT_NOBODYS };

static bool is_zero(const struct slot *slot, unsigned int i)
{
	const struct pages *pages = slot->first.pages;

	if (slot->read.hole || page_bit(pages->zero, slot->first.index + i))
		return true;
	return all_zero(slot->buffer + i * pages->size, pages->size);
}

/* What was given back while it was read is zero, or nothing if nobody wants it. */
static enum content content_of(struct slot *slot, unsigned int i)
{
	struct pages *pages = slot->first.pages;

	if (page_bit(pages->zero, slot->first.index + i) && !wanted(slot, i))
		return CONTENT_NOBODYS;
	if (!is_zero(slot, i))
		return CONTENT_DATA;
	/* The zero page cannot be protected. */
	if (!pages->no_zeropage && !slot->session->dirty.on)
		return CONTENT_ZERO;
	memset(slot->buffer + i * pages->size, 0, pages->size);
	return CONTENT_DATA;
}

static void settle(struct slot *slot, unsigned int n, enum content content)
{
	struct lazymem *session = slot->session;
	struct pages *pages = slot->first.pages;
	uint64_t first = slot->first.index + slot->placed, served = 0, prefetched = 0;

	for (unsigned int i = 0; i < n && content != CONTENT_NOBODYS; i++) {
		if (page_bit(pages->done, first + i))
			continue;
		if (wanted(slot, slot->placed + i))
			served += pages->size;
		else
			prefetched += pages->size;
	}
	pages_done(&session->ranges, pages, first, n);
	session->stats.served += served;
	session->stats.prefetched += prefetched;
	if (content == CONTENT_ZERO)
		session->stats.zero += served + prefetched;
	for (; n; n--)
		slot->wanted &= ~(1UL << slot->placed++);
}

/* Puts in place what is next and alike, in one call. Returns 0 or place_copy()'s error. */
static int place_run(struct slot *slot)
{
	struct lazymem *session = slot->session;
	struct pages *pages = slot->first.pages;
	struct place at = { pages, slot->first.index + slot->placed };
	uint64_t run, address = ranges_address(&session->ranges, at, &run);
	enum content content = content_of(slot, slot->placed);
	typeof(place_copy) *put = session->dirty.on ? place_protected : place_copy;
	unsigned int n = 1;
	int error = 0;

	if (!address || content == CONTENT_NOBODYS) {
		settle(slot, 1, CONTENT_NOBODYS);
		return 0;
	}
	while (n < run && slot->placed + n < slot->count &&
	       content_of(slot, slot->placed + n) == content)
		n++;
	if (content == CONTENT_ZERO)
		n = place_zero(session->uffd, address, n, pages->size, &error);
	else
		n = put(session->uffd, address,
			slot->buffer + slot->placed * pages->size, n, pages->size,
			&error);
	settle(slot, n, content);
	if (content == CONTENT_ZERO && error == -EINVAL) {
		pages->no_zeropage = true;
		return 0;
	}
	return error;
}

/* It fits nowhere: wrong page size, or memory that was never registered. */
static void misfit(struct slot *slot, int error)
{
	struct lazymem *session = slot->session;
	struct place at = { slot->first.pages, slot->first.index + slot->placed };
	uint64_t run, address = ranges_address(&session->ranges, at, &run);

	session_message(session, "cannot put a page of %zu bytes at 0x%" PRIx64 ": %s; what is mapped there is not what the client said",
			at.pages->size, address, strerror(-error));
	session->ahead.on = false;
	session->stats.failed += __builtin_popcountl(slot->wanted);
	slot->state = SLOT_FREE;
}

static void place_slot(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;
	int error = 0;

	while (!error && slot->placed < slot->count)
		error = place_run(slot);
	if (!error) {
		if (slot->ahead && session->stats.faults == slot->faults_before &&
		    session->ahead.depth < SLOTS / 2)
			session->ahead.depth *= 2;
		slot->state = SLOT_FREE;
	} else if (error == -ESRCH) {
		session->gone = true;
	} else if (error == -EAGAIN) {
		slot->retry_at = now + CHANGING_NS;
	} else if (error == -ENOMEM) {
		session_message(session, "the client's memory is full; trying again");
		slot->retry_at = now + RETRY_NS;
	} else {
		misfit(slot, error);
	}
}

static void poison_slot(struct slot *slot, uint64_t now)
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
		page_done(&session->ranges, slot->first.pages, slot->first.index);
	session->stats.failed++;
	slot->state = SLOT_FREE;
}

static bool given_up(const struct slot *slot, uint64_t now)
{
	const struct lazymem *session = slot->session;

	return session->options->give_up &&
	       now > slot->began + session->options->give_up * SECOND;
}

static void run_slot(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;

	if (slot->state == SLOT_ASKED && session->phase != SOURCE_UP &&
	    given_up(slot, now))
		read_failed(slot, -ETIMEDOUT);
	if (slot->retry_at > now)
		return;
	if (slot->state == SLOT_ASKED && session->phase == SOURCE_UP)
		start_read(session, slot);
	/* It may have been read at once, and is not to arrive so soon. */
	if (slot->retry_at > now)
		return;
	if (slot->state == SLOT_LOADED)
		place_slot(slot, now);
	else if (slot->state == SLOT_FAILED)
		poison_slot(slot, now);
}

/* One at most that nobody waits for is put in place: faults may have come meanwhile. */
void slots_run(struct lazymem *session, uint64_t now)
{
	bool placed = false;

	for (unsigned int i = 0; i < SLOTS && !session->gone; i++) {
		struct slot *slot = &session->slots[i];

		if (slot->state == SLOT_FREE ||
		    (placed && slot->state == SLOT_LOADED && !slot->wanted))
			continue;
		run_slot(slot, now);
		placed |= slot->state == SLOT_FREE && slot->ahead;
	}
}
