// SPDX-License-Identifier: GPL-2.0-only
/* The queue of faults, and what is begun for each. */
#include <errno.h>
#include <string.h>

#include "place.h"
#include "session.h"
#include "uffd.h"

uint64_t faults_waiting(const struct lazymem *session)
{
	uint64_t waiting = session->queued;

	for (unsigned int i = 0; i < SLOTS; i++)
		if (session->slots[i].state != SLOT_FREE)
			waiting += __builtin_popcountl(session->slots[i].wanted);
	return waiting;
}

static void faults_wake(struct lazymem *session, struct page_ref place)
{
	uint64_t run, address = ranges_address(&session->ranges, place, &run);

	if (address)
		uffd_wake(session->uffd, (void *)address, place.pages->size);
}

static void faults_note(struct lazymem *session, struct page_ref place)
{
	const struct pages *pages = place.pages;

	if (session->options->record && !bits_test(pages->done, place.index))
		order_note(session->options->record,
			   pages->offset + place.index * pages->size, pages->size);
}

/* A fault that is woken comes again, and stands in the kernel's queue meanwhile. */
void faults_queue(struct lazymem *session, struct fault fault)
{
	if (session->queued == QUEUE)
		faults_wake(session, fault.place);
	else
		session->queue[(session->head + session->queued++) % QUEUE] = fault;
}

void faults_add(struct lazymem *session, struct fault fault)
{
	/* The end wakes those who came too late. */
	if (session->ending >= LAZYMEM_POISON)
		return;
	session->stats.faults++;
	session->ahead.depth = 1;
	if (fault.kind == FAULT_MISSING)
		faults_note(session, fault.place);
	faults_queue(session, fault);
}

/* The missing neighbours of a page in its window, as far as there is no gap. */
static struct slot *faults_start_window(struct lazymem *session, struct page_ref place)
{
	struct pages *pages = place.pages;
	unsigned int most = slot_pages(pages, session->options->window);
	uint64_t least = place.index - place.index % most, end = least + most;
	struct page_ref low = place, high = place;

	if (end > pages->count)
		end = pages->count;
	for (low.index--; low.index + 1 > least; low.index--)
		if (bits_test(pages->done, low.index) || slots_find(session, low))
			break;
	low.index++;
	for (high.index++; high.index < end; high.index++)
		if (bits_test(pages->done, high.index) || slots_find(session, high))
			break;
	return slots_start(session, low, high.index - low.index,
			   1UL << (place.index - low.index));
}

/* The source is not asked for what was given back. */
static struct slot *faults_start_zero(struct lazymem *session, struct page_ref place)
{
	struct slot *slot = slots_start(session, place, 1, 1);

	if (slot) {
		slot->read = (struct source_read) { .hole = true };
		slot->state = SLOT_LOADED;
	}
	return slot;
}

static bool faults_answer_missing(struct lazymem *session, struct page_ref place)
{
	struct slot *slot = slots_find(session, place);

	if (slot) {
		slot->wanted |= 1UL << (place.index - slot->first.index);
		return true;
	}
	if (bits_test(place.pages->zero, place.index))
		return faults_start_zero(session, place);
	return faults_start_window(session, place);
}

/* Returns false if it has to be tried again after reading messages. */
static bool faults_answer_present(struct lazymem *session, struct fault *fault,
				  uint64_t address)
{
	size_t size = fault->place.pages->size;
	int error = 0;

	/* Of what is mapped from the page cache, nobody knows. */
	if (session->dirty.on)
		bits_set(fault->place.pages->dirty, fault->place.index);
	if (fault->kind == FAULT_WRITE_PROTECTED) {
		error = uffd_write_protect(session->uffd, (void *)address, size, false);
		if (error == -ENOENT)
			uffd_wake(session->uffd, (void *)address, size);
	} else {
		place_continue(session->uffd, address, size, &error);
		if (error == -EFAULT)
			fault->kind = FAULT_MISSING;
	}
	if (error == -ESRCH)
		session->gone = true;
	return error != -EAGAIN && error != -ENOMEM && error != -EFAULT;
}

void faults_run(struct lazymem *session, uint64_t now)
{
	if (!session->queued || session->queue_again_at > now)
		return;
	slots_quiesce(session);
	while (session->queued) {
		struct fault *fault = &session->queue[session->head];
		uint64_t run;
		uint64_t address = ranges_address(&session->ranges, fault->place, &run);

		if (address && fault->kind != FAULT_MISSING &&
		    !faults_answer_present(session, fault, address) &&
		    fault->kind != FAULT_MISSING) {
			session->queue_again_at = now + CHANGING_NS;
			return;
		}
		if (address && fault->kind == FAULT_MISSING &&
		    !faults_answer_missing(session, fault->place))
			return;
		session->head = (session->head + 1) % QUEUE;
		session->queued--;
	}
}
