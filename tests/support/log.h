/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's log. */
#ifndef TESTS_LOG_H
#define TESTS_LOG_H

/* For what is logged from now on, a line a read(2), which does not wait. */
int log_open(void);

#endif
