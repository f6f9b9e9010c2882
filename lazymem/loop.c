// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loop of a session: lazymem_run().
 *
 * Each round does what can be done now, in the order of urgency: the end, the client's
 * existence, requests for dirty pages, the source, slots that faults wait for, faults; and
 * only then what is read ahead. Then it sleeps in ppoll() until a descriptor is ready or
 * a part is due (due.h). Nothing else in the loop waits for the image, so a slow read does
 * not delay others. (The exception: pages of a file in memory that are swapped out.)
 *
 * A client can make the userfaultfd blocking, as both processes share its flags, and so
 * hold this thread in read(). A signal ends that read; the stop is looked at afterwards.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "lost.h"
#include "place.h"
#include "release.h"
#include "session.h"
#include "uffd.h"

/* A child is first looked for after this time. */
#define PROBE_LEAST	(10 * MS)

/* Above what sysctl vm.mmap_min_addr keeps free. */
#define PROBE_ADDRESS	(1UL << 24)

/*
 * Put an end that was asked for in force. Messages first: faults that came before the end
 * are still answered.
 */
static void loop_take_end(struct lazymem *session)
{
	int end = session->end;

	if (end == session->ending)
		return;
	messages_read(session);
	session->ending = end;
	if (end == LAZYMEM_FILL)
		ahead_restart(session);
}

/* Whether the end that is in force has nothing left to do. */
static bool loop_is_finished(struct lazymem *session)
{
	switch (session->ending) {
	case LAZYMEM_GO_ON:
		return false;
	case LAZYMEM_FILL:
		return !session->faults.count && !slots_busy(session) &&
		       ahead_is_over(session);
	case LAZYMEM_POISON:
	case LAZYMEM_DROP:
		return session->killed || session->waited || !faults_waiting(session);
	default:
		return true;
	}
}

/* A client's children may live for milliseconds only. A fault is a sign of life. */
static uint64_t loop_probe_wait(struct lazymem *session)
{
	uint64_t wait = session->probe_wait * 2;

	if (session->child && session->probe_faults != session->stats.faults)
		wait = PROBE_LEAST;
	session->probe_faults = session->stats.faults;
	session->probe_wait = wait > PROBE_LEAST && wait < SECOND ? wait :
			      wait < SECOND ? PROBE_LEAST : SECOND;
	return session->child ? session->probe_wait : SECOND;
}

/*
 * A client that has hung up may live on, and one that is gone may have left no hang-up: the
 * kernel is asked each second. It looks at the address space first, so any address will do.
 */
static void loop_probe(struct lazymem *session, uint64_t now)
{
	if (!atomic_exchange(&session->probe_now, false) && now < session->probe_at)
		return;
	session->probe_at = now + loop_probe_wait(session);
	if (place_probe(session->uffd, PROBE_ADDRESS, 4096) == -ESRCH)
		session->gone = true;
}

/* Nothing could be brought for a time. The other ends only wait for faults to be answered. */
static void loop_end_waiting(struct lazymem *session)
{
	session->fill_at = 0;
	session_message(session, "nothing could be brought for %u s: waiting ends",
			session->options->fill_wait);
	if (session->options->on_lost == LAZYMEM_LOST_KILL)
		lost_kill(session, "its memory could not be filled");
	session->waited = true;
	if (session->ending == LAZYMEM_FILL)
		lazymem_stop(session, session->options->on_lost == LAZYMEM_LOST_DROP ?
			     LAZYMEM_DROP : LAZYMEM_NOW);
}

/*
 * An end may take as long as the image needs. But a supervisor kills a program that does not
 * end, and clients would then wait for ever. So it goes on without what cannot be brought.
 */
static void loop_watch_end(struct lazymem *session, uint64_t now)
{
	unsigned int wait = session->options->fill_wait;

	if (session->ending == LAZYMEM_GO_ON || !wait || session->waited)
		return;
	if (!session->fill_at || session->fill_missing != session->stats.missing) {
		session->fill_at = now + wait * SECOND;
		session->fill_missing = session->stats.missing;
	}
	if (now >= session->fill_at)
		loop_end_waiting(session);
}

/* When this has to be called again though no descriptor is ready. */
static uint64_t loop_due(const struct lazymem *session, uint64_t now)
{
	uint64_t due = due_earlier(session->probe_at, now + SECOND);

	if (session->fill_at)
		due = due_earlier(due, session->fill_at);
	if (!session->refused)
		due = due_earlier(due, connection_due(session));
	due = due_earlier(due, dirty_due(session, now));
	due = due_earlier(due, messages_due(session, now));
	due = due_earlier(due, faults_due(session, now));
	due = due_earlier(due, slots_due(session));
	return due_earlier(due, ahead_due(session, now));
}

/*
 * What the client says beside its userfaultfd is the caller's matter. Mappings may change, so
 * the helper has to be idle.
 */
static void loop_hear_peer(struct lazymem *session, short revents)
{
	const struct lazymem_options *options = session->options;
	int error = 0;

	if (revents & POLLIN && options->spoken) {
		slots_quiesce(session);
		session->spoken = true;
		error = options->spoken(session->arg, session);
		session->spoken = false;
	}
	if (!error && !(revents & (POLLRDHUP | POLLHUP | POLLERR)))
		return;
	/* A hang-up would be reported for ever: probe now, then each second. */
	session->peer = -1;
	session->probe_at = 0;
}

/* An error without POLLIN: poll() reports so that the client has made it blocking. */
static void loop_read_uffd(struct lazymem *session, short revents)
{
	if (revents & POLLIN) {
		messages_read(session);
	} else if (revents) {
		session_unblock(session->uffd);
		messages_read(session);
	}
}

static void loop_wait(struct lazymem *session)
{
	struct source *source = session->connection.source;
	uint64_t now = clock_ns(), due = loop_due(session, now), rest;
	struct timespec timeout;
	struct pollfd fds[] = {
		{ .fd = session->messages.pause_until > now ? -1 : session->uffd,
		  .events = POLLIN },
		{ .fd = session->wake_fd, .events = POLLIN },
		{ .fd = session->peer,
		  .events = POLLRDHUP | (session->options->spoken ? POLLIN : 0) },
		{ .fd = -1 },
	};

	source->ops->poll(source, &fds[3]);
	rest = due > now ? due - now : 0;
	timeout = (struct timespec) { rest / SECOND, rest % SECOND };
	if (ppoll(fds, 4, &timeout, NULL) <= 0)
		return;
	if (fds[1].revents && read(session->wake_fd, &rest, sizeof(rest)) < 0)
		return;
	if (fds[2].revents)
		loop_hear_peer(session, fds[2].revents);
	loop_read_uffd(session, fds[0].revents);
	if (fds[3].revents)
		source->ops->run(source, fds[3].revents);
}

/*
 * Faults may have been read by a server that has died since: they come again. After that the
 * first pages are brought.
 */
static void loop_begin(struct lazymem *session)
{
	const struct ranges *ranges = &session->ranges;

	session->thread = pthread_self();
	messages_resume(session);
	for (size_t i = 0; i < ranges->count; i++)
		uffd_wake(session->uffd, (void *)ranges->at[i].start,
			  ranges->at[i].count * ranges->at[i].pages->size);
	if (session->dirty.on ||
	    (session->options->track_dirty && !session->refused && !session->child))
		dirty_begin(session);
	if (session->refused && session->options->on_lost == LAZYMEM_LOST_KILL)
		lost_kill(session, "it was refused");
}

int lazymem_run(struct lazymem *session)
{
	loop_begin(session);
	while (!session->gone && !session->error && !session->stale) {
		uint64_t now = clock_ns();

		loop_take_end(session);
		loop_probe(session, now);
		loop_watch_end(session, now);
		dirty_run(session, now);
		session_save(session, KEEP_ALL);
		if (!session->refused)
			connection_run(session, now);
		/* Twice: free slots for the faults, then bring what is there at once. */
		slots_run(session, now);
		faults_run(session, now);
		slots_run(session, now);
		if (loop_is_finished(session))
			break;
		do {
			ahead_run(session, now);
			slots_place_ahead(session, now);
		} while (ahead_goes_on(session, now));
		session->stats.waiting = faults_waiting(session);
		if (!session->gone && !loop_is_finished(session))
			loop_wait(session);
		messages_run(session);
	}
	release_memory(session);
	/* Only now: until here a thread may ask for dirty pages and be answered. */
	dirty_end(session);
	session->stats.waiting = 0;
	return session->error;
}
