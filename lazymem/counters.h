/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a session counts while any thread may read it: struct lazymem_stats, which is a copy
 * for the user, with atomic fields. C++ has no such type, so the public header does without.
 */
#ifndef LAZYMEM_COUNTERS_H
#define LAZYMEM_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* As in struct lazymem_stats. Written by the session's thread. */
struct counters {
	_Atomic uint64_t total;
	_Atomic uint64_t missing;
	_Atomic uint64_t served;
	_Atomic uint64_t prefetched;
	_Atomic uint64_t zero;
	_Atomic uint64_t faults;
	_Atomic uint64_t waiting;
	_Atomic uint64_t failed;
	_Atomic uint64_t holes;
};

#endif
