// SPDX-License-Identifier: GPL-2.0-only
/* Requests for dirty pages, and what the session's thread does for them; see dirty.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "session.h"
#include "uffd.h"

void dirty_init(struct dirty *dirty)
{
	pthread_mutex_init(&dirty->lock, NULL);
	pthread_cond_init(&dirty->done, NULL);
}

void dirty_destroy(struct dirty *dirty)
{
	pthread_cond_destroy(&dirty->done);
	pthread_mutex_destroy(&dirty->lock);
}

/*
 * Whether write-protect faults do not come here: the kernel itself lifts the protection, and
 * the client looks for pages without it. Nothing but /proc tells how its userfaultfd was set
 * up.
 */
static bool dirty_is_async(const struct lazymem *session)
{
	char path[64], line[128];
	/* If it cannot be told: an answer that is refused is better than an empty list. */
	unsigned int features = UFFD_FEATURE_WP_ASYNC;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", session->uffd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "API: %*x:%x:", &features) == 1)
			break;
	if (file)
		fclose(file);
	return features & UFFD_FEATURE_WP_ASYNC;
}

/*
 * Begin to watch. Returns 0; -EAGAIN: go on later; -EINVAL: not registered in write-protect
 * mode; or -ENOMEM. Room for bits comes before ->on, which makes others set them; and ->on
 * before the protection, so that no page comes unprotected behind it.
 */
static int dirty_protect_all(struct lazymem *session)
{
	bool before = session->dirty.on;
	int error = 0;

	for (struct pages *pages = session->ranges.pages; pages; pages = pages->next)
		if (pages_watch(&session->keep, pages))
			return -ENOMEM;
	session->ranges.changed = true;
	session->dirty.on = true;
	for (size_t i = 0; !error && i < session->ranges.count; i++) {
		const struct range *range = &session->ranges.at[i];

		error = uffd_write_protect(session->uffd, (void *)range->start,
					   range->count * range->pages->size, true);
	}
	if (error && error != -EAGAIN)
		session->dirty.on = before;
	return error == -ENOENT ? -EINVAL : error;
}

void dirty_begin(struct lazymem *session)
{
	int error = dirty_protect_all(session);

	session->dirty.beginning = error == -EAGAIN;
	if (!error || error == -EAGAIN)
		return;
	session->dirty.on = false;
	session_message(session, "dirty pages are not tracked: %s", error == -EINVAL ?
				"the memory is not registered in write-protect mode" :
				strerror(-error));
}

void dirty_watch_more(struct lazymem *session, struct pages *pages,
		      const struct lazymem_range *range)
{
	int error = 0;

	if (!session->dirty.on)
		return;
	error = pages_watch(&session->keep, pages) ?:
		uffd_write_protect(session->uffd, (void *)range->start, range->size, true);
	session->dirty.beginning |= error == -EAGAIN;
	if (error && error != -EAGAIN)
		session_message(session, "dirty pages of an added mapping are not tracked: %s",
				strerror(-error));
}

/* Protect first: a write after that faults, and sets the bit that is cleared here. */
static int dirty_take_page(struct lazymem *session, struct dirty_request *request,
			   struct pages *pages, uint64_t i)
{
	struct page_ref page = { pages, request->first + i };
	uint64_t run, address = ranges_address(&session->ranges, page, &run);
	int error = 0;

	if (address)
		error = uffd_write_protect(session->uffd, (void *)address,
					   page.pages->size, true);
	/* -ENOENT: given back or unmapped, so there is nothing to protect. */
	if (error && error != -ENOENT)
		return error;
	bits_clear(page.pages->dirty, page.index);
	bits_set(request->bits, i);
	request->result++;
	return 0;
}

/* The mapping that is asked for. NULL: it has no such pages, or is not watched. */
static struct pages *dirty_pages(const struct lazymem *session,
				 const struct dirty_request *request)
{
	struct pages *pages = session->ranges.pages;

	for (size_t i = 0; pages && i < request->range; i++)
		pages = pages->next;
	if (!pages || !pages->dirty || pages->no_protect || !session->dirty.on || request->first > pages->count ||
	    request->count > pages->count - request->first)
		return NULL;
	return pages;
}

/* Goes on at ->at. Returns 0, -EAGAIN to go on later, or another error. */
static int dirty_take_pages(struct lazymem *session, struct dirty_request *request)
{
	struct pages *pages = dirty_pages(session, request);
	int error = 0;

	if (!pages)
		return -EINVAL;
	for (; !error && request->at < request->count; request->at++) {
		if (bits_test(pages->dirty, request->first + request->at))
			error = dirty_take_page(session, request, pages, request->at);
		if (error)
			break;
	}
	return error;
}

/* Returns as the two above. */
static int dirty_answer(struct lazymem *session, struct dirty_request *request)
{
	int error;

	if (dirty_is_async(session))
		error = -EOPNOTSUPP;
	else
		error = request->start ? dirty_protect_all(session) :
					 dirty_take_pages(session, request);
	if (error && error != -EAGAIN)
		request->result = error;
	return error;
}

/* Only the session's thread removes a request, so a true answer stays true for it. */
static bool dirty_is_asked(struct dirty *dirty)
{
	bool asked;

	pthread_mutex_lock(&dirty->lock);
	asked = dirty->request;
	pthread_mutex_unlock(&dirty->lock);
	return asked;
}

/*
 * Quiesce, since the helper must not put a page in place unprotected while this works. That
 * may call options->message, so it comes before the lock.
 *
 * The lock is held to the end, so the request and its bits stay valid: they are on the stack
 * of a thread that waits for ->done.
 */
void dirty_run(struct lazymem *session, uint64_t now)
{
	struct dirty *dirty = &session->dirty;
	struct dirty_request *request;
	int error;

	if (dirty->beginning && now >= dirty->again_at) {
		dirty_begin(session);
		dirty->again_at = now + CHANGING_NS;
	}
	dirty->pending = false;
	if (!dirty_is_asked(dirty))
		return;
	slots_quiesce(session);
	pthread_mutex_lock(&dirty->lock);
	request = dirty->request;
	error = dirty_answer(session, request);
	if (error != -EAGAIN) {
		dirty->request = NULL;
		pthread_cond_broadcast(&dirty->done);
	}
	dirty->pending = dirty->request;
	pthread_mutex_unlock(&dirty->lock);
}

uint64_t dirty_due(const struct lazymem *session, uint64_t now)
{
	return session->dirty.pending || session->dirty.beginning ? now + CHANGING_NS :
								    DUE_NEVER;
}

/* Threads that wait for their turn see ->over. */
void dirty_end(struct lazymem *session)
{
	struct dirty *dirty = &session->dirty;

	pthread_mutex_lock(&dirty->lock);
	dirty->over = true;
	if (dirty->request)
		dirty->request->result = -ESRCH;
	dirty->request = NULL;
	pthread_cond_broadcast(&dirty->done);
	pthread_mutex_unlock(&dirty->lock);
}

/*
 * The session's own thread, in options->spoken, does it at once. Until the client's change of
 * its address space has ended, events are read, since the client waits for that. An end that
 * was asked for comes first.
 */
static int64_t dirty_ask_self(struct lazymem *session, struct dirty_request *request)
{
	struct pollfd fd = { .fd = session->uffd, .events = POLLIN };

	slots_quiesce(session);
	while (dirty_answer(session, request) == -EAGAIN) {
		if (session->error || session->end != session->ending)
			return -ESRCH;
		poll(&fd, 1, 1);
		messages_read(session);
	}
	return request->result;
}

/* By any other thread: wait for one's turn, then for the answer. */
static int64_t dirty_ask(struct lazymem *session, struct dirty_request *request)
{
	struct dirty *dirty = &session->dirty;

	if (session->spoken && pthread_equal(session->thread, pthread_self()))
		return dirty_ask_self(session, request);
	pthread_mutex_lock(&dirty->lock);
	while (dirty->request && !dirty->over)
		pthread_cond_wait(&dirty->done, &dirty->lock);
	if (dirty->over) {
		request->result = -ESRCH;
	} else {
		dirty->request = request;
		session_wake(session);
		while (dirty->request == request)
			pthread_cond_wait(&dirty->done, &dirty->lock);
	}
	pthread_mutex_unlock(&dirty->lock);
	return request->result;
}

int lazymem_dirty_start(struct lazymem *session)
{
	struct dirty_request request = { .start = true };

	return dirty_ask(session, &request);
}

int64_t lazymem_dirty_take(struct lazymem *session, size_t range, uint64_t first,
			   uint64_t count, unsigned long *bits)
{
	struct dirty_request request = {
		.range = range, .first = first, .count = count, .bits = bits,
	};

	return dirty_ask(session, &request);
}
