// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints of the fault engine are created here. */
#include "call.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
