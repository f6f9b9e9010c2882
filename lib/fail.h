/* SPDX-License-Identifier: GPL-2.0-only */
/* Ending a program, or the process of a test case, when it cannot go on. */
#ifndef LIB_FAIL_H
#define LIB_FAIL_H

/* Print the message, with the error of errno or without, and exit with status 2. */
void die_errno(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
