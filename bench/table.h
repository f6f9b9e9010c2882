/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables for people, and their rows as CSV for machines. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "work.h"

/**
 * struct row - what was measured of one way
 * @part: the benchmark's name
 * @place: memory, source, latency and pages
 * @way: what did it
 * @quantity: what the value is, with its unit: "us_a_page"
 * @figures: the value, and counts as far as there are any
 * @restart: how many times as good as restarting this is, 0: not known
 * @stock: how many times as good as the stock call this is, 0: not known
 */
struct row {
	const char *part;
	const struct testbed *testbed;
	const char *way;
	const char *quantity;
	const struct figures *figures;
	double restart, stock;
};

/* The names of the columns, before all rows. @clock stays valid: it is a column. */
void table_rows_head(const char *clock);

void table_head(const char *quantity);
void table_row(const struct row *row, const struct bench *bench);

/* All of it. */
void table_work(const struct bench *bench, const struct work *work,
		const struct figures *figures);

#endif
