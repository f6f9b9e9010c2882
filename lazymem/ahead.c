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

void ahead_again(struct lazymem *session, struct page_ref place)
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

static struct page_ref ahead_page_at(const struct lazymem *session, uint64_t offset)
{
	struct pages *pages;

	for (pages = session->ranges.pages; pages; pages = pages->next)
		if (offset >= pages->offset &&
		    (offset - pages->offset) / pages->size < pages->count)
			return (struct page_ref) {
				pages, (offset - pages->offset) / pages->size };
	return (struct page_ref) {};
}

static bool ahead_is_missing(struct lazymem *session, struct page_ref place)
{
	return place.index < place.pages->count &&
	       !bits_test(place.pages->done, place.index) &&
	       !slots_find(session, place);
}

/* Returns false if there is no next entry. */
static bool ahead_next_entry(struct lazymem *session)
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
static struct page_ref ahead_next_listed(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	for (unsigned int i = 0; i < LOOK; i++) {
		struct page_ref place;
		uint64_t step;

		if (!ahead->list_left && !ahead_next_entry(session))
			break;
		place = ahead_page_at(session, ahead->list_at);
		step = place.pages ? place.pages->size : 4096;
		if (step > ahead->list_left)
			step = ahead->list_left;
		ahead->list_at += step;
		ahead->list_left -= step;
		if (place.pages && ahead_is_missing(session, place))
			return place;
	}
	return (struct page_ref) {};
}

static struct page_ref ahead_next_in_row(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	while (ahead->pages) {
		struct page_ref place = { .pages = ahead->pages };

		place.index = pages_next_missing(ahead->pages, ahead->index);
		ahead->index = place.index + 1;
		if (place.index == ahead->pages->count) {
			ahead->pages = ahead->pages->next;
			ahead->index = 0;
		} else if (ahead_is_missing(session, place)) {
			return place;
		}
	}
	return (struct page_ref) {};
}

/* As many as follow and are missing; what a recorded fault would bring, at most. */
static unsigned int ahead_length(struct lazymem *session, struct page_ref place, bool listed)
{
	size_t bytes = listed || session->ahead.depth == 1 ?
		       session->options->window : SLOT_BYTES;
	uint64_t most = slot_pages(place.pages, bytes);
	uint64_t room = slots_next(session, place) - place.index;
	unsigned int n = 1;

	while (n < most && n < room && !bits_test(place.pages->done, place.index + n))
		n++;
	return n;
}

/* Returns false if there is nothing to do now. */
static bool ahead_start_next(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;
	bool listed = ahead->order.file || ahead->list_left;
	struct page_ref place = {};

	if (listed)
		place = ahead_next_listed(session);
	if (!place.pages && (ahead->order.file || ahead->list_left)) {
		ahead->look_on = true;
		return false;
	}
	if (!place.pages) {
		listed = false;
		place = ahead_next_in_row(session);
	}
	if (!place.pages)
		return false;
	return slots_start(session, place, ahead_length(session, place, listed), 0);
}

static unsigned int ahead_depth(const struct lazymem *session)
{
	return session->ending == LAZYMEM_FILL ? SLOTS / 2 : session->ahead.depth;
}

bool ahead_may_read(const struct lazymem *session)
{
	return !ahead_over(session) && session->ending <= LAZYMEM_FILL &&
	       session->phase == CONNECTION_UP && !faults_waiting(session) &&
	       slots_busy(session) < ahead_depth(session);
}

/* What is there at once lies ready while others are put in place; it need not be much. */
void ahead_run(struct lazymem *session, uint64_t now)
{
	bool more = true;

	session->ahead.look_on = false;
	while (more && ahead_may_read(session) && slots_ready(session, now) <= HELPER_JOBS) {
		more = ahead_start_next(session);
		slots_run(session, now);
	}
}
