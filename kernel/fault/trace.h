/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the engine: begin; fault, drop, resume, restart in any order; end.
 * A task makes one call at a time, so task and range tell calls apart. The events of
 * a fault thread have one page as their range, and no begin and end.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hmm_unlocked

#if !defined(_FAULT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _FAULT_TRACE_H

#include <linux/tracepoint.h>

#include "call.h"

TRACE_DEFINE_ENUM(HMM_UNLOCKED_MOVED_WAITING);
TRACE_DEFINE_ENUM(HMM_UNLOCKED_MOVED_HELD);
TRACE_DEFINE_ENUM(HMM_UNLOCKED_MOVED_DROPPED);
TRACE_DEFINE_ENUM(HMM_UNLOCKED_MOVED_YIELDED);

#define show_moved_cause(cause)						\
	__print_symbolic(cause,						\
			 { HMM_UNLOCKED_MOVED_WAITING, "waiting" },	\
			 { HMM_UNLOCKED_MOVED_HELD, "held" },		\
			 { HMM_UNLOCKED_MOVED_DROPPED, "dropped" },	\
			 { HMM_UNLOCKED_MOVED_YIELDED, "yielded" })

TRACE_EVENT(hmm_unlocked_begin,
	TP_PROTO(const struct hmmu_call *call),
	TP_ARGS(call),
	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(unsigned long, default_flags)
		__field(unsigned long, pfn_flags_mask)
		__field(unsigned long, limit)
	),
	TP_fast_assign(
		__entry->start = call->range->start;
		__entry->end = call->range->end;
		__entry->default_flags = call->range->default_flags;
		__entry->pfn_flags_mask = call->range->pfn_flags_mask;
		__entry->limit = call->limit.allowed;
	),
	TP_printk("range=%#lx-%#lx default=%#lx mask=%#lx limit=%lu",
		  __entry->start, __entry->end, __entry->default_flags,
		  __entry->pfn_flags_mask, __entry->limit)
);

TRACE_EVENT(hmm_unlocked_fault,
	TP_PROTO(const struct hmmu_call *call, unsigned long addr,
		 unsigned int flags, unsigned int result),
	TP_ARGS(call, addr, flags, result),
	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, addr)
		__field(unsigned int, flags)
		__field(unsigned int, result)
	),
	TP_fast_assign(
		__entry->start = call->range->start;
		__entry->addr = addr;
		__entry->flags = flags;
		__entry->result = result;
	),
	TP_printk("range=%#lx addr=%#lx flags=%#x result=%#x", __entry->start,
		  __entry->addr, __entry->flags, __entry->result)
);

TRACE_EVENT(hmm_unlocked_drop,
	TP_PROTO(const struct hmmu_call *call, unsigned long addr, u64 waited),
	TP_ARGS(call, addr, waited),
	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, addr)
		__field(u64, waited)
	),
	TP_fast_assign(
		__entry->start = call->range->start;
		__entry->addr = addr;
		__entry->waited = waited;
	),
	TP_printk("range=%#lx addr=%#lx waited_ns=%llu", __entry->start,
		  __entry->addr, __entry->waited)
);

TRACE_EVENT(hmm_unlocked_resume,
	TP_PROTO(const struct hmmu_call *call, int ret),
	TP_ARGS(call, ret),
	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->start = call->range->start;
		__entry->ret = ret;
	),
	TP_printk("range=%#lx ret=%d", __entry->start, __entry->ret)
);

TRACE_EVENT(hmm_unlocked_restart,
	TP_PROTO(const struct hmmu_call *call),
	TP_ARGS(call),
	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, from)
		__field(unsigned int, cause)
	),
	TP_fast_assign(
		__entry->start = call->range->start;
		__entry->from = call->from;
		__entry->cause = call->cause;
	),
	TP_printk("range=%#lx from=%#lx cause=%s", __entry->start,
		  __entry->from, show_moved_cause(__entry->cause))
);

TRACE_EVENT(hmm_unlocked_end,
	TP_PROTO(const struct hmmu_call *call, int ret),
	TP_ARGS(call, ret),
	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(int, ret)
		__field(u64, entries_read)
		__field(u64, faults)
		__field(u64, lock_drops)
		__field(u64, restarts)
	),
	TP_fast_assign(
		__entry->start = call->range->start;
		__entry->ret = ret;
		__entry->entries_read =
			call->counters.n[HMM_UNLOCKED_ENTRIES_READ];
		__entry->faults = call->counters.n[HMM_UNLOCKED_FAULTS];
		__entry->lock_drops = call->counters.n[HMM_UNLOCKED_LOCK_DROPS];
		__entry->restarts = call->counters.n[HMM_UNLOCKED_RESTARTS];
	),
	TP_printk("range=%#lx ret=%d entries_read=%llu faults=%llu lock_drops=%llu restarts=%llu",
		  __entry->start, __entry->ret, __entry->entries_read,
		  __entry->faults, __entry->lock_drops, __entry->restarts)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
