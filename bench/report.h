/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines that a part prints: what was measured, and targets.
 *
 * Counts show what the engine does and are the same on any machine, so a count that
 * misses its target fails the program. Times differ between machines: a time that misses
 * its target is reported, and fails the program only with --strict.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include "samples.h"

enum bound {
	EQUAL,
	AT_MOST,
	AT_LEAST,
};

/* Heading of the following lines. */
void report_title(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A figure without a target: median and spread. */
void report_figure(const char *name, const struct samples *samples,
		   const char *unit);

/* A target that each run must reach. */
void report_count(const char *name, const struct samples *samples,
		  enum bound bound, double limit);

/* A target for a ratio of times. */
void report_ratio(const char *name, double ratio, enum bound bound,
		  double limit);

/* @name could not be measured in this guest, and why. */
void report_missing(const char *name, const char *why);

/* Format a value, or least and most, as the lines print them. Return @text. */
const char *report_number(double value, char *text, size_t size);
const char *report_range(const struct samples *samples, char *text, size_t size);

/* Print lines "csv ROW" and "progress TEXT" too, for a program that reads them. */
void report_rows(void);
bool report_has_rows(void);

/* With report_rows(): print that @part is at run @run of @runs of @what. */
void report_progress(const char *part, const char *what, unsigned int run,
		     unsigned int runs);

/* Print the last line. Returns whether the program succeeded. */
bool report_end(bool strict);

#endif
