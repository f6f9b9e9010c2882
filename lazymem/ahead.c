// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading ahead. It begins with one read of a window, and doubles what is in flight with
 * each read during which no fault came. A fault takes it back to one, and no read
 * begins while a fault waits.
 */
#include "session.h"

/* Entries of a recorded order to look at before the session has to go on. */
#define LOOK	1024

int ahead_open(struct lazymem *session, char why[LAZYMEM_WHY])
{
	struct ahead *ahead = &session->ahead;

	ahead->on = session->options->read_ahead;
	ahead->depth = 1;
	ahead->pages = session->ranges.pages;
	if (!ahead->on || !session->options->replay)
		return 0;
	return order_open(&ahead->order, session->options->replay, why);
}

void ahead_restart(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	order_close(&ahead->order);
	ahead->on = true;
	ahead->list_left = 0;
	ahead->pages = session->ranges.pages;
	ahead->index = 0;
}

void ahead_again(struct lazymem *session, struct place place)
{
	struct ahead *ahead = &session->ahead;
	const struct pages *pages = place.pages;

	if (ahead->pages == pages && ahead->index <= place.index)
		return;
	while (pages && pages != ahead->pages)
		pages = pages->next;
	if (pages != ahead->pages)
		return;
	ahead->pages = place.pages;
	ahead->index = place.index;
}

bool ahead_over(const struct lazymem *session)
{
	const struct ahead *ahead = &session->ahead;

	return !ahead->on || (!ahead->pages && !ahead->order.file) ||
	       !session->stats.missing;
}

static struct place at_offset(const struct lazymem *session, uint64_t offset)
{
	struct pages *pages;

	for (pages = session->ranges.pages; pages; pages = pages->next)
		if (offset >= pages->offset &&
		    (offset - pages->offset) / pages->size < pages->count)
			return (struct place) {
				pages, (offset - pages->offset) / pages->size };
	return (struct place) {};
}

static bool is_open(struct lazymem *session, struct place place)
{
	return place.index < place.pages->count &&
	       !page_bit(place.pages->done, place.index) &&
	       !slot_covering(session, place);
}

/* Returns false if there is no next entry. */
static bool next_entry(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;
	char why[LAZYMEM_WHY];
	int ret;

	if (!ahead->order.file)
		return false;
	ret = order_next(&ahead->order, &ahead->list_at, &ahead->list_left, why);
	if (!ret)
		return true;
	if (ret < 0)
		session_message(session, "%s; the rest of it is left out", why);
	order_close(&ahead->order);
	return false;
}

/* The next page of the recorded order that is missing; none if pages is NULL. */
static struct place next_listed(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	for (unsigned int i = 0; i < LOOK; i++) {
		struct place place;
		uint64_t step;

		if (!ahead->list_left && !next_entry(session))
			break;
		place = at_offset(session, ahead->list_at);
		step = place.pages ? place.pages->size : 4096;
		if (step > ahead->list_left)
			step = ahead->list_left;
		ahead->list_at += step;
		ahead->list_left -= step;
		if (place.pages && is_open(session, place))
			return place;
	}
	return (struct place) {};
}

static struct place next_in_row(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	while (ahead->pages) {
		struct place place = { .pages = ahead->pages };

		place.index = page_missing(ahead->pages, ahead->index);
		ahead->index = place.index + 1;
		if (place.index == ahead->pages->count) {
			ahead->pages = ahead->pages->next;
			ahead->index = 0;
		} else if (is_open(session, place)) {
			return place;
		}
	}
	return (struct place) {};
}

/* As many as follow and are missing; what a recorded fault would bring, at most. */
static unsigned int run_of(struct lazymem *session, struct place place, bool listed)
{
	size_t bytes = listed || session->ahead.depth == 1 ?
		       session->options->window : SLOT_BYTES;
	uint64_t most = slot_pages(place.pages, bytes);
	uint64_t room = slot_after(session, place) - place.index;
	unsigned int n = 1;

	while (n < most && n < room && !page_bit(place.pages->done, place.index + n))
		n++;
	return n;
}

/* Returns false if there is nothing to do now. */
static bool start_next(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;
	bool listed = ahead->order.file || ahead->list_left;
	struct place place = {};

	if (listed)
		place = next_listed(session);
	if (!place.pages && (ahead->order.file || ahead->list_left)) {
		ahead->look_on = true;
		return false;
	}
	if (!place.pages) {
		listed = false;
		place = next_in_row(session);
	}
	if (!place.pages)
		return false;
	return slot_start(session, place, run_of(session, place, listed), 0);
}

static unsigned int depth(const struct lazymem *session)
{
	return session->ending == LAZYMEM_FILL ? SLOTS / 2 : session->ahead.depth;
}

bool ahead_can(const struct lazymem *session)
{
	return !ahead_over(session) && session->ending <= LAZYMEM_FILL &&
	       session->phase == SOURCE_UP && !faults_waiting(session) &&
	       slots_busy(session) < depth(session);
}

/* What is there at once lies ready while others are put in place; it need not be much. */
void ahead_run(struct lazymem *session, uint64_t now)
{
	bool more = true;

	session->ahead.look_on = false;
	while (more && ahead_can(session) && slots_ready(session, now) <= HELPER_JOBS) {
		more = start_next(session);
		slots_run(session, now);
	}
}
