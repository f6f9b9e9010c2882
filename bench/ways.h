/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways to have a device's pages collected that are measured side by side.
 *
 * One fault or several is the module's parameter: it is set right before a call, and put
 * back in the end.
 */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include <stdbool.h>

#include "probe.h"

enum way {
	STOCK,		/* hmm_range_fault(), the mmap lock held throughout */
	RESTART,	/* begin again on each dropped lock, as mainline's call does */
	OURS_1,		/* the engine, one fault in flight */
	OURS_N,		/* the engine, several */
	WAYS
};

#define SEVERAL		32

#define WITH(way)	(1U << (way))
/* Where a page server brings the pages the stock call fails. */
#define DROPPING_WAYS	(WITH(RESTART) | WITH(OURS_1) | WITH(OURS_N))
/*
 * Where no fault drops the lock there is nothing to begin again for, and never more than
 * one fault in flight.
 */
#define STEADY_WAYS	(WITH(STOCK) | WITH(way_exists(OURS_N) ? OURS_N : OURS_1))

const char *way_name(enum way way);

/* Whether the module that is loaded has it. */
bool way_exists(enum way way);

/* Set what it needs; returns the call to make. */
enum hmmu_probe_call way_take(enum way way);

/* A parameter of the module, a number or 0 and 1: true if there is such, and it is set now. */
bool parameter_set(const char *parameter, unsigned int value);
void parameters_restore(void);

#endif
