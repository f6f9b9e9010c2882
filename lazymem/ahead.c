// SPDX-License-Identifier: GPL-2.0-only
/* What to read ahead next, and when; see ahead.h. */
#include "session.h"

/* Entries of a recorded order to look at before the loop has its turn. */
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

void ahead_open_child(struct lazymem *child)
{
	child->ahead.on = child->options->read_ahead;
	child->ahead.depth = 1;
	child->ahead.pages = child->ranges.pages;
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

/* Behind: in an earlier mapping of the list, or earlier in this one. */
void ahead_go_back(struct lazymem *session, struct page_ref page)
{
	struct ahead *ahead = &session->ahead;
	const struct pages *pages = page.pages;

	if (ahead->pages == pages && ahead->index <= page.index)
		return;
	while (pages && pages != ahead->pages)
		pages = pages->next;
	if (pages != ahead->pages)
		return;
	ahead->pages = page.pages;
	ahead->index = page.index;
}

void ahead_widen(struct lazymem *session, const struct slot *slot)
{
	struct ahead *ahead = &session->ahead;

	if (slot->ahead && session->stats.faults == slot->faults_before &&
	    ahead->depth < SLOTS / 2)
		ahead->depth *= 2;
}

bool ahead_is_over(const struct lazymem *session)
{
	const struct ahead *ahead = &session->ahead;

	return !ahead->on || (!ahead->pages && !ahead->order.file) ||
	       !session->stats.missing;
}

/* The page that has the image's @offset. Its @pages is NULL if nothing maps that. */
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

/* Neither done nor on its way. */
static bool ahead_is_missing(struct lazymem *session, struct page_ref page)
{
	return page.index < page.pages->count &&
	       !bits_test(page.pages->done, page.index) &&
	       !slots_find(session, page);
}

/* An order that cannot be read is left out from there on. Returns false at its end. */
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

/*
 * The next page of the recorded order that is missing. Its @pages is NULL at the order's end,
 * and after LOOK pages that are not missing: then there may be more.
 */
static struct page_ref ahead_next_listed(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	for (unsigned int i = 0; i < LOOK; i++) {
		struct page_ref page;
		uint64_t step;

		if (!ahead->list_left && !ahead_next_entry(session))
			break;
		page = ahead_page_at(session, ahead->list_at);
		step = page.pages ? page.pages->size : 4096;
		if (step > ahead->list_left)
			step = ahead->list_left;
		ahead->list_at += step;
		ahead->list_left -= step;
		if (page.pages && ahead_is_missing(session, page))
			return page;
	}
	return (struct page_ref) {};
}

/* The next missing page of all mappings. Its @pages is NULL after the last. */
static struct page_ref ahead_next_in_row(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	while (ahead->pages) {
		struct page_ref page = { .pages = ahead->pages };

		page.index = pages_next_missing(ahead->pages, ahead->index);
		ahead->index = page.index + 1;
		if (page.index == ahead->pages->count) {
			ahead->pages = ahead->pages->next;
			ahead->index = 0;
		} else if (ahead_is_missing(session, page)) {
			return page;
		}
	}
	return (struct page_ref) {};
}

/*
 * How many missing pages to read from @page on. The first read, and what the order names,
 * are no larger than what a fault brings: a fault may come, and would wait for them.
 */
static unsigned int ahead_length(struct lazymem *session, struct page_ref page,
				 bool listed)
{
	size_t bytes = listed || session->ahead.depth == 1 ?
		       session->options->window : SLOT_BYTES;
	uint64_t most = slot_pages(page.pages, bytes);
	uint64_t room = slots_next_start(session, page) - page.index;
	unsigned int n = 1;

	while (n < most && n < room && !bits_test(page.pages->done, page.index + n))
		n++;
	return n;
}

/* Returns false if there is nothing to begin now, or no slot for it. */
static bool ahead_start_next(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;
	bool listed = ahead->order.file || ahead->list_left;
	struct page_ref page = {};

	if (listed)
		page = ahead_next_listed(session);
	if (!page.pages && (ahead->order.file || ahead->list_left)) {
		ahead->look_on = true;
		return false;
	}
	if (!page.pages) {
		listed = false;
		page = ahead_next_in_row(session);
	}
	if (!page.pages)
		return false;
	return slots_start(session, page, ahead_length(session, page, listed), 0);
}

/* At the end no more faults are expected to widen it by their absence. */
static unsigned int ahead_depth(const struct lazymem *session)
{
	return session->ending == LAZYMEM_FILL ? SLOTS / 2 : session->ahead.depth;
}

static bool ahead_may_read(const struct lazymem *session)
{
	return !ahead_is_over(session) && session->ending <= LAZYMEM_FILL &&
	       session->connection.phase == CONNECTION_UP && !faults_waiting(session) &&
	       slots_busy(session) < ahead_depth(session);
}

/*
 * Content that is in the page cache is loaded at once. It need not be more than what keeps
 * both threads busy: the session's, and the helper with its jobs.
 */
void ahead_run(struct lazymem *session, uint64_t now)
{
	bool more = now >= session->short_until;

	session->ahead.look_on = false;
	while (more && ahead_may_read(session) &&
	       slots_ready(session, now) <= HELPER_JOBS) {
		more = ahead_start_next(session);
		slots_run(session, now);
	}
}

/* What is loaded at once leaves its slot free, and no file descriptor says so. */
uint64_t ahead_due(const struct lazymem *session, uint64_t now)
{
	if (now < session->short_until)
		return session->short_until;
	return session->ahead.look_on || ahead_may_read(session) ? now : DUE_NEVER;
}
