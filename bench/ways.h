/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways to collect pages that are measured side by side.
 *
 * The number of faults in flight is a parameter of the module: it is set right before a
 * call, and restored at the end.
 */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include <stdbool.h>

#include "probe.h"

enum way {
	STOCK,		/* hmm_range_fault(), the mmap lock held throughout */
	RESTART,	/* begin again on each dropped lock, as mainline's call does */
	MAINLINE,	/* the kernel's own hmm_range_fault_unlocked_timeout() */
	OURS_1,		/* the engine, one fault in flight */
	OURS_N,		/* the engine, several */
	WAYS
};

#define SEVERAL		32

#define WITH(way)	(1U << (way))
/* Mainline's call, where the kernel has it. */
#define WITH_MAINLINE	(way_exists(MAINLINE) ? WITH(MAINLINE) : 0)
/* The two that begin again on each dropped lock. */
#define RESTARTING_WAYS	(WITH(RESTART) | WITH_MAINLINE)
/* For pages that a page server brings: the stock call fails. */
#define DROPPING_WAYS	(RESTARTING_WAYS | WITH(OURS_1) | WITH(OURS_N))
/*
 * If no fault drops the lock, nothing begins again, and never more than one fault is in
 * flight.
 */
#define STEADY_WAYS	(WITH(STOCK) | WITH_MAINLINE | \
			 WITH(way_exists(OURS_N) ? OURS_N : OURS_1))

const char *way_name(enum way way);

/* Whether the kernel and the loaded module have the way. */
bool way_exists(enum way way);

/* Set the parameters of the way; returns the call to make. */
enum hmmu_probe_call way_take(enum way way);

/*
 * Set a parameter of the module, a number or a boolean (0, 1). Returns false if the
 * module has no such parameter.
 */
bool parameter_set(const char *parameter, unsigned int value);
void parameters_restore(void);

#endif
