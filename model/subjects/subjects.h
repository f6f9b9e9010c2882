/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Subjects: the code that is explored. The engine's calls, and whatever else
 * collects entries for a device: a subject is a function that does it once and
 * says by contract.h what must be true then.
 */
#ifndef MODEL_SUBJECTS_H
#define MODEL_SUBJECTS_H

#include "kernel/kernel.h"

/**
 * struct plain_notifier - what a subject that is a plain mmu_notifier is told
 * @start: an invalidation starts; returns whether @unmap has to be called
 * @unmap: have the device unmap it
 * @end: it has ended
 */
struct plain_notifier {
	bool (*start)(const struct mmu_notifier_range *range);
	void (*unmap)(const struct mmu_notifier_range *range);
	void (*end)(const struct mmu_notifier_range *range);
};

/**
 * struct subject - one loop under test
 * @name: in scenario files
 * @run: from the call to the check of what it returned
 * @invalidate: its driver's part in the invalidate callback of pages @first to
 *	@last, after the interval's sequence was set; or NULL
 * @plain: it has a plain notifier instead of an interval one; or NULL
 * @maps: with that: what it collects is mapped, not just seen
 * @moves: with that: it moves pages, and nothing else
 * @alone: with that: it makes pages exclusive for the device
 * @help: what it is
 */
struct subject {
	const char *name;
	void (*run)(void);
	void (*invalidate)(unsigned int first, unsigned int last);
	const struct plain_notifier *plain;
	bool maps, moves, alone;
	const char *help;
};

extern const struct subject *const subjects[];

void subject_invalidate(unsigned int first, unsigned int last);

/* The engine handed the whole range on to hmm_range_fault(). */
int subject_stock_call(void);

/* The device maps the entries of the range; nothing may be invalid by then. */
void device_map(void);
void device_unmap(unsigned int first, unsigned int last);

#endif
