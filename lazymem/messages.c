// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel tells through the userfaultfd. */
#include <errno.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <unistd.h>

#include "place.h"
#include "session.h"
#include "uffd.h"

#define BATCHES	16

#ifndef UFFD_PAGEFAULT_FLAG_MINOR
#define UFFD_PAGEFAULT_FLAG_MINOR	(1 << 2)
#endif

static void messages_take_fault(struct lazymem *session, const struct uffd_msg *msg)
{
	uint64_t address = msg->arg.pagefault.address;
	struct fault fault = { .place = ranges_find(&session->ranges, address) };

	if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
		fault.kind = FAULT_WRITE_PROTECTED;
	else if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR)
		fault.kind = FAULT_MINOR;
	if (fault.place.pages)
		faults_add(session, fault);
	else if (session->nr_strays < BATCH)
		session->strays[session->nr_strays++] = address;
	else
		uffd_wake(session->uffd, (void *)(address & ~4095UL), 4096);
}

/* Nothing is left to read: unless a change is under way, nobody knows this address. */
static void messages_settle_stray(struct lazymem *session, uint64_t address)
{
	struct page_ref place = ranges_find(&session->ranges, address);
	uint64_t page = address & ~4095UL;
	int error = 0;

	if (place.pages) {
		faults_add(session, (struct fault) { .place = place });
		return;
	}
	error = place_probe(session->uffd, page, 4096);
	if (!error)
		place_poison(session->uffd, page, 1, 4096, &error);
	if (error == -EAGAIN || error == -ENOMEM) {
		session->strays[session->nr_strays++] = address;
		return;
	}
	session->stats.failed++;
	session_message(session, "a fault at 0x%" PRIx64 ", in none of the client's mappings: %s",
			address, error ? "it stays" : "poisoned");
}

static void messages_settle_strays(struct lazymem *session)
{
	unsigned int n = session->nr_strays;
	uint64_t strays[BATCH];

	memcpy(strays, session->strays, n * sizeof(strays[0]));
	session->nr_strays = 0;
	for (unsigned int i = 0; i < n; i++)
		messages_settle_stray(session, strays[i]);
}

static void messages_take_fork(struct lazymem *session, int uffd)
{
	struct lazymem *child = session_clone(session, uffd);

	if (!child) {
		session_message(session, "no memory to serve a child of the client");
		close(uffd);
		return;
	}
	if (session->options->forked &&
	    !session->options->forked(session->arg, child))
		return;
	session_message(session, "a child of the client is not served: what it misses is poisoned");
	child->ending = LAZYMEM_NOW;
	release_memory(child);
	lazymem_free(child);
}

static void messages_take_event(struct lazymem *session, const struct uffd_msg *msg)
{
	uint64_t start = msg->arg.remove.start, end = msg->arg.remove.end;
	int error = 0;

	switch (msg->event) {
	case UFFD_EVENT_REMOVE:
		ranges_removed(&session->ranges, start, end);
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

/* Events first: they may tell of addresses that the faults are at. */
static void messages_take(struct lazymem *session, const struct uffd_msg *msgs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (msgs[i].event != UFFD_EVENT_PAGEFAULT)
			messages_take_event(session, &msgs[i]);
	for (size_t i = 0; i < count; i++)
		if (msgs[i].event == UFFD_EVENT_PAGEFAULT)
			messages_take_fault(session, &msgs[i]);
}

void messages_read(struct lazymem *session)
{
	struct uffd_msg msgs[BATCH];

	slots_quiesce(session);
	for (unsigned int i = 0; i < BATCHES && !session->error; i++) {
		ssize_t got = read(session->uffd, msgs, sizeof(msgs));

		if (got > 0) {
			messages_take(session, msgs, got / sizeof(msgs[0]));
			continue;
		}
		if (got < 0 && errno == EAGAIN)
			messages_settle_strays(session);
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
