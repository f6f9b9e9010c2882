// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a session: what it leaves in the client's memory; see release.h.
 *
 * The order matters. The helper and the source stop first, so that nothing is put in place
 * any more. What is missing is poisoned while it is still registered: poison needs that,
 * and afterwards it would read as zeros. Unregistering comes last. It wakes all faults, and
 * it must be done although closing does it, too: another process may keep a copy of the
 * descriptor, and faults would wait there for an answer.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lost.h"
#include "place.h"
#include "release.h"
#include "session.h"
#include "uffd.h"

/* How often poisoning is tried while the client changes its address space, 1 ms each. */
#define CHANGES_MOST	1000

/* Let the client go on: it waits until its event is read. Faults are dropped meanwhile. */
static void release_wait_for_change(struct lazymem *session)
{
	struct pollfd fd = { .fd = session->uffd, .events = POLLIN };

	poll(&fd, 1, 1);
	messages_read(session);
}

/* Up to page @end, as far as addresses follow in a row. Returns pages done, or -errno. */
static int64_t release_poison_run(struct lazymem *session, struct page_ref at, uint64_t end)
{
	uint64_t run, address = ranges_address(&session->ranges, at, &run), n;
	int error = 0;

	if (!address)
		return 1;
	if (run > end - at.index)
		run = end - at.index;
	n = place_poison(session->uffd, address, run, at.pages->size, &error);
	return n ? (int64_t)n : error;
}

/* Where the missing pages that begin at @index end. */
static uint64_t release_missing_end(const struct pages *pages, uint64_t index)
{
	while (index < pages->count && !bits_test(pages->done, index))
		index++;
	return index;
}

/* What is missing from page @at up to page @end. Returns 0 or -errno. */
static int release_poison_pages(struct lazymem *session, struct page_ref at, uint64_t end)
{
	struct pages *pages = at.pages;
	unsigned int changes = 0;

	while ((at.index = pages_next_missing(pages, at.index)) < end) {
		uint64_t missing = release_missing_end(pages, at.index);
		int64_t ret = release_poison_run(session, at, missing < end ? missing : end);

		if (ret == -EAGAIN && ++changes < CHANGES_MOST && !session->error) {
			release_wait_for_change(session);
			continue;
		}
		if (ret < 0)
			return ret;
		while (ret--)
			ranges_mark_done(&session->ranges, pages, at.index++, 1);
	}
	return 0;
}

/* What cannot be poisoned is reported: from now on it reads as zeros. */
static void release_poison_missing(struct lazymem *session)
{
	uint64_t before = session->stats.missing;
	int error = 0;

	for (struct pages *pages = session->ranges.pages; pages && !error;
	     pages = pages->next)
		error = release_poison_pages(session, (struct page_ref) { .pages = pages },
					     pages->count);
	if (error == -ESRCH)
		session->gone = true;
	else if (error && lost_kill(session, "what it misses cannot be poisoned"))
		return;
	else if (error)
		session_message(session, "cannot poison what is missing: %s; %" PRIu64 " bytes read as zeros from now on",
				error == -EINVAL || error == -ENOTTY ?
				"the kernel is too old" : strerror(-error),
				(uint64_t)session->stats.missing);
	else if (before)
		session_message(session, "%" PRIu64 " bytes were missing and are poisoned",
				before);
}

/* This wakes all faults that wait for pages of the ranges. */
static void release_unregister(const struct ranges *ranges, int uffd)
{
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->at[i];

		uffd_unregister(uffd, (void *)range->start, range->count * range->pages->size);
	}
}

/* The pages that begin at @at, before @end. Returns bytes of the address space, or -errno. */
static int64_t release_poison_at(struct lazymem *session, uint64_t at, uint64_t end)
{
	struct page_ref page = ranges_find(&session->ranges, at);
	uint64_t count, size;
	int error;

	size = page.pages ? page.pages->size : PAGE_LEAST;
	/* Events may have moved pages meanwhile: then this is nobody's, or only a part of a page. */
	if (!page.pages || end - at < size)
		return PAGE_LEAST;
	ranges_address(&session->ranges, page, &count);
	if (count > (end - at) / size)
		count = (end - at) / size;
	error = release_poison_pages(session, page, page.index + count);
	return error ?: (int64_t)(count * size);
}

void release_part(struct lazymem *session, uint64_t start, uint64_t end)
{
	bool poison = session->options->on_lost != LAZYMEM_LOST_DROP;
	int64_t done;

	for (uint64_t at = start; poison && at < end; at += done) {
		done = release_poison_at(session, at, end);
		if (done < 0) {
			session->unsettled = true;
			return;
		}
	}
	uffd_unregister(session->uffd, (void *)start, end - start);
}

/* A child of the child comes with an event: it has the same. */
static void release_drain(const struct lazymem *session, int uffd)
{
	struct uffd_msg msg;

	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg)) {
		if (msg.event != UFFD_EVENT_FORK)
			continue;
		release_child(session, msg.arg.fork.ufd);
		close(msg.arg.fork.ufd);
	}
}

/* Returns 0 or -errno. */
static int release_child_range(const struct lazymem *session, int uffd,
			       const struct range *range)
{
	const struct pages *pages = range->pages;
	uint64_t end = range->first + range->count, at = range->first;
	unsigned int changes = 0;

	while ((at = pages_next_missing(pages, at)) < end) {
		uint64_t address = range->start + (at - range->first) * pages->size;
		uint64_t next = release_missing_end(pages, at), n;
		struct pollfd fd = { .fd = uffd, .events = POLLIN };
		int error = 0;

		n = place_poison(uffd, address, (next < end ? next : end) - at, pages->size,
				 &error);
		at += n;
		if (error == -EAGAIN && ++changes < CHANGES_MOST) {
			poll(&fd, 1, 1);
			release_drain(session, uffd);
		} else if (error) {
			return error;
		}
	}
	return 0;
}

int release_child(const struct lazymem *session, int uffd)
{
	const struct ranges *ranges = &session->ranges;
	int error = 0;

	session_unblock(uffd);
	for (size_t i = 0; !error && i < ranges->count; i++)
		if (session->options->on_lost != LAZYMEM_LOST_DROP)
			error = release_child_range(session, uffd, &ranges->at[i]);
	release_unregister(ranges, uffd);
	release_drain(session, uffd);
	return error == -ESRCH ? 0 : error;
}

/* What is not released by poison or unregistering: nobody knows the client's mappings. */
static void release_refused(struct lazymem *session)
{
	if (!lost_kill(session, "it was refused, and lazymem ends"))
		session_message(session, "the client was refused: its faults are not answered any more");
}

/* The session had to end early. A client that is not killed gets poison. */
static void release_early(struct lazymem *session)
{
	if ((session->error || session->stale) &&
	    session->options->on_lost == LAZYMEM_LOST_KILL)
		lost_kill(session, "it cannot be served any more");
}

void release_memory(struct lazymem *session)
{
	struct source *source = session->connection.source;

	session->ahead.on = false;
	slots_quiesce(session);
	source->ops->close(source);
	for (unsigned int i = 0; i < SLOTS; i++)
		session->slots.at[i].state = SLOT_FREE;
	session->faults.count = 0;
	if (!session->gone)
		release_early(session);
	/* -EINVAL: without UFFDIO_API nothing can be registered. */
	if (!session->gone && session->refused && session->error != -EINVAL)
		release_refused(session);
	if (!session->gone && session->unsettled)
		lost_kill(session, "memory that it has removed cannot be poisoned");
	if (!session->gone && session->stats.missing &&
	    session->ending != LAZYMEM_DROP && session->error != -EINVAL) {
		session->ending = LAZYMEM_NOW;
		release_poison_missing(session);
	}
	if (!session->gone) {
		/* A successor must not take it for a client that is served. */
		keep_set_end(&session->keep, session->ending ?: LAZYMEM_NOW);
		release_unregister(&session->ranges, session->uffd);
		/* A last look: the client may wait in an event. */
		session->ending = LAZYMEM_NOW;
		if (!session->error)
			messages_read(session);
	}
}
