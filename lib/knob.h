/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's files of one value: sysctls, module parameters, debugfs. A failure ends
 * the case.
 */
#ifndef LIB_KNOB_H
#define LIB_KNOB_H

#include <stddef.h>

#define ENGINE_KNOB(name)	"/sys/module/hmm_unlocked/parameters/" name

void knob_write(const char *path, const char *text);

/* As knob_write(), and the old value is restored when the case ends, in whatever way. */
void knob_lend(const char *path, const char *text);

/* For cases that answer faults by hand, in the order of their pages. */
static inline void one_fault_at_a_time(void)
{
	knob_lend(ENGINE_KNOB("faults_in_flight"), "1");
}

/* For the harness: call before the first case, and after each case. */
void knobs_init(void);
void knobs_give_back(void);

void knob_write_number(const char *path, size_t number);
size_t knob_read_number(const char *path);

#endif
