// SPDX-License-Identifier: GPL-2.0-only
/* What to read ahead next, and when; see ahead.h. */
#include "clock.h"
#include "session.h"

/* Entries of a recorded order to look at before the loop has its turn. */
#define LOOK	1024

/* Slots that streams and the order leave to faults. */
#define KEEP	(SLOTS / 4)

/* How far ahead of the client a stream is brought. */
#define GOAL_BYTES	(8UL << 20)

/*
 * Faults of one stream before it counts as alone, and what it then brings at once: 4 full
 * slots, or 32 of a page, as a slot takes as long as so many pages.
 */
#define ALONE		4
#define BURST_SLOT	8
#define BURST		(4 * (SLOT_PAGES + BURST_SLOT))

/*
 * After a fault on a fast source the row gets one part of so many of the time: less if faults
 * are so far apart that the client seems to want little of the memory.
 */
#define ROW_PART	2
#define ROW_PART_SPARSE	16
#define ROW_MOST	(10 * MS)

/* How often faults fall beside a block: a mean of the latest, all would be BESIDE_ALL. */
#define BESIDE_ALL	4096
#define BESIDE_LATEST	64
/* A block shrinks if fewer than this do. */
#define BESIDE_SELDOM	(BESIDE_ALL / 100)

/* A block of @pages grows if more faults than this fall beside one. */
static unsigned int block_grows(unsigned int pages)
{
	return BESIDE_ALL / 8 + pages * BESIDE_ALL / 128;
}

/* After a change the new size gets its time: the number begins in the middle. */
static void ahead_set_block(struct ahead *ahead, size_t bytes)
{
	unsigned int pages = bytes / PAGE_LEAST;

	ahead->block = bytes;
	ahead->beside = (block_grows(pages) + BESIDE_SELDOM) / 2;
}

static void ahead_begin(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	ahead->what = session->options->prefetch;
	ahead->on = ahead->what != LAZYMEM_PREFETCH_NONE;
	ahead->depth = 1;
	ahead_set_block(ahead, session->options->window);
	if (ahead->what == LAZYMEM_PREFETCH_ALL)
		ahead->pages = session->ranges.pages;
}

int ahead_open(struct lazymem *session, char why[LAZYMEM_WHY])
{
	ahead_begin(session);
	if (!session->ahead.on || !session->options->replay)
		return 0;
	return order_open(&session->ahead.order, session->options->replay, why);
}

void ahead_open_child(struct lazymem *child)
{
	ahead_begin(child);
}

void ahead_restart(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	order_close(&ahead->order);
	room_ask_anew(&session->room);
	ahead->on = true;
	ahead->what = LAZYMEM_PREFETCH_ALL;
	ahead->list_left = 0;
	ahead->listed.pages = NULL;
	ahead->nr_left_out = 0;
	ahead->again_at = ahead->row_at = 0;
	ahead->pages = session->ranges.pages;
	ahead->index = 0;
}

/* Behind: in an earlier mapping of the list, or earlier in this one. */
void ahead_go_back(struct lazymem *session, struct page_ref page)
{
	struct ahead *ahead = &session->ahead;
	const struct pages *pages = page.pages;

	if (ahead->what != LAZYMEM_PREFETCH_ALL ||
	    (ahead->pages == pages && ahead->index <= page.index))
		return;
	while (pages && pages != ahead->pages)
		pages = pages->next;
	if (pages != ahead->pages)
		return;
	ahead->pages = page.pages;
	ahead->index = page.index;
}

/* The row finds it again. What else began the slot has gone on. */
void ahead_cut(struct lazymem *session, const struct slot *slot, unsigned int count)
{
	struct ahead *ahead = &session->ahead;
	struct stretch stretch = {
		{ slot->first.pages, slot->first.index + count }, slot->count - count
	};

	if (slot->row)
		ahead_go_back(session, stretch.first);
	else if (ahead->nr_left_out < AHEAD_STRETCHES)
		ahead->left_out[ahead->nr_left_out++] = stretch;
}

/*
 * A read of the row that a fault has met on a fast source: the next one is so much later that
 * the row has its part of the time.
 */
static void ahead_space_row(struct ahead *ahead, const struct slot *slot, bool met)
{
	bool sparse = ahead->beside < BESIDE_SELDOM ||
		      ahead->block < slot->session->options->window;
	unsigned int part = sparse ? ROW_PART_SPARSE : ROW_PART;
	uint64_t now = clock_ns(), took = now - slot->began;

	if (took > ROW_MOST)
		took = ROW_MOST;
	ahead->row_at = met && ahead->fast ? now + took * (part - 1) : 0;
}

void ahead_widen(struct lazymem *session, const struct slot *slot)
{
	struct ahead *ahead = &session->ahead;
	bool met = session->stats.faults != slot->faults_before;

	ahead->burst += slot->count + BURST_SLOT;
	if (!slot->read.hole)
		ahead->fast = slot->read.late && !session->options->latency_us;
	if (!slot->row)
		return;
	if (!met && ahead->depth < SLOTS / 2)
		ahead->depth *= 2;
	ahead_space_row(ahead, slot, met);
}

static bool ahead_has_listed(const struct ahead *ahead)
{
	return ahead->order.file || ahead->list_left || ahead->listed.pages;
}

bool ahead_is_over(const struct lazymem *session)
{
	const struct ahead *ahead = &session->ahead;

	return !ahead->on || !session->stats.missing ||
	       (!ahead->pages && !ahead_has_listed(ahead) && !ahead->nr_left_out);
}

/*
 * Whether something may be brought unasked. At the end the user has asked for all: the rate
 * is no limit then, but where the client's memory is one, filling is over.
 */
static bool ahead_is_allowed(struct lazymem *session, uint64_t now)
{
	struct ahead *ahead = &session->ahead;
	struct lazymem_rate *rate = session->options->rate;

	if (now < session->short_until) {
		ahead->again_at = session->short_until;
		return false;
	}
	if (!room_allows(session, now)) {
		ahead->again_at = session->room.ask_at;
		if (session->ending == LAZYMEM_FILL && ahead->on) {
			session_message(session, "what is missing does not fit into the client's memory cgroup, and is not brought");
			ahead->on = false;
		}
		return false;
	}
	if (session->ending == LAZYMEM_FILL || rate_allows(rate, now))
		return true;
	ahead->again_at = rate_due(rate);
	return false;
}

/* @pages were begun unasked. */
static void ahead_take(struct lazymem *session, const struct pages *pages, uint64_t count)
{
	room_take(session, count * pages->size);
	rate_take(session->options->rate, count * pages->size, clock_ns());
}

static void ahead_fit_block(struct ahead *ahead, size_t least, size_t most)
{
	unsigned int pages = ahead->block / PAGE_LEAST;

	if (ahead->beside > block_grows(pages) && ahead->block * 2 <= most)
		ahead_set_block(ahead, ahead->block * 2);
	else if (ahead->beside < BESIDE_SELDOM && ahead->block / 2 >= least)
		ahead_set_block(ahead, ahead->block / 2);
}

/* A fault without a stream: has the block's other half, if it were twice as large, come? */
static void ahead_note_random(struct lazymem *session, struct page_ref page)
{
	struct ahead *ahead = &session->ahead;
	unsigned int pages = slot_pages(page.pages, ahead->block);
	uint64_t other = page.index ^ pages;
	bool beside = other < page.pages->count && bits_test(page.pages->done, other);

	ahead->beside -= ahead->beside / BESIDE_LATEST;
	ahead->beside += beside ? BESIDE_ALL / BESIDE_LATEST : 0;
	if (ahead->what == LAZYMEM_PREFETCH_ALL)
		ahead_fit_block(ahead, ahead->fast ? PAGE_LEAST : session->options->window,
				SLOT_BYTES);
	else if (ahead->fast)
		ahead_fit_block(ahead, PAGE_LEAST, session->options->window);
}

static bool ahead_has_streams(const struct lazymem *session)
{
	return session->ahead.what >= LAZYMEM_PREFETCH_STREAMS;
}

void ahead_note_fault(struct lazymem *session, struct page_ref page)
{
	struct ahead *ahead = &session->ahead;
	unsigned int window = slot_pages(page.pages, ahead->block);

	ahead->depth = 1;
	ahead->burst = 0;
	if (!ahead_has_streams(session))
		return;
	streams_note(&ahead->streams, page, window);
	if (!stream_is_sure(ahead->streams.latest))
		ahead_note_random(session, page);
}

/* A fault of a stream on a fast source; a slow one is to bring the rest by other reads. */
static struct span ahead_span_of_stream(const struct lazymem *session,
					const struct stream *stream, struct page_ref page)
{
	uint64_t width = slot_pages(page.pages, session->ahead.block), i = page.index;
	uint64_t most = slot_pages(page.pages, SLOT_BYTES);

	if (session->ahead.fast && stream_length(stream) > width)
		width = stream_length(stream) < most ? stream_length(stream) : most;
	if (stream->step == 1)
		return (struct span) { i, i + width };
	if (stream->step == -1)
		return (struct span) { i < width ? 0 : i + 1 - width, i + 1 };
	return (struct span) { i, i + 1 };
}

struct span ahead_span(struct lazymem *session, struct page_ref page)
{
	struct ahead *ahead = &session->ahead;
	unsigned int pages = slot_pages(page.pages, ahead->block);
	uint64_t low = page.index - page.index % pages;
	struct span span = { low, low + pages };
	const struct stream *stream = ahead_has_streams(session) ?
				      streams_find(&ahead->streams, page) : NULL;

	if (stream && stream_is_sure(stream))
		span = ahead_span_of_stream(session, stream, page);
	if (span.high - span.low > 1 && !ahead_is_allowed(session, clock_ns()))
		span = (struct span) { page.index, page.index + 1 };
	return span;
}

void ahead_note_answer(struct lazymem *session, struct page_ref page,
		       const struct slot *slot)
{
	if (ahead_has_streams(session))
		streams_brought(&session->ahead.streams, page, (struct span) {
			slot->first.index, slot->first.index + slot->count });
	if (slot->count > 1 && !slot->ahead)
		ahead_take(session, page.pages, slot->count - 1);
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

/* @stretch as far as its pages are missing, from the first on. */
static struct stretch ahead_missing_part(struct lazymem *session, struct stretch stretch)
{
	struct page_ref at = stretch.first;
	uint64_t room;
	unsigned int n = 0;

	if (!slots_is_missing(session, at))
		return (struct stretch) { at, 0 };
	room = slots_next_start(session, at) - at.index;
	while (n < stretch.count && n < room && !bits_test(at.pages->done, at.index + n))
		n++;
	return (struct stretch) { stretch.first, n };
}

/* Pages of a stream that one slot brings: the more, the further it is to be brought ahead. */
static unsigned int ahead_chunk(const struct lazymem *session, const struct stream *stream,
				uint64_t left)
{
	unsigned int window = slot_pages(stream->pages, session->ahead.block);
	unsigned int most = slot_pages(stream->pages, SLOT_BYTES);
	uint64_t chunk = (2 * stream_length(stream) + window) / 4;

	chunk = chunk < window ? window : chunk > most ? most : chunk;
	/* Rather wait for the next fault than bring crumbs. */
	return left < chunk ? 0 : chunk;
}

static struct stretch ahead_next_upwards(struct lazymem *session, struct stream *stream,
				       int64_t goal)
{
	struct pages *pages = stream->pages;
	uint64_t end = goal < (int64_t)pages->count ? (uint64_t)goal : pages->count;
	struct stretch stretch = { { pages, stream->next }, 0 };
	unsigned int n;

	while (stretch.first.index < end && !slots_is_missing(session, stretch.first))
		stretch.first.index = pages_next_missing(pages, stretch.first.index + 1);
	stream->next = stretch.first.index;
	if (stretch.first.index >= end)
		return stretch;
	n = ahead_chunk(session, stream, goal - stretch.first.index);
	stretch.count = n < end - stretch.first.index ? n : end - stretch.first.index;
	return ahead_missing_part(session, stretch);
}

/* The stretch ends below ->next. */
static struct stretch ahead_next_downwards(struct lazymem *session, struct stream *stream,
					 int64_t goal)
{
	struct page_ref at = { stream->pages, stream->next };
	struct stretch stretch = { at, 0 };
	unsigned int most;

	if (goal < -1)
		goal = -1;
	while (stream->next > goal && !slots_is_missing(session, at))
		at.index = --stream->next;
	if (stream->next <= goal)
		return stretch;
	most = ahead_chunk(session, stream, stream->next - goal);
	if (goal == -1 && !most)
		most = stream->next + 1;
	for (at.index = stream->next; stretch.count < most && (int64_t)at.index > goal &&
	     slots_is_missing(session, at); at.index--) {
		stretch.first = at;
		stretch.count++;
	}
	return stretch;
}

static struct stretch ahead_next_step(struct lazymem *session, struct stream *stream,
				    int64_t goal)
{
	int64_t count = stream->pages->count;

	while (stream->next >= 0 && stream->next < count &&
	       (goal - stream->next) * stream->step >= 0) {
		struct stretch stretch = { { stream->pages, stream->next }, 1 };

		if (slots_is_missing(session, stretch.first))
			return stretch;
		stream->next += stream->step;
	}
	return (struct stretch) {};
}

/* The next stretch of a stream. Its @count is 0 if the stream has enough. */
static struct stretch ahead_next_of_stream(struct lazymem *session, struct stream *stream)
{
	int64_t goal;

	if (!stream_is_sure(stream))
		return (struct stretch) {};
	goal = stream_goal(stream, slot_pages(stream->pages, session->ahead.block),
			   2 + GOAL_BYTES / stream->pages->size);
	if (stream->step == 1)
		return ahead_next_upwards(session, stream, goal);
	if (stream->step == -1)
		return ahead_next_downwards(session, stream, goal);
	return ahead_next_step(session, stream, goal);
}

static void stream_passed(struct stream *stream, struct stretch stretch)
{
	if (stream->step == 1)
		stream->next = stretch.first.index + stretch.count;
	else if (stream->step == -1)
		stream->next = (int64_t)stretch.first.index - 1;
	else
		stream->next += stream->step;
}

/* The streams take turns. */
static struct stretch ahead_next_streamed(struct lazymem *session)
{
	struct streams *streams = &session->ahead.streams;

	for (unsigned int i = 0; i < STREAMS && ahead_has_streams(session); i++) {
		struct stream *stream = &streams->at[streams->turn++ % STREAMS];
		struct stretch stretch = ahead_next_of_stream(session, stream);

		if (!stretch.count)
			continue;
		stream_passed(stream, stretch);
		return stretch;
	}
	return (struct stretch) {};
}

static struct stretch ahead_next_left_out(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;

	while (ahead->nr_left_out) {
		struct stretch stretch = ahead->left_out[--ahead->nr_left_out];

		stretch = ahead_missing_part(session, stretch);
		if (stretch.count)
			return stretch;
	}
	return (struct stretch) {};
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
	struct page_ref page = ahead->listed;

	ahead->listed.pages = NULL;
	if (page.pages && slots_is_missing(session, page))
		return page;
	for (unsigned int i = 0; i < LOOK; i++) {
		uint64_t step;

		if (!ahead->list_left && !ahead_next_entry(session))
			break;
		page = ahead_page_at(session, ahead->list_at);
		step = page.pages ? page.pages->size : PAGE_LEAST;
		if (step > ahead->list_left)
			step = ahead->list_left;
		ahead->list_at += step;
		ahead->list_left -= step;
		if (page.pages && slots_is_missing(session, page))
			return page;
	}
	return (struct page_ref) {};
}

/* The missing pages of the window around @page, without a gap. */
static struct span ahead_window(struct lazymem *session, struct page_ref page)
{
	unsigned int most = slot_pages(page.pages, session->options->window);
	uint64_t least = page.index - page.index % most;

	return slots_missing_around(session, page, (struct span) { least, least + most });
}

/*
 * The next entries of the order as one stretch: entries in the same window, and windows that
 * follow one another in either direction.
 */
static struct stretch ahead_next_of_order(struct lazymem *session)
{
	struct ahead *ahead = &session->ahead;
	struct page_ref page = ahead_next_listed(session);
	struct span all, span;
	unsigned int most;

	if (!page.pages)
		return (struct stretch) {};
	most = slot_pages(page.pages, SLOT_BYTES);
	all = ahead_window(session, page);
	for (;;) {
		struct page_ref next = ahead_next_listed(session);

		if (next.pages == page.pages && next.index >= all.low && next.index < all.high)
			continue;
		ahead->listed = next;
		if (next.pages != page.pages)
			break;
		span = ahead_window(session, next);
		if (span.low == all.high && span.high - all.low <= most)
			all.high = span.high;
		else if (span.high == all.low && all.high - span.low <= most)
			all.low = span.low;
		else
			break;
		ahead->listed.pages = NULL;
	}
	return (struct stretch) { { page.pages, all.low }, all.high - all.low };
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
		} else if (slots_is_missing(session, page)) {
			return page;
		}
	}
	return (struct page_ref) {};
}

/* The first read is no larger than a window: a fault may come, and would wait for it. */
static struct stretch ahead_next_of_row(struct lazymem *session)
{
	struct page_ref page = ahead_next_in_row(session);
	size_t bytes = session->ahead.depth == 1 && !session->ahead.fast ?
		       session->options->window : SLOT_BYTES;

	if (!page.pages)
		return (struct stretch) {};
	return ahead_missing_part(session,
				  (struct stretch) { page, slot_pages(page.pages, bytes) });
}

/* At the end no more faults are expected to widen it by their absence. */
static unsigned int ahead_depth(const struct lazymem *session)
{
	return session->ending == LAZYMEM_FILL ? SLOTS / 2 : session->ahead.depth;
}

static bool ahead_row_may_begin(const struct lazymem *session, uint64_t now)
{
	const struct ahead *ahead = &session->ahead;

	return ahead->pages && !ahead_has_listed(ahead) && !faults_waiting(session) &&
	       slots_busy(session) < ahead_depth(session) &&
	       (ahead->row_at <= now || session->ending == LAZYMEM_FILL);
}

static bool ahead_start(struct lazymem *session, struct stretch stretch, bool row)
{
	struct slot *slot = stretch.count ?
			    slots_start(session, stretch.first, stretch.count, 0) : NULL;

	if (!slot)
		return false;
	slot->row = row;
	ahead_take(session, stretch.first.pages, stretch.count);
	return true;
}

/* Returns false if there is nothing to begin now, or no slot for it. */
static bool ahead_start_next(struct lazymem *session, uint64_t now)
{
	struct ahead *ahead = &session->ahead;
	struct stretch stretch = ahead_next_streamed(session);

	if (!stretch.count)
		stretch = ahead_next_left_out(session);
	if (!stretch.count && ahead_has_listed(ahead)) {
		stretch = ahead_next_of_order(session);
		ahead->look_on = !stretch.count && ahead_has_listed(ahead);
	}
	if (stretch.count)
		return ahead_start(session, stretch, false);
	return ahead_row_may_begin(session, now) &&
	       ahead_start(session, ahead_next_of_row(session), true);
}

static bool ahead_may_read(const struct lazymem *session)
{
	return session->ahead.on && session->stats.missing &&
	       session->ending <= LAZYMEM_FILL &&
	       session->connection.phase == CONNECTION_UP &&
	       slots_busy(session) < SLOTS - KEEP;
}

/*
 * Content that is in the page cache is loaded at once. It need not be more than what keeps
 * both threads busy: the session's, and the helper with its jobs.
 */
void ahead_run(struct lazymem *session, uint64_t now)
{
	struct ahead *ahead = &session->ahead;

	ahead->look_on = false;
	ahead->more = true;
	ahead->again_at = 0;
	while (ahead->more && ahead_may_read(session) &&
	       slots_ready(session, now) <= HELPER_JOBS && ahead_is_allowed(session, now)) {
		ahead->more = ahead_start_next(session, now);
		slots_run(session, now);
	}
}

/* All faults are of one stream. */
static bool ahead_is_alone(const struct ahead *ahead)
{
	return ahead->streams.alone >= ALONE && stream_is_sure(ahead->streams.latest);
}

/* Small slots go together as far as a full one would take; and more where only a stream waits. */
bool ahead_goes_on(struct lazymem *session, uint64_t now)
{
	struct ahead *ahead = &session->ahead;
	unsigned int most = ahead_is_alone(ahead) ? BURST : SLOT_PAGES + BURST_SLOT;

	if (!ahead->fast || session->gone || session->error || ahead->burst >= most)
		return false;
	return slots_ready(session, now) ||
	       (ahead->more && ahead->again_at <= now && ahead_may_read(session));
}

static bool ahead_has_more(const struct lazymem *session, uint64_t now)
{
	const struct ahead *ahead = &session->ahead;

	return ahead->look_on || ahead->more || ahead_row_may_begin(session, now);
}

/* What is loaded at once leaves its slot free, and no file descriptor says so. */
uint64_t ahead_due(const struct lazymem *session, uint64_t now)
{
	const struct ahead *ahead = &session->ahead;

	if (!ahead_may_read(session))
		return DUE_NEVER;
	if (ahead->again_at > now)
		return ahead->again_at;
	if (ahead_has_more(session, now))
		return now;
	return ahead->pages && ahead->row_at > now ? ahead->row_at : DUE_NEVER;
}
