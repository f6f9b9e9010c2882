/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the user sees: messages on standard error, with a line of progress below them if that
 * is a terminal; or JSON lines on standard output instead of both. Any thread may call
 * report_message(); the rest is the main thread's.
 */
#ifndef LAZYMEM_REPORT_H
#define LAZYMEM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lazymem.h"

/* Sums over clients: struct lazymem_stats, and how many there are and have been. */
struct sums {
	uint64_t total, missing, served, prefetched, zero, faults, waiting, failed, holes;
	unsigned int clients;
	unsigned int served_clients;
};

void sums_add(struct sums *sums, const struct lazymem_stats *stats);

/* Before the others. */
void report_start(bool json);
/* Each second. */
void report_progress(const struct sums *sums);
/* @client: its number, or 0 for the program itself. */
void report_message(unsigned int client, const char *text);
/* At the end. */
void report_summary(const struct sums *sums);

#endif
