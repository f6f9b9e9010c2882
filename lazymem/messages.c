// SPDX-License-Identifier: GPL-2.0-only
/* Messages of the userfaultfd: read, sorted, applied; see messages.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "lost.h"
#include "place.h"
#include "release.h"
#include "session.h"
#include "uffd.h"

/* Reads, of KEEP_INBOX messages each, before the loop goes on with other work. */
#define BATCHES	16

/* Without descriptors for an event. Faults wait so long, too. */
#define PAUSE_NS	(20 * MS)

/* No flag: the page is missing. */
static void messages_take_fault(struct lazymem *session, const struct uffd_msg *msg)
{
	struct messages *messages = &session->messages;
	uint64_t address = msg->arg.pagefault.address;
	struct fault fault = { .page = ranges_find(&session->ranges, address) };

	if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
		fault.kind = FAULT_WRITE_PROTECTED;
	else if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_RWP)
		fault.kind = FAULT_PROTECTED;
	else if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR)
		fault.kind = FAULT_MINOR;
	if (fault.page.pages)
		faults_add(session, fault);
	else if (messages->nr_strays < STRAYS_MOST)
		messages->strays[messages->nr_strays++] = address;
	else
		uffd_wake(session->uffd, (void *)(address & ~(PAGE_LEAST - 1)), PAGE_LEAST);
}

/*
 * Nothing is left to read. Either an event has made the address known, or a change is under
 * way (-EAGAIN), or the address is in no mapping: then waiting would not end. So it is for all
 * faults of a client that was refused.
 */
static void messages_settle_stray(struct lazymem *session, uint64_t address)
{
	struct messages *messages = &session->messages;
	struct page_ref known = ranges_find(&session->ranges, address);
	uint64_t page = address & ~(PAGE_LEAST - 1);
	int error;

	if (known.pages) {
		faults_add(session, (struct fault) { .page = known });
		return;
	}
	error = place_probe(session->uffd, page, PAGE_LEAST);
	if (!error)
		error = lost_page(session, page, PAGE_LEAST, session->refused ?
				  "the client was refused" :
				  "it is in none of the client's mappings");
	if (error == -EAGAIN || error == -ENOMEM)
		messages->strays[messages->nr_strays++] = address;
}

/* A stray may be put back, so the list is emptied first. */
static void messages_settle_strays(struct lazymem *session)
{
	struct messages *messages = &session->messages;
	unsigned int n = messages->nr_strays;
	uint64_t strays[STRAYS_MOST];

	memcpy(strays, messages->strays, n * sizeof(strays[0]));
	messages->nr_strays = 0;
	for (unsigned int i = 0; i < n; i++)
		messages_settle_stray(session, strays[i]);
}

/*
 * The client has forked, and waits until this is read. @uffd serves the child. A child that
 * is not served must not see zeros where the image's content is missing: poison.
 */
static void messages_take_fork(struct lazymem *session, int uffd)
{
	struct lazymem *child = session_clone(session, uffd);

	/* So that a successor knows that this event was applied. */
	session->ranges.changed = true;
	if (!child) {
		session_message(session, "no memory or file descriptors to serve a child of the client: what it misses %s",
				release_child(session, uffd) ||
				session->options->on_lost == LAZYMEM_LOST_DROP ?
				"reads as zeros" : "is poisoned");
		close(uffd);
		return;
	}
	if (session->options->forked &&
	    !session->options->forked(session->arg, child))
		return;
	session_message(session, "a child of the client is not served");
	child->ending = session->options->on_lost == LAZYMEM_LOST_DROP ? LAZYMEM_DROP :
									 LAZYMEM_NOW;
	release_memory(child);
	lazymem_free(child);
}

/*
 * What is unmapped or moved leaves faults behind at addresses that are no longer served;
 * they are woken, and the kernel finds out what is there now.
 */
static void messages_take_event(struct lazymem *session, const struct uffd_msg *msg)
{
	uint64_t start = msg->arg.remove.start, end = msg->arg.remove.end;
	int error = 0;

	switch (msg->event) {
	case UFFD_EVENT_REMOVE:
		error = ranges_removed(&session->ranges, start, end);
		break;
	case UFFD_EVENT_UNMAP:
		error = ranges_unmapped(&session->ranges, start, end);
		uffd_wake(session->uffd, (void *)start, end - start);
		break;
	case UFFD_EVENT_REMAP:
		error = ranges_moved(&session->ranges, msg->arg.remap.from,
				     msg->arg.remap.to, msg->arg.remap.len);
		uffd_wake(session->uffd, (void *)msg->arg.remap.from,
			  msg->arg.remap.len);
		break;
	case UFFD_EVENT_FORK:
		messages_take_fork(session, msg->arg.fork.ufd);
		break;
	}
	if (error) {
		session_message(session, "out of memory; the client is given up");
		session->error = error;
	}
}

/* Events first: faults of the same batch may be at addresses that they make known. */
static void messages_take(struct lazymem *session, const struct uffd_msg *msgs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (msgs[i].event == UFFD_EVENT_PAGEFAULT)
			continue;
		messages_take_event(session, &msgs[i]);
		session_save(session, i + 1);
	}
	for (size_t i = 0; i < count; i++)
		if (msgs[i].event == UFFD_EVENT_PAGEFAULT)
			messages_take_fault(session, &msgs[i]);
}

/*
 * The client forks, and there is no descriptor for the child's userfaultfd. The kernel keeps
 * the event, the client waits, and a descriptor may become free.
 */
static void messages_pause(struct lazymem *session, int error)
{
	if (!session->messages.pause_until)
		session_message(session, "cannot take over a child of the client: %s; trying again",
				strerror(error));
	session->messages.pause_until = clock_ns() + PAUSE_NS;
}

/*
 * The helper first: a copy of its could land behind a madvise() that is read here. Bounded,
 * so that a client that faults without end does not keep the loop from its other work.
 */
void messages_read(struct lazymem *session)
{
	struct uffd_msg other[KEEP_INBOX];

	slots_quiesce(session);
	for (unsigned int i = 0; i < BATCHES && !session->error; i++) {
		struct uffd_msg *msgs = keep_inbox(&session->keep, other);
		ssize_t got = read(session->uffd, msgs, sizeof(other));

		if (got > 0) {
			session->messages.pause_until = 0;
			messages_take(session, msgs, got / sizeof(msgs[0]));
			keep_empty_inbox(&session->keep);
		}
		/* The kernel fills the buffer as far as it has messages. */
		if (got == sizeof(other))
			continue;
		if (got > 0 || (got < 0 && errno == EAGAIN))
			messages_settle_strays(session);
		else if (got < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
			messages_pause(session, errno);
		else if (got == 0 || errno != EINTR) {
			session->error = got ? -errno : -EIO;
			session_message(session, "cannot read the userfaultfd: %s%s",
					strerror(-session->error),
					session->error == -EINVAL ?
					" (the client has not set it up by UFFDIO_API)" : "");
		}
		return;
	}
}

/* A child whose descriptor nobody else has got died with the server: it cannot be served. */
void messages_resume(struct lazymem *session)
{
	const struct uffd_msg *msgs;
	unsigned int count;

	if (session->keep.fd < 0)
		return;
	count = keep_left(&session->keep, &msgs);
	for (unsigned int i = 0; i < count; i++) {
		if (msgs[i].event == UFFD_EVENT_FORK)
			session_message(session, "the client had just forked when its server was killed: the child may be lost; what it misses reads as zeros then");
		else if (msgs[i].event != UFFD_EVENT_PAGEFAULT)
			messages_take_event(session, &msgs[i]);
	}
	session_save(session, KEEP_ALL);
	keep_empty_inbox(&session->keep);
}

void messages_run(struct lazymem *session)
{
	if (session->messages.nr_strays)
		messages_read(session);
}

uint64_t messages_due(const struct lazymem *session, uint64_t now)
{
	uint64_t pause = session->messages.pause_until;

	return due_earlier(session->messages.nr_strays ? now + CHANGING_NS : DUE_NEVER,
			   pause > now ? pause : DUE_NEVER);
}
