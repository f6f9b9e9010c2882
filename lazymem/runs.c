// SPDX-License-Identifier: GPL-2.0-only
/* From a loaded slot to the client; see runs.h. */
#include <errno.h>
#include <string.h>

#include "place.h"
#include "session.h"

/*
 * Copies that are refused, one after another; each takes less than a microsecond. Together they
 * outlast the wake-up of the client's thread on another processor: with 64 of them the worst
 * fault beside a balloon waited 9 to 144 ms, with 400 of them 2 to 6 ms.
 */
#define TRIES	400

static bool runs_all_zero(const char *page, size_t size)
{
	return !page[0] && !memcmp(page, page + 1, size - 1);
}

static bool runs_is_wanted(const struct slot *slot, unsigned int i)
{
	return slot->wanted >> i & 1;
}

/* While dirty pages are watched, pages come write-protected, where the client allows it. */
static bool runs_is_protected(const struct runs *runs)
{
	const struct slot *slot = runs->slot;

	return slot->session->dirty.on && !slot->first.pages->no_protect;
}

static char *runs_content(const struct runs *runs, unsigned int i)
{
	return runs->from + i * runs->slot->first.pages->size;
}

static bool runs_is_zero(const struct runs *runs, unsigned int i)
{
	const struct slot *slot = runs->slot;
	const struct pages *pages = slot->first.pages;

	if (slot->read.hole || bits_test(pages->zero, slot->first.index + i))
		return true;
	return runs_all_zero(runs_content(runs, i), pages->size);
}

/*
 * The kind of page @i. A page that was given back while it was read gets zeros if a fault
 * waits for it. Otherwise it gets nothing: the client does not want it to take memory.
 */
static enum run_kind runs_kind(const struct runs *runs, unsigned int i)
{
	const struct slot *slot = runs->slot;
	const struct pages *pages = slot->first.pages;

	if (bits_test(pages->zero, slot->first.index + i) && !runs_is_wanted(slot, i))
		return RUN_SKIP;
	if (!runs_is_zero(runs, i))
		return RUN_DATA;
	/* UFFDIO_ZEROPAGE cannot write-protect, so zeros are copied where that is needed. */
	if (!pages->no_zeropage && !runs_is_protected(runs))
		return RUN_ZERO;
	memset(runs_content(runs, i), 0, pages->size);
	return RUN_DATA;
}

/* The next @n pages of the slot are settled. Those that were done already do not count. */
static void runs_settle(struct slot *slot, unsigned int n, enum run_kind kind)
{
	struct lazymem *session = slot->session;
	struct pages *pages = slot->first.pages;
	uint64_t first = slot->first.index + slot->placed, served = 0, prefetched = 0;

	for (unsigned int i = 0; i < n && kind != RUN_SKIP; i++) {
		if (bits_test(pages->done, first + i))
			continue;
		if (runs_is_wanted(slot, slot->placed + i))
			served += pages->size;
		else
			prefetched += pages->size;
	}
	ranges_mark_done(&session->ranges, pages, first, n);
	for (unsigned int i = 0; pages->doubts && kind != RUN_SKIP && i < n; i++)
		pages->doubts[first + i] = 0;
	session->stats.served += served;
	session->stats.prefetched += prefetched;
	if (kind == RUN_ZERO)
		session->stats.zero += served + prefetched;
	for (; n; n--)
		slot->wanted &= ~(1UL << slot->placed++);
}

/* The run that page @i of the slot begins. */
static struct run runs_begin(const struct runs *runs, unsigned int i)
{
	const struct slot *slot = runs->slot;
	struct page_ref at = { slot->first.pages, slot->first.index + i };
	uint64_t most, address = ranges_address(&slot->session->ranges, at, &most);
	struct run run = {
		.address = address,
		.from = runs_content(runs, i),
		.count = 1,
		.kind = address ? runs_kind(runs, i) : RUN_SKIP,
	};

	if (run.kind == RUN_SKIP)
		return run;
	while (run.count < most && i + run.count < slot->count &&
	       runs_kind(runs, i + run.count) == run.kind)
		run.count++;
	return run;
}

/* All that is left of the slot. */
static void runs_prepare(struct runs *runs)
{
	const struct slot *slot = runs->slot;

	for (unsigned int i = slot->placed; i < slot->count; runs->n++) {
		runs->of[runs->n] = runs_begin(runs, i);
		i += runs->of[runs->n].count;
	}
}

static void runs_place_one(struct runs *runs, struct run *run)
{
	const struct lazymem *session = runs->slot->session;
	typeof(place_copy) *copy = runs_is_protected(runs) ? place_copy_protected : place_copy;
	size_t size = runs->slot->first.pages->size;

	if (run->kind == RUN_ZERO)
		run->count = place_zero(session->uffd, run->address, run->count, size,
					&runs->error);
	else if (run->kind == RUN_DATA)
		run->count = copy(session->uffd, run->address, run->from, run->count,
				  size, &runs->error);
}

/* Behind the image's end its last page is zeros, as in a mapped file. */
static void runs_fill_page(const struct runs *runs)
{
	const struct slot *slot = runs->slot;
	size_t length = slot->read.length, all = slot->count * slot->first.pages->size;

	if (!slot->read.hole && length < all)
		memset(runs->from + length, 0, all - length);
}

/* What was given back of a huge page that is not there is zeros. */
static void runs_clear_pieces(const struct runs *runs)
{
	const struct slot *slot = runs->slot;

	for (unsigned int i = 0; !slot->read.hole && i < slot->count; i++)
		pages_clear_pieces(slot->first.pages, slot->first.index + i,
				   runs_content(runs, i));
}

/*
 * Find the content: in the slot's buffer, or, if the source left it in the page cache, in
 * @bounce after fetching it. Returns false if it is not in the page cache any more.
 */
static bool runs_fetch(struct runs *runs, struct bounce *bounce)
{
	struct source *source = runs->slot->session->connection.source;
	const struct source_read *read = &runs->slot->read;

	runs->from = read->late ? bounce->at : runs->slot->buffer;
	return !read->late || source->ops->fetch(source, read, bounce);
}

/*
 * The client is changing its address space. The event was read, so it goes on at once on
 * another processor, and the kernel takes copies until the next change begins: for
 * microseconds, in the storm of a balloon. Messages that are unread make the kernel refuse
 * copies, so none of them is missed here.
 */
static void runs_place_again(struct runs *runs, struct run *run, unsigned int count)
{
	for (unsigned int i = 0; i < runs->tries && runs->error == -EAGAIN && !run->count; i++) {
		runs->error = 0;
		run->count = count;
		runs_place_one(runs, run);
	}
}

static void runs_place_next(struct runs *runs)
{
	struct run *run = &runs->of[runs->done++];
	unsigned int count = run->count;

	runs_place_one(runs, run);
	runs_place_again(runs, run, count);
}

void runs_do(struct runs *runs, struct bounce *bounce)
{
	if (!runs_fetch(runs, bounce)) {
		runs->error = -ENODATA;
		return;
	}
	runs_fill_page(runs);
	runs_clear_pieces(runs);
	runs_prepare(runs);
	while (!runs->error && runs->done < runs->n)
		runs_place_next(runs);
}

/*
 * -EINVAL: hugetlb has no zero pages, or the memory is not registered in write-protect mode. The
 * rest of the slot is then copied without. Returns whether that is to be tried.
 */
static bool runs_give_way(const struct runs *runs)
{
	struct pages *pages = runs->slot->first.pages;

	if (runs->error != -EINVAL)
		return false;
	if (runs->of[runs->done - 1].kind == RUN_ZERO) {
		pages->no_zeropage = true;
		return true;
	}
	if (!runs_is_protected(runs))
		return false;
	pages->no_protect = true;
	return true;
}

int runs_end(const struct runs *runs)
{
	struct slot *slot = runs->slot;

	for (unsigned int i = 0; i < runs->done; i++)
		runs_settle(slot, runs->of[i].count, runs->of[i].kind);
	return runs_give_way(runs) ? 0 : runs->error;
}

int runs_place(struct slot *slot)
{
	bool again = slot->wanted && slot->session->processors > 1;
	int error = 0;

	while (!error && slot->placed < slot->count) {
		struct runs runs = { .slot = slot, .tries = again ? TRIES : 0 };

		runs_do(&runs, &slot->session->slots.bounce);
		error = runs_end(&runs);
	}
	return error;
}
