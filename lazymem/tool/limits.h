/* SPDX-License-Identifier: GPL-2.0-only */
/* How many clients the process's descriptors are enough for. */
#ifndef LAZYMEM_LIMITS_H
#define LAZYMEM_LIMITS_H

/**
 * struct limits - how many there may be
 * @served: clients that are served
 * @connections: clients in all: served, refused, or not known yet
 * @files: descriptors that the process may have
 */
struct limits {
	unsigned int served;
	unsigned int connections;
	unsigned long files;
};

/*
 * Raise the process's own limit of descriptors (RLIMIT_NOFILE) as far as it may, and compute
 * from it. @wished: --max-clients.
 */
struct limits limits_set(unsigned int wished);

#endif
