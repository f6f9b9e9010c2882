/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-256 of what is written, by the system's sha256sum. */
#ifndef LIB_CHECKSUM_H
#define LIB_CHECKSUM_H

#include <stdio.h>
#include <sys/types.h>

#define CHECKSUM_SIZE	65	/* as text, with the terminating zero */

struct checksum {
	pid_t pid;
	int to, from;
};

void checksum_begin(struct checksum *sum);
void checksum_add(struct checksum *sum, const void *at, size_t bytes);
void checksum_end(struct checksum *sum, char text[CHECKSUM_SIZE]);

#endif
