// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors that the process may have, and what they are enough for; see limits.h. */
#include <sys/resource.h>

#include "limits.h"

/*
 * A client that is served has up to this many: connection, pidfd, userfaultfd, eventfd, recorded
 * order, source (two for a file, one for an NBD server), two bounce buffers, state; and some
 * to spare. One that is not served has a half.
 */
#define SERVED_FILES	12
#define OTHER_FILES	6
/* What the program has for itself. */
#define OWN_FILES	32
/* No more than this, whatever the limit is: 100 thousand clients. */
#define FILES_MOST	(2UL << 20)

/* The soft limit is for programs that use select(). */
static unsigned long limits_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur < FILES_MOST ? limit.rlim_cur : FILES_MOST;
}

/* A quarter is for clients that are refused, and for connections that say nothing. */
struct limits limits_set(unsigned int wished)
{
	struct limits limits = { .files = limits_files() };
	unsigned long files = limits.files > OWN_FILES ? limits.files - OWN_FILES : 0;
	unsigned long served = files * 3 / 4 / SERVED_FILES ?: 1;

	limits.served = wished < served ? wished : served;
	limits.connections = limits.served +
			     (files > limits.served * SERVED_FILES ?
			      (files - limits.served * SERVED_FILES) / OTHER_FILES : 0);
	if (limits.connections <= limits.served)
		limits.connections = limits.served + 1;
	return limits;
}
