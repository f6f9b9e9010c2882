// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints tell where a call or a flight begins and ends: what is on the stack
 * then, and that nothing is any more.
 */
#include <stdarg.h>

#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/state.h"
#include "explorer/totals.h"
#include "fault/call.h"
#include "mirror/mirror.h"

void model_call_traced(const char *name, const struct hmmu_call *call)
{
	bool ends = !strcmp(name, "hmm_unlocked_end");

	/* A thread's is part of the subject's. */
	if (running != SUBJECT)
		return;
	state_counters(ends ? NULL : &call->counters);
	if (!scenario.subject->plain)
		return;
	/* Who makes these calls does not get to see their counters one by one. */
	if (ends)
		totals_expect_call(&call->counters);
	else if (!strcmp(name, "hmm_unlocked_begin"))
		contract_flight_calls();
}

void model_flight_traced(const char *name, const struct hmmu_flight *flight)
{
	if (!strcmp(name, "hmmu_mirror_begin"))
		contract_flight_begins();
}

const char *model_symbol(unsigned long value, const struct model_symbol *symbols)
{
	while (symbols->name && symbols->value != value)
		symbols++;
	return symbols->name ? symbols->name : "(unknown)";
}

void model_trace(const char *name, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (!telling)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tell("trace", "%s: %s", name, text);
}
