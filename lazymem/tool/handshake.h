/* SPDX-License-Identifier: GPL-2.0-only */
/* What a client sends first: its mappings and its userfaultfd. */
#ifndef LAZYMEM_HANDSHAKE_H
#define LAZYMEM_HANDSHAKE_H

#include "lazymem.h"

#define RANGES_MOST	1024

/*
 * Read it, within 10 seconds. Returns how many of @ranges there are, with the userfaultfd
 * in @uffd, which is the caller's now; or -errno with an explanation in @why.
 */
int handshake_read(int socket, struct lazymem_range ranges[RANGES_MOST], int *uffd,
		   char why[LAZYMEM_WHY]);

#endif
