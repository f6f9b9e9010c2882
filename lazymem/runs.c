// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs: pages of a slot that follow one another and are alike, put in place by one call.
 *
 * Of two slots one can be left to the session's helper. Whether that is worth it depends
 * on the machine: one whose processors share a core, or are slow to wake, is faster alone.
 * So both are tried.
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "place.h"
#include "session.h"

/* Less is in place before a helper is awake. */
#define WORTH	(64UL << 10)

static bool all_zero(const char *page, size_t size)
{
	return !page[0] && !memcmp(page, page + 1, size - 1);
}

static bool wanted(const struct slot *slot, unsigned int i)
{
	return slot->wanted >> i & 1;
}

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

/* What page @i of the slot begins. */
static struct run run_at(struct slot *slot, unsigned int i)
{
	struct lazymem *session = slot->session;
	struct pages *pages = slot->first.pages;
	struct place at = { pages, slot->first.index + i };
	uint64_t most, address = ranges_address(&session->ranges, at, &most);
	struct run run = {
		.address = address,
		.from = slot->buffer + i * pages->size,
		.count = 1,
		.content = address ? content_of(slot, i) : CONTENT_NOBODYS,
	};

	if (run.content == CONTENT_NOBODYS)
		return run;
	while (run.count < most && i + run.count < slot->count &&
	       content_of(slot, i + run.count) == run.content)
		run.count++;
	return run;
}

/* All that is left of the slot. */
static void prepare(struct runs *runs)
{
	struct slot *slot = runs->slot;

	for (unsigned int i = slot->placed; i < slot->count; runs->n++) {
		struct run *run = &runs->of[runs->n];

		*run = run_at(slot, i);
		i += run->count;
		if (run->content == CONTENT_DATA)
			runs->data += run->count * slot->first.pages->size;
	}
}

static void place(struct runs *runs, struct run *run)
{
	const struct lazymem *session = runs->slot->session;
	typeof(place_copy) *put = session->dirty.on ? place_protected : place_copy;
	size_t size = runs->slot->first.pages->size;

	if (run->content == CONTENT_ZERO)
		run->count = place_zero(session->uffd, run->address, run->count, size,
					&runs->error);
	else if (run->content == CONTENT_DATA)
		run->count = put(session->uffd, run->address, run->from, run->count,
				 size, &runs->error);
}

static bool fetch(struct slot *slot)
{
	struct source *source = slot->session->source;

	return !slot->read.late || source->ops->fetch(source, &slot->read);
}

void runs_do(struct runs *runs)
{
	if (!fetch(runs->slot)) {
		runs->error = -ENODATA;
		return;
	}
	prepare(runs);
	while (!runs->error && runs->done < runs->n)
		place(runs, &runs->of[runs->done++]);
}

/* Returns 0, place.h's error, or -ENODATA: it is to be read again. */
static int end(const struct runs *runs)
{
	struct slot *slot = runs->slot;
	struct source *source = slot->session->source;

	if (slot->read.late)
		source->ops->fetched(source, &slot->read);
	slot->read.late = false;
	for (unsigned int i = 0; i < runs->done; i++)
		settle(slot, runs->of[i].count, runs->of[i].content);
	if (runs->error == -EINVAL && runs->of[runs->done - 1].content == CONTENT_ZERO) {
		slot->first.pages->no_zeropage = true;
		return 0;
	}
	return runs->error;
}

int runs_place(struct slot *slot)
{
	int error = 0;

	while (!error && slot->placed < slot->count) {
		struct runs runs = { .slot = slot };

		runs_do(&runs);
		error = end(&runs);
	}
	return error;
}

static void note(struct helper *helper, bool helped, const struct runs *runs,
		 unsigned int n, uint64_t begun)
{
	size_t data = 0;

	while (n--)
		data += runs[n].error ? 0 : runs[n].data;
	if (data >= WORTH)
		tried_note(&helper->tried, helped, data, clock_ns() - begun);
}

/* And what is left of it, if anything is. */
static int end_all(const struct runs *runs)
{
	return end(runs) ?: runs_place(runs->slot);
}

int runs_place_ahead(struct slot *slot)
{
	struct runs runs = { .slot = slot };
	uint64_t begun = clock_ns();

	runs_do(&runs);
	note(&slot->session->helper, false, &runs, 1, begun);
	return end_all(&runs);
}

static bool is_worth_help(const struct slot *slot)
{
	return (slot->count - slot->placed) * slot->first.pages->size >= WORTH;
}

void runs_place_two(struct slot *const slots[2], int errors[2])
{
	struct lazymem *session = slots[0]->session;
	struct helper *helper = &session->helper;
	struct runs runs[2] = { { .slot = slots[0] }, { .slot = slots[1] } };
	uint64_t begun = clock_ns();
	bool helped;

	slots[1]->read.file = session->helper_file;
	helped = is_worth_help(slots[0]) && is_worth_help(slots[1]) &&
		 helper_begin(helper, &runs[1]);
	runs_do(&runs[0]);
	if (helped)
		helper_wait(helper);
	else
		runs_do(&runs[1]);
	if (helped)
		note(helper, true, runs, 2, begun);
	for (int i = 0; i < 2; i++)
		errors[i] = end_all(&runs[i]);
}
