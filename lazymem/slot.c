// SPDX-License-Identifier: GPL-2.0-only
/*
 * One slot: read, tried again, put in place, or poisoned. slot.h has its states, runs.c
 * how its pages get to the client.
 *
 * A failure is narrowed down before it is believed: a read is tried 7 times, with longer
 * and longer waits; then a slot of several pages is cut down to the one that a fault waits
 * for, since a neighbour may be what cannot be read. Only a single page is poisoned. Without
 * a fault the slot goes on page by page, and what cannot be read stays missing.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "lost.h"
#include "session.h"
#include "uffd.h"

/* How often a read is tried; the wait after the nth time is READ_NS << n. */
#define TRIES		7
#define READ_NS		(10 * MS)
/* After so many failures in a row what is read ahead is tried once. */
#define BAD_ROW		64
/* The wait for memory of the client's. */
#define RETRY_NS	(100 * MS)

/* So long nothing is read ahead when the client has no memory for it. */
#define SHORT_NS	SECOND

/*
 * So often a huge page may be said to be there although a fault waits for it: several threads
 * may fault on a page, and their faults be read one after another.
 */
#define DOUBTS_MOST	32

/* The queue is given the faults of pages @from and up: the slot will not bring them. */
static void slot_requeue(const struct slot *slot, unsigned int from)
{
	for (unsigned int i = from; i < slot->count; i++)
		if (slot->wanted >> i & 1)
			faults_queue(slot->session, (struct fault) {
				.page = { slot->first.pages, slot->first.index + i },
			});
}

/* Leave out what is before the first page that a fault waits for. */
static void slot_trim(struct slot *slot)
{
	unsigned int i = __builtin_ctzl(slot->wanted);

	slot->first.index += i;
	slot->count -= i;
	slot->wanted >>= i;
}

/* Cut down to the first page that a fault waits for. */
static void slot_shrink(struct slot *slot)
{
	slot_trim(slot);
	slot_requeue(slot, 1);
	slot->count = 1;
	slot->wanted = 1;
	slot->tries = 0;
	slot->retry_at = 0;
	slot->state = SLOT_ASKED;
}

/*
 * The slot is done with its page: the next of ->rest that is still missing. Behind a page that
 * could not be read the next one is tried once: most likely the whole stretch is bad.
 */
static void slot_go_on(struct slot *slot, bool failed)
{
	slot->state = SLOT_FREE;
	while (slot->rest) {
		slot->rest--;
		slot->first.index++;
		if (!slots_is_missing(slot->session, slot->first))
			continue;
		slot->placed = 0;
		slot->wanted = 0;
		slot->tries = failed ? TRIES - 1 : 0;
		slot->retry_at = 0;
		slot->state = SLOT_ASKED;
		return;
	}
}

/* The source will not read it: page by page. Behind the end of the image nothing will do. */
static void slot_split(struct slot *slot, int error)
{
	slot->rest = error == -ENODATA ? 0 : slot->count - 1;
	slot->count = 1;
	slot->tries = 0;
	slot->retry_at = 0;
	slot->state = SLOT_ASKED;
}

/*
 * The source was lost for too long. All pages that faults wait for are given up at once; what
 * was to be read ahead is read later.
 */
static void slot_give_up(struct slot *slot)
{
	slot->state = SLOT_FREE;
	if (!slot->wanted) {
		ahead_go_back(slot->session, slot->first);
		return;
	}
	slot_trim(slot);
	slot->placed = 0;
	slot->rest = 0;
	slot->retry_at = 0;
	slot->lost = "the source was lost for too long";
	slot->state = SLOT_FAILED;
}

/* The source will not read it. */
static void slot_read_failed(struct slot *slot, int error)
{
	const struct pages *pages = slot->first.pages;

	slot->error = error;
	slot->placed = 0;
	slot->retry_at = 0;
	if (slot->count > 1) {
		if (slot->wanted)
			slot_shrink(slot);
		else
			slot_split(slot, error);
		return;
	}
	connection_note_unread(slot->session, pages->offset + slot->first.index * pages->size,
			       pages->size, error);
	slot->lost = "it cannot be read";
	slot->state = SLOT_FAILED;
	if (!slot->wanted)
		slot_go_on(slot, true);
}

/*
 * The source may have shortened the read (source_found()). The pages that it left out are
 * read ahead again; faults that meanwhile wait for them go back to the queue.
 */
static void slot_take_part(struct slot *slot)
{
	struct lazymem *session = slot->session;
	size_t size = slot->first.pages->size;
	unsigned int count = (slot->read.length + size - 1) / size;

	if (slot->read.hole)
		session->stats.holes += slot->read.length;
	if (count == slot->count)
		return;
	slot_requeue(slot, count);
	slot->wanted &= (1UL << count) - 1;
	ahead_cut(session, slot, count);
	slot->count = count;
}

/* A disk that has failed altogether must not be waited for page by page. */
static unsigned int slot_tries(const struct slot *slot)
{
	return !slot->wanted && slot->session->connection.bad_row >= BAD_ROW ? 1 : TRIES;
}

/*
 * ->read.done: called by the source, from ->read() or ->run(). -ENOTCONN is no failure of
 * the read: connection.c opens the source again, and slots that are asked are read then.
 * -ENODATA, the end of the image, does not change by trying again.
 */
static void slot_read_done(struct source_read *read, int error)
{
	struct slot *slot = (struct slot *)read;

	if (!error) {
		slot->session->connection.bad_row = 0;
		slot_take_part(slot);
		slot->state = SLOT_LOADED;
	} else if (error == -ENOTCONN ||
		   (error != -ENODATA && ++slot->tries < slot_tries(slot))) {
		slot->state = SLOT_ASKED;
		slot->retry_at = clock_ns() + (READ_NS << slot->tries);
		if (error != -ENOTCONN)
			connection_note_failure(slot->session, error);
	} else {
		slot_read_failed(slot, error);
	}
}

/* The read may be done before this returns. */
static void slot_start_read(struct lazymem *session, struct slot *slot)
{
	struct source *source = session->connection.source;
	const struct pages *pages = slot->first.pages;
	uint64_t offset = pages->offset + slot->first.index * pages->size;
	uint64_t length = slot->count * pages->size;
	uint64_t latency = session->options->latency_us;

	/* The image may end within the last page. */
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
		.late = source->ops->fetch && !slot->at_once,
		.done = slot_read_done,
	};
	source->ops->read(source, &slot->read);
}

/*
 * The kernel refuses the page for good: wrong page size, or memory that was never
 * registered. What the client said about its mappings is wrong, so reading ahead ends.
 */
static void slot_misfit(struct slot *slot, int error)
{
	struct lazymem *session = slot->session;
	struct page_ref at = { slot->first.pages, slot->first.index + slot->placed };
	uint64_t run, address = ranges_address(&session->ranges, at, &run);

	session_message(session, "cannot put a page of %zu bytes at 0x%" PRIx64 ": %s; what is mapped there is not what the client said",
			at.pages->size, address, strerror(-error));
	session->ahead.on = false;
	slot->state = SLOT_FREE;
	if (!slot->wanted)
		return;
	slot->placed = 0;
	slot_shrink(slot);
	slot->lost = "what is mapped there is not what the client said";
	slot->state = SLOT_FAILED;
}

/*
 * The kernel says that a huge page is there. From 6.18 on it also says so when it has none
 * left. If a fault waited, it is woken: where the page is not there it comes again. Then the
 * page is not believed to be there for ever.
 *
 * Without a fault the page stays missing: at the end it is poisoned, which changes nothing if
 * it is there.
 */
static void slot_doubt(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;
	struct pages *pages = slot->first.pages;
	uint8_t *doubts = &pages->doubts[slot->first.index];
	uint64_t run, address = ranges_address(&session->ranges, slot->first, &run);

	if (slot->wanted)
		uffd_wake(session->uffd, (void *)address, pages->size);
	if (!slot->wanted || ++*doubts < DOUBTS_MOST) {
		slot->state = SLOT_FREE;
		return;
	}
	/* If it is there after all, no fault comes, and the next try ends without one. */
	*doubts = DOUBTS_MOST;
	slot->wanted = 0;
	slot->retry_at = now + RETRY_NS;
	if (!session->told_short)
		session_message(session, "there are no free huge pages for the client (sysctl vm.nr_hugepages); trying again");
	session->told_short = true;
}

/*
 * No memory for the client. What becomes free is for faults: what was read ahead is dropped, and
 * reading ahead pauses. At the end it is left out, and what is missing is poisoned.
 */
static void slot_is_short(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;

	if (!session->told_short)
		session_message(session, "%s", slot->first.pages->size > PAGE_LEAST ?
				"there are no free huge pages for the client (sysctl vm.nr_hugepages); trying again" :
				"the client's memory is full; trying again");
	session->told_short = true;
	slot->retry_at = now + RETRY_NS;
	if (slot->wanted)
		return;
	slot->state = SLOT_FREE;
	if (session->ending == LAZYMEM_FILL)
		return;
	session->short_until = now + SHORT_NS;
	ahead_go_back(session, (struct page_ref) { slot->first.pages,
						 slot->first.index + slot->placed });
}

void slot_placed(struct slot *slot, int error, uint64_t now)
{
	struct lazymem *session = slot->session;

	slot->state = SLOT_LOADED;
	/* A job of the helper's may leave a rest without an error. */
	if (!error && slot->placed < slot->count)
		return;
	if (!error) {
		session->changing_since = 0;
		session->told_short = false;
		ahead_widen(session, slot);
		slot_go_on(slot, false);
	} else if (error == -ENODATA) {
		slot->at_once = true;
		slot->state = SLOT_ASKED;
	} else if (error == -ESRCH) {
		session->gone = true;
	} else if (error == -EAGAIN) {
		slot->retry_at = slot->wanted ? session_changing(session, now) :
						now + CHANGING_NS;
	} else if (error == -ENOMEM) {
		slot_is_short(slot, now);
	} else if (error == -EEXIST) {
		slot_doubt(slot, now);
	} else {
		slot_misfit(slot, error);
	}
}

/* A fault waits for a page that cannot be brought. Its address may be unmapped by now. */
static void slot_lose(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;
	const struct pages *pages = slot->first.pages;
	uint64_t run, address = ranges_address(&session->ranges, slot->first, &run);
	int error = 0;

	if (address)
		error = lost_page(session, address, pages->size, slot->lost);
	if (error == -EAGAIN || error == -ENOMEM) {
		slot->retry_at = now + CHANGING_NS;
		return;
	}
	if (!error && !session->killed)
		ranges_mark_done(&session->ranges, slot->first.pages, slot->first.index, 1);
	slot->wanted &= ~1UL;
	if (slot->wanted)
		slot_trim(slot);
	else
		slot_go_on(slot, true);
}

static uint64_t slot_give_up_at(const struct slot *slot)
{
	unsigned int give_up = slot->session->options->give_up;

	return give_up ? slot->began + give_up * SECOND : DUE_NEVER;
}

/*
 * Content that was left in the page cache may be gone by now (-ENODATA). Since a fault
 * waits, it is read again here, without another round of the loop.
 */
static void slot_place_wanted(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;

	slot_placed(slot, runs_place(slot), now);
	if (slot->state == SLOT_ASKED && session->connection.phase == CONNECTION_UP)
		slot_start_read(session, slot);
}

unsigned int slot_pages(const struct pages *pages, size_t bytes)
{
	if (bytes > SLOT_BYTES)
		bytes = SLOT_BYTES;
	return bytes > pages->size ? bytes / pages->size : 1;
}

bool slot_is_ready(const struct slot *slot, uint64_t now)
{
	return slot->state == SLOT_LOADED && !slot->wanted && slot->retry_at <= now;
}

/* A read that is under way wakes the loop through the source's file descriptor. */
uint64_t slot_due(const struct slot *slot)
{
	switch (slot->state) {
	case SLOT_LOADED:
	case SLOT_HELPED:
	case SLOT_FAILED:
		return slot->retry_at;
	case SLOT_ASKED:
		return slot->session->connection.phase == CONNECTION_UP ?
		       slot->retry_at : slot_give_up_at(slot);
	default:
		return DUE_NEVER;
	}
}

void slot_run(struct slot *slot, uint64_t now)
{
	struct lazymem *session = slot->session;

	if (slot->state == SLOT_ASKED && session->connection.phase != CONNECTION_UP &&
	    slot_give_up_at(slot) <= now)
		slot_give_up(slot);
	if (slot_due(slot) > now)
		return;
	if (slot->state == SLOT_ASKED && session->connection.phase == CONNECTION_UP)
		slot_start_read(session, slot);
	/* It may be loaded already, and options->latency_us still hold it back. */
	if (slot_due(slot) > now)
		return;
	if (slot->state == SLOT_LOADED && slot->wanted)
		slot_place_wanted(slot, now);
	else if (slot->state == SLOT_FAILED)
		slot_lose(slot, now);
}
