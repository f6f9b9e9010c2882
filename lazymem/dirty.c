// SPDX-License-Identifier: GPL-2.0-only
/* Requests for dirty pages, and what the session's thread does for them; see dirty.h. */
#include <errno.h>

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
 * Begin to watch. Returns 0; -EAGAIN: go on later; -EINVAL: not registered in write-protect
 * mode; or -ENOMEM. Room for bits comes before ->on, which makes others set them.
 */
static int dirty_protect_all(struct lazymem *session)
{
	int error = 0;

	for (struct pages *pages = session->ranges.pages; pages; pages = pages->next)
		if (pages_watch(pages))
			return -ENOMEM;
	for (size_t i = 0; !error && i < session->ranges.count; i++) {
		const struct range *range = &session->ranges.at[i];

		error = uffd_write_protect(session->uffd, (void *)range->start,
					   range->count * range->pages->size, true);
	}
	session->dirty.on = !error;
	return error == -ENOENT ? -EINVAL : error;
}

/* Protect first: a write after that faults, and sets the bit that is cleared here. */
static int dirty_take_page(struct lazymem *session, struct dirty_request *request,
			   uint64_t i)
{
	struct page_ref page = { request->pages, request->first + i };
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

/* Goes on at ->at. Returns 0, -EAGAIN to go on later, or another error. */
static int dirty_take_pages(struct lazymem *session, struct dirty_request *request)
{
	int error = 0;

	for (; !error && request->at < request->count; request->at++) {
		if (bits_test(request->pages->dirty, request->first + request->at))
			error = dirty_take_page(session, request, request->at);
		if (error)
			break;
	}
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
void dirty_run(struct lazymem *session)
{
	struct dirty *dirty = &session->dirty;
	struct dirty_request *request;
	int error;

	dirty->pending = false;
	if (!dirty_is_asked(dirty))
		return;
	slots_quiesce(session);
	pthread_mutex_lock(&dirty->lock);
	request = dirty->request;
	error = request->pages ? dirty_take_pages(session, request) :
				 dirty_protect_all(session);
	if (error && error != -EAGAIN)
		request->result = error;
	if (error != -EAGAIN) {
		dirty->request = NULL;
		pthread_cond_broadcast(&dirty->done);
	}
	dirty->pending = dirty->request;
	pthread_mutex_unlock(&dirty->lock);
}

uint64_t dirty_due(const struct lazymem *session, uint64_t now)
{
	return session->dirty.pending ? now + CHANGING_NS : DUE_NEVER;
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

/* By any thread but the session's: wait for one's turn, then for the answer. */
static int64_t dirty_ask(struct lazymem *session, struct dirty_request *request)
{
	struct dirty *dirty = &session->dirty;

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
	struct dirty_request request = {};

	return dirty_ask(session, &request);
}

/* The list of mappings does not change after lazymem_new(), so any thread may walk it. */
int64_t lazymem_dirty_take(struct lazymem *session, size_t range, uint64_t first,
			   uint64_t count, unsigned long *bits)
{
	struct dirty_request request = { .first = first, .count = count, .bits = bits };

	for (request.pages = session->ranges.pages; request.pages && range; range--)
		request.pages = request.pages->next;
	if (!request.pages || !session->dirty.on || first > request.pages->count ||
	    count > request.pages->count - first)
		return -EINVAL;
	return dirty_ask(session, &request);
}
