/* SPDX-License-Identifier: GPL-2.0-only */
/* End a program, or the process of a test, that cannot go on. */
#ifndef LIB_FAIL_H
#define LIB_FAIL_H

/*
 * Print the message on standard error, die_errno() with the text of errno behind it, and exit
 * with status 2.
 */
void die_errno(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Called with the message instead of printing it, if it is set. */
extern void (*die_reporter)(const char *text);

#endif
