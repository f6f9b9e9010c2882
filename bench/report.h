/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines that a benchmark prints: what was measured, and targets.
 *
 * Counts tell what the engine does and are the same on any machine. Times do
 * not: a target that is a time is reported, and fails the program if asked to.
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

/* What the following lines are about. */
void report_title(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A figure without a target: median and spread. */
void report_figure(const char *name, const struct samples *samples,
		   const char *unit);

/* A target that each run has to reach. */
void report_count(const char *name, const struct samples *samples,
		  enum bound bound, double limit);

/* A target for a number made of times. */
void report_ratio(const char *name, double ratio, enum bound bound,
		  double limit);

/* Something could not be measured here, and why. */
void report_missing(const char *name, const char *why);

/* A value, and least and most, as the lines have them. */
const char *report_number(double value, char *text, size_t size);
const char *report_range(const struct samples *samples, char *text, size_t size);

/* There is a program that reads "csv ROW" and "progress TEXT". */
void report_rows(void);
bool report_has_rows(void);

/* For who waits: @part is at run @run of @runs of @what. */
void report_progress(const char *part, const char *what, unsigned int run,
		     unsigned int runs);

/* The last line. Returns whether all is well. */
bool report_end(bool strict);

#endif
