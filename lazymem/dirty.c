// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages have been written to, by way of write protection.
 *
 * A page is protected when it is put in place, and again when its bit is taken; a write
 * faults, which sets the bit and lifts the protection. All of that is done by the
 * session's thread, so that no write falls between a bit and its protection: who asks
 * leaves a request and waits. A request that meets a change of the client's address space
 * goes on after that.
 */
#include <errno.h>

#include "session.h"
#include "uffd.h"

/* Returns 0, or -EAGAIN to go on later, or another error. */
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

static int dirty_take_page(struct lazymem *session, struct dirty_request *request, uint64_t i)
{
	struct page_ref place = { request->pages, request->first + i };
	uint64_t run, address = ranges_address(&session->ranges, place, &run);
	int error = 0;

	if (address)
		error = uffd_write_protect(session->uffd, (void *)address,
					   place.pages->size, true);
	/* Given back, or gone: there is nothing to protect. */
	if (error && error != -ENOENT)
		return error;
	bits_clear(place.pages->dirty, place.index);
	bits_set(request->bits, i);
	request->result++;
	return 0;
}

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

/* If so, until the session has done it. */
static bool dirty_is_asked(struct dirty *dirty)
{
	bool asked;

	pthread_mutex_lock(&dirty->lock);
	asked = dirty->request;
	pthread_mutex_unlock(&dirty->lock);
	return asked;
}

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
	error = request->pages ? dirty_take_pages(session, request) : dirty_protect_all(session);
	if (error && error != -EAGAIN)
		request->result = error;
	if (error != -EAGAIN) {
		dirty->request = NULL;
		pthread_cond_broadcast(&dirty->done);
	}
	dirty->pending = dirty->request;
	pthread_mutex_unlock(&dirty->lock);
}

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
