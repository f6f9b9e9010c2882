// SPDX-License-Identifier: GPL-2.0-only
/* Faults that follow one another; see streams.h. */
#include <stdlib.h>

#include "streams.h"

/* So many faults at the same distance, after the first one, make a stream. */
#define SURE		2
/* Pages between faults of a strided stream. */
#define STEP_MOST	2048
/* A stream that saw no fault among so many is forgotten like any entry. */
#define FORGET		1024
/* Faults of one stream may come in another order if several threads share it. */
#define BEHIND		64
/* Steps that a strided stream is brought ahead. */
#define STEPS_MOST	64

bool stream_is_sure(const struct stream *stream)
{
	return stream->pages && stream->run >= SURE;
}

static bool stream_is_strided(const struct stream *stream)
{
	return llabs(stream->step) > 1;
}

uint64_t stream_length(const struct stream *stream)
{
	return llabs((int64_t)(stream->last - stream->begin));
}

int64_t stream_goal(const struct stream *stream, uint64_t window, uint64_t most)
{
	uint64_t ahead = 2 * stream_length(stream) + window;

	if (stream_is_strided(stream)) {
		ahead = 2 * stream->run;
		most = STEPS_MOST;
	}
	if (ahead > most)
		ahead = most;
	return (int64_t)stream->last + (int64_t)ahead * stream->step;
}

/* How many steps @index is behind the last fault. -1: it is no page of the stream. */
static int64_t stream_steps(const struct stream *stream, uint64_t index)
{
	int64_t distance = index - stream->last;

	return distance % stream->step ? -1 : distance / stream->step;
}

/* A sure stream goes on with any page up to what was brought ahead, and a little behind. */
static bool stream_goes_on(const struct stream *stream, uint64_t index, uint64_t window)
{
	int64_t steps = stream_steps(stream, index);
	int64_t brought = (stream->next - (int64_t)stream->last) / stream->step;

	if (brought < 1)
		brought = 1;
	if (stream_is_strided(stream))
		return steps >= 0 && steps <= brought;
	return steps >= -BEHIND && steps < brought + (int64_t)window;
}

static void stream_take(struct stream *stream, uint64_t index)
{
	stream->run++;
	if ((int64_t)(index - stream->last) * stream->step > 0)
		stream->last = index;
	stream->brought = (struct span) { index, index + 1 };
	if ((stream->next - (int64_t)stream->last) * stream->step <= 0)
		stream->next = stream->last + stream->step;
}

/* Where the latest fault's pages end, or before they begin: each page from now on. */
static bool stream_begins_dense(struct stream *stream, uint64_t index)
{
	const struct span *brought = &stream->brought;
	uint64_t width = brought->high - brought->low;
	int64_t step = index >= brought->high && index - brought->high < width ? 1 :
		       index < brought->low && brought->low - index <= width ? -1 : 0;

	if (!step)
		return false;
	stream->step = step;
	stream->run = SURE - 1;
	stream->begin = stream->last;
	stream->next = step > 0 ? (int64_t)brought->high : (int64_t)brought->low - 1;
	return true;
}

static bool stream_fits(struct stream *stream, uint64_t index, uint64_t window)
{
	if (stream_is_sure(stream))
		return stream_goes_on(stream, index, window);
	if (stream_begins_dense(stream, index))
		return true;
	return stream->step && index == stream->last + stream->step;
}

/* The fault that this one may have followed at a distance: the nearest. NULL: none is near. */
static struct stream *streams_nearest(struct streams *streams, struct page_ref page)
{
	uint64_t least = STEP_MOST + 1;
	struct stream *nearest = NULL;

	for (struct stream *stream = streams->at; stream < streams->at + STREAMS; stream++) {
		uint64_t distance = llabs((int64_t)(page.index - stream->last));

		if (stream->pages != page.pages || stream_is_sure(stream) ||
		    distance >= least || !distance)
			continue;
		least = distance;
		nearest = stream;
	}
	return nearest;
}

/* The entry that is worth least. */
static struct stream *streams_oldest(struct streams *streams)
{
	struct stream *oldest = streams->at;
	uint64_t least = UINT64_MAX;

	for (struct stream *stream = streams->at; stream < streams->at + STREAMS; stream++) {
		uint64_t used_at = !stream->pages ? 0 : stream->used_at +
				   (stream_is_sure(stream) ? FORGET : 0);

		if (used_at >= least)
			continue;
		least = used_at;
		oldest = stream;
	}
	return oldest;
}

static struct stream *streams_fitting(struct streams *streams, struct page_ref page,
				      uint64_t window)
{
	for (struct stream *stream = streams->at; stream < streams->at + STREAMS; stream++)
		if (stream->pages == page.pages && stream_fits(stream, page.index, window))
			return stream;
	return NULL;
}

/* The entry that is near stays: its own next fault may go on where it ended. */
static struct stream *streams_begin(struct streams *streams, struct page_ref page)
{
	const struct stream *near = streams_nearest(streams, page);
	int64_t step = near ? page.index - near->last : 0;
	struct stream *stream = streams_oldest(streams);

	*stream = (struct stream) {
		.pages = page.pages,
		.begin = page.index,
		.last = page.index,
		.brought = { page.index, page.index + 1 },
		.step = step,
		.run = step != 0,
		.next = page.index + step,
	};
	return stream;
}

void streams_note(struct streams *streams, struct page_ref page, uint64_t window)
{
	struct stream *stream = streams_fitting(streams, page, window);

	if (stream)
		stream_take(stream, page.index);
	else
		stream = streams_begin(streams, page);
	stream->used_at = ++streams->faults;
	streams->alone = stream == streams->latest ? streams->alone + 1 : 0;
	streams->latest = stream;
}

static bool stream_brought(const struct stream *stream, struct page_ref page)
{
	return stream->pages == page.pages && stream->brought.low <= page.index &&
	       page.index < stream->brought.high;
}

struct stream *streams_find(struct streams *streams, struct page_ref page)
{
	if (streams->latest && stream_brought(streams->latest, page))
		return streams->latest;
	for (struct stream *stream = streams->at; stream < streams->at + STREAMS; stream++)
		if (stream_brought(stream, page))
			return stream;
	return NULL;
}

void streams_brought(struct streams *streams, struct page_ref page, struct span span)
{
	struct stream *stream = streams_find(streams, page);

	if (!stream)
		return;
	stream->brought = span;
	if (stream->step == 1 && stream->next < (int64_t)span.high)
		stream->next = span.high;
	if (stream->step == -1 && stream->next >= (int64_t)span.low)
		stream->next = (int64_t)span.low - 1;
}
