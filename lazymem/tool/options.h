/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `lazymem serve`. */
#ifndef LAZYMEM_OPTIONS_H
#define LAZYMEM_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lazymem.h"
#include "report.h"

/**
 * struct tool - what the user asked for
 * @socket: path to listen at; NULL with @listening
 * @listening: a socket of the service manager, or -1
 * @socket_mode: permissions of the socket, or -1: those of a new file
 * @socket_user, @socket_group: owner of the socket, -1 for each that stays
 * @on_exit: what the first signal does with memory that is missing
 * @clients_most: how many clients are served at once
 * @json: JSON lines on standard output instead of text
 * @level: which messages are shown
 * @rate: bytes a second that are brought unasked, 0: any
 * @record: file to record the order of faults in, or NULL
 * @where: the image: a path or an NBD URI
 * @how: how it is read
 * @options: for all sessions
 */
struct tool {
	const char *socket;
	int listening;
	int socket_mode;
	uid_t socket_user;
	gid_t socket_group;
	enum lazymem_end on_exit;
	unsigned int clients_most;
	bool json;
	enum report_level level;
	uint64_t rate;
	const char *record;
	const char *where;
	struct lazymem_image_options how;
	struct lazymem_options options;
};

/* Set what the options say. Wrong options end the program, and so do --help, --version. */
void options_parse(struct tool *tool, int argc, char **argv);

#endif
