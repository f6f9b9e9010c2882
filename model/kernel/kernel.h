/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The include seam: all that the engine's #include lines resolve to.
 *
 * The Makefile makes one forwarder to this file for each kernel header that the
 * engine names, so its sources are compiled as they are. What follows is of two
 * kinds. Stubs do nothing: what they do in the kernel has no meaning here. The
 * functions declared at the end behave, and are the model: each of them is a
 * place where the rest of the world may act, see schedule.h.
 *
 * Values are those of the kernel, but for PMD_SHIFT: a page table of 16 entries
 * lets a small scenario have several.
 */
#ifndef MODEL_KERNEL_H
#define MODEL_KERNEL_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef unsigned int vm_fault_t;

/* The kernel that the model is of. */
#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE	KERNEL_VERSION(6, 12, 0)
#define CONFIG_HMM_MIRROR	1
#define CONFIG_DEVICE_PRIVATE	1
#define CONFIG_DEVICE_MIGRATION	1
#define IS_ENABLED(option)	option
#define HMMU_HAS_MAKE_DEVICE_EXCLUSIVE	0

#define BITS_PER_LONG		64
#define PAGE_SHIFT		12
#define PMD_SHIFT		(PAGE_SHIFT + 4)
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PMD_SIZE		(1UL << PMD_SHIFT)
#define ALIGN(n, to)		(((n) + (to) - 1) / (to) * (to))
#define PAGE_ALIGNED(n)		(!((n) & (PAGE_SIZE - 1)))

#define min_t(type, a, b)		min((type)(a), (type)(b))
#define min(a, b)	({ __auto_type a_ = (a); __auto_type b_ = (b); \
			   a_ < b_ ? a_ : b_; })
#define max(a, b)	({ __auto_type a_ = (a); __auto_type b_ = (b); \
			   a_ > b_ ? a_ : b_; })
#define min3(a, b, c)	min(min(a, b), c)
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(n, low, high)	min(max(n, low), high)
#define div_u64(n, d)		((n) / (d))
#define ilog2(n)		(31 - __builtin_clz(n))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, n)	(*(volatile __typeof__(x) *)&(x) = (n))
#define static_assert(condition)	_Static_assert(condition, #condition)

/* Stubs: linkage, annotations. */
#define __init
#define __exit
#define __force
#define EXPORT_SYMBOL_GPL(symbol)	struct model_unused
#define MODULE_PARM_DESC(name, text)	struct model_unused
#define MODULE_DESCRIPTION(text)	struct model_unused
#define MODULE_VERSION(text)		struct model_unused
#define MODULE_LICENSE(text)		struct model_unused
#define module_init(function)	int model_module_init(void) { return function(); }
#define module_exit(function)	void model_module_exit(void) { function(); }
int model_module_init(void);
void model_module_exit(void);

#define WARN_ON_ONCE(condition) ({			\
	bool bad_ = (condition);			\
							\
	if (bad_)					\
		model_warn(#condition);			\
	bad_; })
#define WARN_ONCE(condition, ...) ({			\
	bool bad_ = (condition);			\
							\
	if (bad_)					\
		model_warn(#condition);			\
	bad_; })
void model_warn(const char *condition);

/* Parameters are set by the scenario. */
struct model_parameter {
	const char *name;
	void *value;
};

#define module_param(variable, type, mode)				\
	static const struct model_parameter model_parameter_##variable	\
	__attribute__((used, section("model_parameters"))) =		\
	{ #variable, &variable }

/* Stubs: one CPU, one file in debugfs. */
#define DEFINE_PER_CPU(type, name)	__typeof__(type) name
#define get_cpu_ptr(pointer)		(pointer)
#define put_cpu_ptr(pointer)		((void)(pointer))
#define per_cpu_ptr(pointer, cpu)	(pointer)
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < 1; (cpu)++)

struct dentry;
struct seq_file {
	FILE *file;
};

#define seq_printf(m, ...)	fprintf((m)->file, __VA_ARGS__)
#define DEFINE_SHOW_ATTRIBUTE(name) \
	static int (*const name##_fops)(struct seq_file *, void *) = name##_show
#define debugfs_create_dir(name, parent)	((struct dentry *)NULL)
#define debugfs_create_file(name, mode, dir, data, fops) \
	(model_debugfs_show = *(fops))
#define debugfs_remove(dir)			(model_debugfs_show = NULL)
extern int (*model_debugfs_show)(struct seq_file *m, void *unused);

/* Tracepoints fill in their record and print it into the story. */
#define TRACE_DEFINE_ENUM(name)		struct model_unused
#define TP_PROTO(...)			__VA_ARGS__
#define TP_ARGS(...)			__VA_ARGS__
#define TP_STRUCT__entry(...)		__VA_ARGS__
#define TP_fast_assign(...)		__VA_ARGS__
#define TP_printk(...)			__VA_ARGS__
#define __field(type, name)		type name;
#define __array(type, name, length)	type name[length];
#define TRACE_EVENT(name, proto, args, fields, assign, print)		\
	static inline void trace_##name(proto)				\
	{								\
		struct { fields } record, *__entry = &record;		\
									\
		assign							\
		model_traced(#name, args);				\
		model_trace(#name, print);				\
	}

/* Whose event it is can be told by its first argument. */
#define model_traced(name, first, ...)					\
	_Generic((first),						\
		 const struct hmmu_call *: model_call_traced,		\
		 const struct hmmu_flight *: model_flight_traced,	\
		 const struct hmmu_mirror *: model_mirror_traced)(name, first)
struct hmmu_call;
struct hmmu_flight;
struct hmmu_mirror;
void model_call_traced(const char *name, const struct hmmu_call *call);
void model_flight_traced(const char *name, const struct hmmu_flight *flight);
void model_mirror_traced(const char *name, const struct hmmu_mirror *mirror);
struct model_symbol {
	unsigned long value;
	const char *name;
};

#define __print_symbolic(value, ...) \
	model_symbol(value, (const struct model_symbol[]){ __VA_ARGS__, {} })
const char *model_symbol(unsigned long value, const struct model_symbol *symbols);
void model_trace(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The address space. */
enum {
	VM_READ		= 0x1,
	VM_WRITE	= 0x2,
	VM_SHARED	= 0x8,
	VM_UFFD_MISSING	= 0x200,
	VM_PFNMAP	= 0x400,
	VM_UFFD_WP	= 0x1000,
	VM_IO		= 0x4000,
	VM_HUGETLB	= 0x400000,
	VM_HUGEPAGE	= 0x20000000,
	VM_NOHUGEPAGE	= 0x40000000,	/* of no VMA here, nor is the next */
	VM_MERGEABLE	= 0x80000000,	/* AREA_MAPPED */
};

typedef struct {
	int counter;
} atomic_t;

#define atomic_read(v)	((v)->counter)
#define atomic_add(n, v)	((void)((v)->counter += (n)))

/* The lock itself is in lock.c; this gives its name to the macros below. */
struct mm_struct {
	atomic_t mm_users;
	char mmap_lock;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_flags;
};

#define mmap_assert_locked(mm)		model_assert_locked()
#define lockdep_assert_held_read(lock)	((void)(lock), model_assert_locked())
#define might_lock_read(lock)		((void)(lock), model_assert_unlocked())

enum {
	FAULT_FLAG_WRITE	= 0x1,
	FAULT_FLAG_ALLOW_RETRY	= 0x4,
	FAULT_FLAG_RETRY_NOWAIT	= 0x8,
	FAULT_FLAG_KILLABLE	= 0x10,
	FAULT_FLAG_TRIED	= 0x20,
	FAULT_FLAG_REMOTE	= 0x80,
};

enum {
	VM_FAULT_OOM		= 0x1,
	VM_FAULT_SIGBUS		= 0x2,
	VM_FAULT_HWPOISON	= 0x10,
	VM_FAULT_HWPOISON_LARGE	= 0x20,
	VM_FAULT_SIGSEGV	= 0x40,
	VM_FAULT_NOPAGE		= 0x100,
	VM_FAULT_RETRY		= 0x400,
	VM_FAULT_FALLBACK	= 0x800,
	VM_FAULT_COMPLETED	= 0x4000,
	VM_FAULT_ERROR		= VM_FAULT_OOM | VM_FAULT_SIGBUS |
				  VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON |
				  VM_FAULT_HWPOISON_LARGE | VM_FAULT_FALLBACK,
};

static inline int vm_fault_to_errno(vm_fault_t result, int foll_flags)
{
	if (result & VM_FAULT_OOM)
		return -ENOMEM;
	if (result & (VM_FAULT_ERROR & ~VM_FAULT_FALLBACK))
		return -EFAULT;
	return 0;
}

/* HMM and the notifier. */
struct interval_tree_node {
	unsigned long start, last;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct mmu_interval_notifier {
	struct interval_tree_node interval_tree;
	const void *ops;
	struct mm_struct *mm;
	struct hlist_node deferred_item;
	unsigned long invalidate_seq;
};

struct hmm_range {
	struct mmu_interval_notifier *notifier;
	unsigned long notifier_seq;
	unsigned long start;
	unsigned long end;
	unsigned long *hmm_pfns;
	unsigned long default_flags;
	unsigned long pfn_flags_mask;
	void *dev_private_owner;
};

#define HMM_PFN_VALID		(1UL << 63)
#define HMM_PFN_WRITE		(1UL << 62)
#define HMM_PFN_ERROR		(1UL << 61)
/* Carried from input to output. */
#define HMM_PFN_DMA_MAPPED	(1UL << 60)
#define HMM_PFN_P2PDMA		(1UL << 59)
#define HMM_PFN_P2PDMA_BUS	(1UL << 58)
#define HMM_PFN_ORDER_SHIFT	53
#define HMM_PFN_FLAGS		(0x7ffUL << HMM_PFN_ORDER_SHIFT)
#define HMM_PFN_REQ_FAULT	HMM_PFN_VALID
#define HMM_PFN_REQ_WRITE	HMM_PFN_WRITE

static inline unsigned int hmm_pfn_to_map_order(unsigned long entry)
{
	return (entry >> HMM_PFN_ORDER_SHIFT) & 0x1f;
}

/* The subject or a thread; what else it is, is part of the world. */
struct task_struct {
	unsigned int flags;
};

#define current			model_current()
struct task_struct *model_current(void);

/* Whose memory it is, and with whose rights: the model has neither. */
struct mem_cgroup;
struct cred;
static inline struct mem_cgroup *get_mem_cgroup_from_mm(struct mm_struct *mm)
{
	return NULL;
}

static inline struct mem_cgroup *set_active_memcg(struct mem_cgroup *memcg)
{
	return NULL;
}

static inline void mem_cgroup_put(struct mem_cgroup *memcg)
{
}

static inline const struct cred *current_cred(void)
{
	return NULL;
}

static inline const struct cred *override_creds(const struct cred *cred)
{
	return NULL;
}

static inline void revert_creds(const struct cred *cred)
{
}

/* Time: four milliseconds a tick. */
#define TICK_NSEC		4000000ULL
#define NSEC_PER_MSEC		1000000L
#define nsecs_to_jiffies(ns)	((unsigned long)((ns) / TICK_NSEC))
#define jiffies			model_jiffies()

#define TASK_KILLABLE		0x102
#define GFP_KERNEL		0xcc0
#define cond_resched()		((void)0)

/* What behaves. */
void model_assert_locked(void);
void model_assert_unlocked(void);
int mmap_read_lock_killable(struct mm_struct *mm);
void mmap_read_unlock(struct mm_struct *mm);
bool mmap_lock_is_contended(struct mm_struct *mm);

struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long addr);
int hmm_range_fault(struct hmm_range *range);
vm_fault_t handle_mm_fault(struct vm_area_struct *vma, unsigned long addr,
			   unsigned int flags, void *regs);
vm_fault_t check_stable_address_space(struct mm_struct *mm);

unsigned long mmu_interval_read_begin(struct mmu_interval_notifier *notifier);
bool mmu_interval_read_retry(struct mmu_interval_notifier *notifier,
			     unsigned long seq);
bool mmu_interval_check_retry(struct mmu_interval_notifier *notifier,
			      unsigned long seq);

void mmu_interval_set_seq(struct mmu_interval_notifier *notifier,
			  unsigned long seq);

bool fatal_signal_pending(const struct task_struct *task);
void usleep_range_state(unsigned long least, unsigned long most,
			unsigned int state);
unsigned long model_jiffies(void);
u64 ktime_get_ns(void);
void *kvcalloc(size_t n, size_t size, unsigned int gfp);
void kvfree(const void *memory);

#include "kernel/kernel_mirror.h"

#endif
