/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When a part of a session next has work. Each part has two calls beside each other:
 * X_run() does what can be done now; X_due() returns the time (clock_ns()) from which
 * X_run() has something to do although no file descriptor becomes ready. The loop sleeps
 * in ppoll() until the earliest of these times.
 */
#ifndef LAZYMEM_DUE_H
#define LAZYMEM_DUE_H

#include <stdint.h>

#define MS		1000000ULL
#define SECOND		(1000 * MS)

/* Nothing to do until a file descriptor is ready or another part makes work. */
#define DUE_NEVER	UINT64_MAX

/*
 * After -EAGAIN: the client is inside fork(), mremap(), munmap() or madvise(). Its event
 * has been read by then, but its thread must run before the kernel accepts a copy again.
 */
#define CHANGING_NS	MS
/* So long it is only tried again sooner: the gap between two changes may be short. */
#define CHANGING_BUSY_NS	SECOND

static inline uint64_t due_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
