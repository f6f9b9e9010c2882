/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the mirror kit. Causes and names are text: tools that do not know the
 * kernel's enums can count by them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hmmu_mirror

#if !defined(_MIRROR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _MIRROR_TRACE_H

#include <linux/mmu_notifier.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "mirror.h"

#ifndef HMMU_CAUSE_LEN
#define HMMU_CAUSE_LEN	16

static inline const char *hmmu_cause_name(enum mmu_notifier_event event)
{
	switch (event) {
	case MMU_NOTIFY_UNMAP:
		return "unmap";
	case MMU_NOTIFY_CLEAR:
		return "clear";
	case MMU_NOTIFY_PROTECTION_VMA:
		return "protection_vma";
	case MMU_NOTIFY_PROTECTION_PAGE:
		return "protection_page";
	case MMU_NOTIFY_SOFT_DIRTY:
		return "soft_dirty";
	case MMU_NOTIFY_RELEASE:
		return "release";
	case MMU_NOTIFY_MIGRATE:
		return "migrate";
	case MMU_NOTIFY_EXCLUSIVE:
		return "exclusive";
	default:
		return "other";
	}
}
#endif

TRACE_EVENT(hmmu_mirror_begin,
	TP_PROTO(const struct hmmu_flight *flight, unsigned long start,
		 unsigned long end),
	TP_ARGS(flight, start, end),
	TP_STRUCT__entry(
		__field(const void *, mirror)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__array(char, name, HMMU_CAUSE_LEN)
	),
	TP_fast_assign(
		__entry->mirror = flight->mirror;
		__entry->start = start;
		__entry->end = end;
		strscpy_pad(__entry->name, flight->name, HMMU_CAUSE_LEN);
	),
	TP_printk("mirror=%p range=%#lx-%#lx name=%s", __entry->mirror,
		  __entry->start, __entry->end, __entry->name)
);

TRACE_EVENT(hmmu_mirror_retry,
	TP_PROTO(const struct hmmu_flight *flight),
	TP_ARGS(flight),
	TP_STRUCT__entry(
		__field(const void *, mirror)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(unsigned int, pass)
		__array(char, cause, HMMU_CAUSE_LEN)
	),
	TP_fast_assign(
		__entry->mirror = flight->mirror;
		__entry->start = flight->notifier.interval_tree.start;
		__entry->end = flight->notifier.interval_tree.last + 1;
		__entry->pass = flight->pass;
		strscpy_pad(__entry->cause, hmmu_cause_name(flight->cause),
			HMMU_CAUSE_LEN);
	),
	TP_printk("mirror=%p window=%#lx-%#lx pass=%u cause=%s",
		  __entry->mirror, __entry->start, __entry->end, __entry->pass,
		  __entry->cause)
);

TRACE_EVENT(hmmu_mirror_invalidate,
	TP_PROTO(const struct hmmu_mirror *mirror,
		 const struct mmu_notifier_range *range),
	TP_ARGS(mirror, range),
	TP_STRUCT__entry(
		__field(const void *, mirror)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__array(char, cause, HMMU_CAUSE_LEN)
	),
	TP_fast_assign(
		__entry->mirror = mirror;
		__entry->start = range->start;
		__entry->end = range->end;
		strscpy_pad(__entry->cause, hmmu_cause_name(range->event),
			HMMU_CAUSE_LEN);
	),
	TP_printk("mirror=%p range=%#lx-%#lx cause=%s", __entry->mirror,
		  __entry->start, __entry->end, __entry->cause)
);

TRACE_EVENT(hmmu_mirror_end,
	TP_PROTO(const struct hmmu_flight *flight, unsigned long start,
		 unsigned long end, int ret),
	TP_ARGS(flight, start, end, ret),
	TP_STRUCT__entry(
		__field(const void *, mirror)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->mirror = flight->mirror;
		__entry->start = start;
		__entry->end = end;
		__entry->ret = ret;
	),
	TP_printk("mirror=%p range=%#lx-%#lx ret=%d", __entry->mirror,
		  __entry->start, __entry->end, __entry->ret)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
