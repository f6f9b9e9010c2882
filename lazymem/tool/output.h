/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines on standard output and standard error, written without waiting for who reads them:
 * a terminal that is stopped or a full pipe must not hold up a session that reports
 * something. One thread at a time, except output_failed().
 */
#ifndef LAZYMEM_OUTPUT_H
#define LAZYMEM_OUTPUT_H

#include <stdbool.h>

/*
 * First of all: a standard descriptor that is closed gets a file, lest a socket or an image
 * gets its number and the output. Writing to it then fails as if it were closed.
 */
void output_prepare(void);

/* A line, or text without its end. It is left out if there is no room for it at once. */
void output_line(int fd, const char *line);
void output_text(int fd, const char *text);

/* From now on wait up to a second for room: for the last line. */
void output_be_patient(void);

/* Whether standard output could not be written. */
bool output_failed(void);

#endif
