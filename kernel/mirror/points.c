// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints of the mirror kit are created here. */
#include "mirror.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
