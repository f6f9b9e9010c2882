// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue of faults, and what is begun for each; see faults.h.
 *
 * Faults are answered in the order in which they were read. One that has to wait, for a
 * free slot or for the client's change of its address space, holds up those behind it.
 */
#include <errno.h>
#include <string.h>

#include "place.h"
#include "session.h"
#include "uffd.h"

/* A fault that was merged into a slot is a bit there, not an entry here. */
uint64_t faults_waiting(const struct lazymem *session)
{
	uint64_t waiting = session->faults.count;

	for (unsigned int i = 0; i < SLOTS; i++)
		if (session->slots.at[i].state != SLOT_FREE)
			waiting += __builtin_popcountl(session->slots.at[i].wanted);
	return waiting;
}

/* The task tries again, and faults again if the page is not there. */
static void faults_wake(struct lazymem *session, struct page_ref page)
{
	uint64_t run, address = ranges_address(&session->ranges, page, &run);

	if (address)
		uffd_wake(session->uffd, (void *)address, page.pages->size);
}

/* Record the order. A page that was done before was asked for then. */
static void faults_note(struct lazymem *session, struct page_ref page)
{
	const struct pages *pages = page.pages;

	if (session->options->record && !bits_test(pages->done, page.index))
		order_note(session->options->record,
			   pages->offset + page.index * pages->size, pages->size);
}

void faults_queue(struct lazymem *session, struct fault fault)
{
	struct faults *faults = &session->faults;

	/* Once woken, it comes again; until it is read, the kernel keeps it. */
	if (faults->count == FAULTS_MOST)
		faults_wake(session, fault.page);
	else
		faults->queue[(faults->head + faults->count++) % FAULTS_MOST] = fault;
}

void faults_add(struct lazymem *session, struct fault fault)
{
	/* Too late: release_memory() wakes it. */
	if (session->ending >= LAZYMEM_POISON)
		return;
	session->stats.faults++;
	if (fault.kind == FAULT_MISSING)
		faults_note(session, fault.page);
	ahead_note_fault(session, fault.page);
	faults_queue(session, fault);
}

/*
 * Bring a page with the neighbours that ahead_span() says, as far as they follow without a
 * gap: up to the next page that is done or on its way. NULL: no slot is free.
 */
static struct slot *faults_start_window(struct lazymem *session, struct page_ref page)
{
	struct span span = slots_missing_around(session, page, ahead_span(session, page));
	struct page_ref low = { page.pages, span.low };

	return slots_start(session, low, span.high - span.low, 1UL << (page.index - span.low));
}

/* A page that was given back is zeros; the source is not asked. */
static struct slot *faults_start_zero(struct lazymem *session, struct page_ref page)
{
	struct slot *slot = slots_start(session, page, 1, 1);

	if (slot) {
		slot->read = (struct source_read) { .hole = true };
		slot->state = SLOT_LOADED;
	}
	return slot;
}

/* Returns false if no slot is free. */
static bool faults_answer_missing(struct lazymem *session, struct page_ref page)
{
	struct slot *slot = slots_find(session, page);

	if (slot)
		slot->wanted |= 1UL << (page.index - slot->first.index);
	else if (bits_test(page.pages->zero, page.index))
		slot = faults_start_zero(session, page);
	else
		slot = faults_start_window(session, page);
	if (slot)
		ahead_note_answer(session, page, slot);
	return slot;
}

/*
 * How many faults at the head of the queue are of the same kind, and of pages that follow
 * one another. Each call that lifts a protection invalidates what devices have mapped, so
 * these are answered together; pages that nobody has accessed stay protected.
 */
static unsigned int faults_in_a_row(const struct lazymem *session, uint64_t address)
{
	const struct faults *faults = &session->faults;
	const struct fault *first = &faults->queue[faults->head];
	unsigned int n = 1;

	for (; n < faults->count; n++) {
		const struct fault *next = &faults->queue[(faults->head + n) % FAULTS_MOST];
		uint64_t run;

		if (next->kind != first->kind || next->page.pages != first->page.pages ||
		    next->page.index != first->page.index + n ||
		    ranges_address(&session->ranges, next->page, &run) !=
		    address + n * first->page.pages->size)
			break;
	}
	return n;
}

/*
 * If the page was given back meanwhile the task finds it missing, and faults again. -ENOENT:
 * it was unmapped, or is not registered for this any more.
 */
static int faults_lift(struct lazymem *session, enum fault_kind kind, uint64_t address,
		       size_t length)
{
	int error = kind == FAULT_WRITE_PROTECTED ?
		    uffd_write_protect(session->uffd, (void *)address, length, false) :
		    uffd_protect(session->uffd, (void *)address, length, false);

	if (error == -ENOENT)
		uffd_wake(session->uffd, (void *)address, length);
	return error;
}

/*
 * Faults of protected pages, and minor faults. Returns false if the fault has to be tried
 * again: after messages are read, or as a missing fault, since the page has left the page
 * cache. @count: the faults that were answered.
 */
static bool faults_answer_present(struct lazymem *session, struct fault *fault,
				  uint64_t address, unsigned int *count)
{
	size_t size = fault->page.pages->size;
	int error = 0;

	*count = fault->kind == FAULT_MINOR ? 1 : faults_in_a_row(session, address);
	/* What another mapping wrote to the page cache is not known: dirty. */
	if (session->dirty.on && fault->page.pages->dirty && fault->kind != FAULT_PROTECTED)
		for (unsigned int i = 0; i < *count; i++)
			bits_set(fault->page.pages->dirty, fault->page.index + i);
	if (fault->kind != FAULT_MINOR) {
		error = faults_lift(session, fault->kind, address, *count * size);
	} else {
		place_continue(session->uffd, address, size, &error);
		if (error == -EFAULT)
			fault->kind = FAULT_MISSING;
	}
	if (error == -ESRCH)
		session->gone = true;
	if (!error)
		session->changing_since = 0;
	return error != -EAGAIN && error != -ENOMEM && error != -EFAULT;
}

static bool faults_can_run(const struct lazymem *session, uint64_t now)
{
	return session->faults.count && session->faults.again_at <= now;
}

void faults_run(struct lazymem *session, uint64_t now)
{
	struct faults *faults = &session->faults;

	if (!faults_can_run(session, now))
		return;
	/* Answers must not meet a job: it could change what the fault is about. */
	slots_quiesce(session);
	while (faults->count) {
		struct fault *fault = &faults->queue[faults->head];
		uint64_t run, address = ranges_address(&session->ranges, fault->page, &run);
		unsigned int answered = 1;

		/* Without an address the page was unmapped, and its faults were woken. */
		if (address && fault->kind != FAULT_MISSING &&
		    !faults_answer_present(session, fault, address, &answered) &&
		    fault->kind != FAULT_MISSING) {
			faults->again_at = session_changing(session, now);
			return;
		}
		if (address && fault->kind == FAULT_MISSING &&
		    !faults_answer_missing(session, fault->page))
			return;
		faults->head = (faults->head + answered) % FAULTS_MOST;
		faults->count -= answered;
	}
}

/*
 * A slot may have become free while others were put in place: then the queue has work at
 * once, and no file descriptor says so. With all slots in use, slots_due() says when.
 */
uint64_t faults_due(const struct lazymem *session, uint64_t now)
{
	if (!session->faults.count)
		return DUE_NEVER;
	if (!faults_can_run(session, now))
		return session->faults.again_at;
	return slots_busy(session) < SLOTS ? now : DUE_NEVER;
}
