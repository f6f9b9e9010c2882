/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's files of one value. A failure ends the case. */
#ifndef LIB_KNOB_H
#define LIB_KNOB_H

#include <stddef.h>

#define ENGINE_KNOB(name)	"/sys/module/hmm_unlocked/parameters/" name

void knob_write(const char *path, const char *text);

/* The same until the end of the case, however it ends. */
void knob_lend(const char *path, const char *text);

/* Where a case answers faults by hand, in the order of their pages. */
static inline void one_fault_at_a_time(void)
{
	knob_lend(ENGINE_KNOB("faults_in_flight"), "1");
}

/* For the harness: before the first case, and after each. */
void knobs_init(void);
void knobs_give_back(void);

void knob_write_number(const char *path, size_t number);
size_t knob_read_number(const char *path);

#endif
