/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables of results, and the same rows as CSV for programs. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "work.h"

/**
 * struct row - one row: a quantity measured in one way
 * @part: name of the part
 * @testbed: memory, source, latency and pages
 * @way: name of the way
 * @quantity: name of the value, with its unit: "us_a_page"
 * @figures: the value, and counts if there are any
 * @restart: how many times as good as RESTART this is, 0: not known
 * @stock: how many times as good as STOCK this is, 0: not known
 */
struct row {
	const char *part;
	const struct testbed *testbed;
	const char *way;
	const char *quantity;
	const struct figures *figures;
	double restart, stock;
};

/* Names of the columns, before all rows. @clock is a column and must stay valid. */
void table_rows_head(const char *clock);

void table_head(const char *quantity);
void table_row(const struct row *row, const struct bench *bench);

/* The whole table of @work: a title and a row for each way. */
void table_work(const struct bench *bench, const struct work *work,
		const struct figures *figures);

#endif
