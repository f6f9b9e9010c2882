/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Subjects: the code that is explored. The engine's calls, and whatever else
 * collects entries for a device: a subject is a function that does it once and
 * says by contract.h what must be true then.
 */
#ifndef MODEL_SUBJECTS_H
#define MODEL_SUBJECTS_H

/**
 * struct subject - one loop under test
 * @name: in scenario files
 * @run: from the call to the check of what it returned
 * @invalidate: its driver's part in the invalidate callback of pages @first to
 *	@last, after the interval's sequence was set; or NULL
 * @help: what it is
 */
struct subject {
	const char *name;
	void (*run)(void);
	void (*invalidate)(unsigned int first, unsigned int last);
	const char *help;
};

extern const struct subject *const subjects[];

void subject_invalidate(unsigned int first, unsigned int last);

/* The engine handed the whole range on to hmm_range_fault(). */
int subject_stock_call(void);

/* The device maps the entries of the range; nothing may be invalid by then. */
void device_map(void);

#endif
