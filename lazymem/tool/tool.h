/* SPDX-License-Identifier: GPL-2.0-only */
/* `lazymem serve`: clients come over a UNIX socket; each has a thread and a session. */
#ifndef LAZYMEM_TOOL_H
#define LAZYMEM_TOOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lazymem.h"

#define RANGES_MOST	1024

struct tool {
	const char *socket;
	enum lazymem_end on_exit;
	unsigned int clients_most;
	bool json;
	const char *record;
	struct lazymem_options options;
};

/* Ends the program if they are wrong. */
void options_parse(struct tool *tool, int argc, char **argv);

/* Serve until a signal. Returns the program's exit status. */
int server_serve(struct tool *tool);

/*
 * What the client has to send first. Returns how many of @ranges there are, with the
 * userfaultfd in @uffd, or -errno with an explanation.
 */
int handshake_read(int socket, struct lazymem_range ranges[RANGES_MOST], int *uffd,
		   char why[LAZYMEM_WHY]);

/* Listen at @path, where a socket may be that nobody serves. Ends the program. */
int socket_listen(const char *path);
pid_t socket_peer(int socket);

/* What all clients together come to. */
struct sums {
	uint64_t total, missing, served, prefetched, zero, faults, waiting, failed, holes;
	unsigned int clients;
	unsigned int served_clients;
};

void sums_add(struct sums *sums, const struct lazymem_stats *stats);

void report_start(bool json);
void report_progress(const struct sums *sums);
void report_message(unsigned int client, const char *text);
void report_summary(const struct sums *sums);

#endif
