// SPDX-License-Identifier: GPL-2.0-only
/* What a client gets that waits for what cannot be brought; see lost.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "place.h"
#include "session.h"
#include "uffd.h"

/* The sizes of pages that a mapping may have. */
static const size_t lost_sizes[] = { PAGE_LEAST, PAGE_MOST };

/* ->kill() tells the user. Until the process has ended, its faults need no answer. */
bool lost_kill(struct lazymem *session, const char *why)
{
	const struct lazymem_options *options = session->options;
	int error;

	if (session->killed)
		return true;
	if (options->on_lost == LAZYMEM_LOST_DROP || !options->kill)
		return false;
	error = options->kill(session->arg, why);
	if (error)
		session_message(session, "cannot kill the client: %s", strerror(-error));
	session->killed = !error;
	return session->killed;
}

/* One page becomes zeros. Memory that takes no zero pages is unregistered, which does it. */
static int lost_drop(struct lazymem *session, uint64_t address, size_t size)
{
	int error = 0;

	place_zero(session->uffd, address, 1, size, &error);
	return error == -EINVAL ?
	       uffd_unregister(session->uffd, (void *)address, size) : error;
}

static int lost_poison(struct lazymem *session, uint64_t address, size_t size)
{
	int error = 0;

	place_poison(session->uffd, address, 1, size, &error);
	return error;
}

/* -EINVAL may mean that a page has another size there. */
static int lost_try_sizes(struct lazymem *session, uint64_t address, size_t size)
{
	typeof(lost_poison) *answer = session->options->on_lost == LAZYMEM_LOST_DROP ?
				      lost_drop : lost_poison;
	int error = answer(session, address, size);

	for (unsigned int i = 0; error == -EINVAL && i < 2; i++)
		if (lost_sizes[i] != size)
			error = answer(session, address & ~(lost_sizes[i] - 1),
				       lost_sizes[i]);
	return error;
}

int lost_page(struct lazymem *session, uint64_t address, size_t size, const char *why)
{
	int error;

	if (session->killed || (session->options->on_lost == LAZYMEM_LOST_KILL &&
				lost_kill(session, why)))
		return 0;
	error = lost_try_sizes(session, address, size);
	if (error == -EAGAIN || error == -ENOMEM)
		return error;
	if (error == -ESRCH)
		session->gone = true;
	session->stats.failed++;
	/* What is not mapped any more has been settled without an answer. */
	uffd_wake(session->uffd, (void *)address, size);
	if (!error || session->gone) {
		if (session_is_told(session->stats.failed))
			session_message(session, "0x%" PRIx64 " %s: %s", address,
					session->options->on_lost == LAZYMEM_LOST_DROP ?
					"becomes zeros" : "is poisoned", why);
		return 0;
	}
	if (lost_kill(session, why))
		return 0;
	if (session_is_told(session->stats.failed))
		session_message(session, "this kernel cannot poison a page: the fault at 0x%" PRIx64 " stays: %s",
				address, why);
	return error;
}
