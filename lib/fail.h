/* SPDX-License-Identifier: GPL-2.0-only */
/* Ending a program, or a test's process, when the ground it stands on is missing. */
#ifndef LIB_FAIL_H
#define LIB_FAIL_H

/* Print "what: error" of errno, or just the message, and exit with 2. */
void die_errno(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
