/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the user sees: messages on standard error, with a line of progress below them if that
 * is a terminal; or JSON lines on standard output instead of both. Any thread may call
 * report_error(), report_info() and report_debug(); the rest is the main thread's.
 *
 * Serving never waits for who reads this: a line for which there is no room is left out,
 * and counted. Output that cannot be written is told once on standard error, and
 * report_status() remembers it.
 */
#ifndef LAZYMEM_REPORT_H
#define LAZYMEM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lazymem.h"

/* Which messages are shown. */
enum report_level { REPORT_QUIET, REPORT_ERROR, REPORT_INFO, REPORT_DEBUG };

/* Sums over clients: struct lazymem_stats, and how many there are and have been. */
struct sums {
	uint64_t total, missing, served, prefetched, zero, faults, waiting, failed, holes;
	unsigned int clients;
	unsigned int served_clients;
};

void sums_add(struct sums *sums, const struct lazymem *session);

/**
 * struct report_client - who a line is about
 * @number: the client's
 * @pid: its process, 0 if it is not known
 * @parent: number of the client that has forked it, or 0
 * @name: of its process
 */
struct report_client {
	unsigned int number;
	int pid;
	unsigned int parent;
	char name[16];
};

/* Before the others. Errors of the start are JSON lines, too, with @json. */
void report_start(bool json, enum report_level level);
/* Clients may connect. Returns false if the lines that were asked for cannot be written. */
bool report_ready(void);
/* Each second. */
void report_progress(const struct sums *sums);
/* A client whose numbers have changed, after report_progress(). JSON only. */
void report_client_progress(const struct report_client *client, const struct sums *sums);
void report_client_begin(const struct report_client *client, uint64_t bytes);
/* @how: "ended", "refused" */
void report_client_end(const struct report_client *client, const char *how,
		       const struct sums *sums);
/* At the end. */
void report_summary(const struct sums *sums);
/* Whether some output could not be written. */
bool report_failed(void);

/* Messages. @client: its number, or 0 for the program itself. */
void report_error(unsigned int client, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void report_info(unsigned int client, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void report_debug(unsigned int client, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
