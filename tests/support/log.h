/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's log, /dev/kmsg. */
#ifndef TESTS_LOG_H
#define TESTS_LOG_H

/*
 * Open the log for what is logged from now on: one line a read(2), which does not wait.
 */
int log_open(void);

#endif
