// SPDX-License-Identifier: GPL-2.0-only
/* Prints the lines of a report, and counts targets that were reached and missed. */
#include <stdarg.h>
#include <stdio.h>

#include "report.h"

static bool rows;
static unsigned int reached, counts_not_reached, times_not_reached;

static const char * const signs[] = {
	[EQUAL] = "=", [AT_MOST] = "<=", [AT_LEAST] = ">=",
};

void report_title(const char *fmt, ...)
{
	va_list args;

	putchar('\n');
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void print_line(const char *name, const char *figure)
{
	printf("  %-38s %s\n", name, figure);
	fflush(stdout);
}

/* Values from 1000 on without a fraction, others with three digits. */
const char *report_number(double value, char *text, size_t size)
{
	snprintf(text, size, value < 1000 ? "%.3g" : "%.0f", value);
	return text;
}

/* "5", or "5..7" */
const char *report_range(const struct samples *samples, char *text, size_t size)
{
	char min[24], max[24];

	report_number(samples_min(samples), min, sizeof(min));
	report_number(samples_max(samples), max, sizeof(max));
	if (samples_min(samples) == samples_max(samples))
		snprintf(text, size, "%s", min);
	else
		snprintf(text, size, "%s..%s", min, max);
	return text;
}

void report_figure(const char *name, const struct samples *samples,
		   const char *unit)
{
	char text[128], median[24], spread[64];

	report_number(samples_median(samples), median, sizeof(median));
	snprintf(text, sizeof(text), "%s %s (%s)", median, unit,
		 report_range(samples, spread, sizeof(spread)));
	print_line(name, text);
}

static bool bound_holds(double value, enum bound bound, double limit)
{
	return (bound == AT_LEAST || value <= limit) &&
	       (bound == AT_MOST || value >= limit);
}

static void print_target(const char *name, const char *figure,
			 const char *limit, bool good)
{
	char text[128];

	snprintf(text, sizeof(text), "%-18s %-12s %s", figure, limit,
		 good ? "reached" : "NOT reached");
	print_line(name, text);
}

void report_count(const char *name, const struct samples *samples,
		  enum bound bound, double limit)
{
	bool good = bound_holds(samples_min(samples), bound, limit) &&
		    bound_holds(samples_max(samples), bound, limit);
	char figure[64], number_text[24], limits[32];

	snprintf(limits, sizeof(limits), "%s %s", signs[bound],
		 report_number(limit, number_text, sizeof(number_text)));
	print_target(name, report_range(samples, figure, sizeof(figure)),
		     limits, good);
	*(good ? &reached : &counts_not_reached) += 1;
}

void report_ratio(const char *name, double ratio, enum bound bound,
		  double limit)
{
	bool good = bound_holds(ratio, bound, limit);
	char figure[32], limits[32];

	snprintf(figure, sizeof(figure), "%.2f", ratio);
	snprintf(limits, sizeof(limits), "%s %.2f", signs[bound], limit);
	print_target(name, figure, limits, good);
	*(good ? &reached : &times_not_reached) += 1;
}

void report_missing(const char *name, const char *why)
{
	char text[128];

	snprintf(text, sizeof(text), "not measured: %s", why);
	print_line(name, text);
}

void report_rows(void)
{
	rows = true;
}

bool report_has_rows(void)
{
	return rows;
}

void report_progress(const char *part, const char *what, unsigned int run,
		     unsigned int runs)
{
	if (!rows)
		return;
	printf("progress %s: %s, run %u of %u\n", part, what, run + 1, runs);
	fflush(stdout);
}

bool report_end(bool strict)
{
	unsigned int not_reached = counts_not_reached + times_not_reached;

	printf("\n%u reached, %u not reached", reached, not_reached);
	if (not_reached)
		printf(" (%u counts, %u times)", counts_not_reached,
		       times_not_reached);
	putchar('\n');
	return !counts_not_reached && !(strict && times_not_reached);
}
