/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The include seam, continued: what the mirror kit and the fault threads need of the
 * kernel and a fault does not. Lists, spinlocks, wait queues, threads, and the mm's
 * users.
 *
 * A spinlock is a point before it is taken, and one step until it is released:
 * a task that spins cannot do anything meanwhile that others would see. Each task waits on
 * one queue at most, so a wait queue is no more than a name to be woken by.
 */
#ifndef MODEL_KERNEL_MIRROR_H
#define MODEL_KERNEL_MIRROR_H

#include <signal.h>
#include <stddef.h>
#include <string.h>

#define container_of(pointer, type, member) \
	((type *)((char *)(pointer) - offsetof(type, member)))

struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_add(struct list_head *new, struct list_head *head)
{
	new->next = head->next;
	new->prev = head;
	head->next->prev = new;
	head->next = new;
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = entry->prev = NULL;
}

#define list_for_each_entry(entry, head, member)			\
	for (entry = container_of((head)->next, __typeof__(*entry), member); \
	     &entry->member != (head);					\
	     entry = container_of(entry->member.next, __typeof__(*entry), member))

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add(entry, head);
}

static inline void list_add_tail(struct list_head *new, struct list_head *head)
{
	list_add(new, head->prev);
}

#define LIST_HEAD_INIT(name)		{ &(name), &(name) }
#define LIST_HEAD(name)			struct list_head name = LIST_HEAD_INIT(name)
#define list_first_entry(head, type, member) \
	container_of((head)->next, type, member)
#define list_for_each_entry_safe(entry, after, head, member)		\
	for (entry = container_of((head)->next, __typeof__(*entry), member), \
	     after = container_of(entry->member.next, __typeof__(*entry), member); \
	     &entry->member != (head);					\
	     entry = after,						\
	     after = container_of(entry->member.next, __typeof__(*entry), member))

/* What others do under the lock is done in one step, so it is free at any point. */
typedef struct {
	bool held;
} spinlock_t;

#define DEFINE_SPINLOCK(name)		spinlock_t name
#define spin_lock_init(lock)		((lock)->held = false)
#define lockdep_assert_held(lock)	model_assert_held(lock)
void model_assert_held(const spinlock_t *lock);
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);

/*
 * Waiting. Between the look at the condition and the sleep nothing is lost, as the
 * task is on the queue before it looks.
 */
typedef struct {
	u32 magic;
} wait_queue_head_t;

#define ERESTARTSYS	512

enum model_wait { MODEL_KILLABLE, MODEL_UNKILLABLE, MODEL_IDLE };

#define MODEL_QUEUE_MAGIC		0x71756575
#define init_waitqueue_head(queue)	((queue)->magic = MODEL_QUEUE_MAGIC)
#define model_wait_event(queue, condition, how) ({		\
	int ret_ = 0;						\
								\
	model_wait_begins(&(queue));				\
	while (!(condition)) {					\
		if (!model_sleeps(&(queue), how)) {		\
			ret_ = -ERESTARTSYS;			\
			break;					\
		}						\
	}							\
	model_wait_ends(&(queue), ret_);			\
	ret_; })
#define wait_event_killable(queue, condition) \
	model_wait_event(queue, condition, MODEL_KILLABLE)
#define wait_event(queue, condition) \
	((void)model_wait_event(queue, condition, MODEL_UNKILLABLE))
#define wait_event_idle(queue, condition) \
	((void)model_wait_event(queue, condition, MODEL_IDLE))
void model_wait_begins(const wait_queue_head_t *queue);
bool model_sleeps(const wait_queue_head_t *queue, enum model_wait how);
void model_wait_ends(const wait_queue_head_t *queue, int ret);
void wake_up_all(const wait_queue_head_t *queue);
/* Nobody waits alone (exclusively), so it wakes all. */
#define wake_up(queue)		wake_up_all(queue)

/* An actor does not wait within a step: it comes back and begins again. */
#define wait_event_timeout(queue, condition, ticks) \
	((condition) ? (void)0 : model_actor_waits())
void model_actor_waits(void) __attribute__((noreturn));

#define PF_KTHREAD	0x200000

/* Kernel threads: see kthread.c. */
struct task_struct *kthread_create(int (*function)(void *), void *data,
				   const char *name, ...)
	__attribute__((format(printf, 3, 4)));
int kthread_stop(struct task_struct *task);
bool kthread_should_stop(void);
void wake_up_process(struct task_struct *task);
void allow_kernel_signal(int signal);
void send_sig(int signal, struct task_struct *task, int privileged);
void flush_signals(struct task_struct *task);

#define ERR_PTR(error)	((void *)(long)(error))
#define IS_ERR(pointer)	((unsigned long)(pointer) >= -4095UL)
#define PTR_ERR(pointer) ((long)(pointer))

bool mmget_not_zero(struct mm_struct *mm);
void mmput(struct mm_struct *mm);

void *kzalloc(size_t size, unsigned int gfp);
void *kmalloc_array(size_t n, size_t size, unsigned int gfp);
#define kmalloc(size, gfp)	kmalloc_array(1, size, gfp)
#define kfree(memory)	kvfree(memory)

static inline void strscpy_pad(char *to, const char *from, size_t size)
{
	snprintf(to, size, "%s", from);
}

/* Plain notifiers: the kit is notified of each invalidation of the address space. */
struct mmu_notifier {
	const void *ops;
};

enum mmu_notifier_event {
	MMU_NOTIFY_UNMAP,
	MMU_NOTIFY_CLEAR,
	MMU_NOTIFY_PROTECTION_VMA,
	MMU_NOTIFY_PROTECTION_PAGE,
	MMU_NOTIFY_SOFT_DIRTY,
	MMU_NOTIFY_RELEASE,
	MMU_NOTIFY_MIGRATE,
	MMU_NOTIFY_EXCLUSIVE,
};

struct mmu_notifier_range {
	unsigned long start;
	unsigned long end;
	enum mmu_notifier_event event;
	const void *owner;
};

/*
 * Device memory. To the kit a page is a name and nothing more, made of the number of its
 * frame, whatever the model itself calls by that.
 */
typedef u64 phys_addr_t;

struct page;

enum memory_type {
	MEMORY_DEVICE_PRIVATE = 1,
	MEMORY_DEVICE_COHERENT,
};

struct dev_pagemap {
	void *owner;
	enum memory_type type;
};

enum migrate_vma_direction {
	MIGRATE_VMA_SELECT_SYSTEM		= 0x1,
	MIGRATE_VMA_SELECT_DEVICE_PRIVATE	= 0x2,
	MIGRATE_VMA_SELECT_DEVICE_COHERENT	= 0x4,
};

#define MIGRATE_PFN_VALID	(1UL << 0)
#define MIGRATE_PFN_MIGRATE	(1UL << 1)
#define MIGRATE_PFN_WRITE	(1UL << 3)
#define MIGRATE_PFN_SHIFT	6

struct migrate_vma {
	struct vm_area_struct *vma;
	unsigned long *dst;
	unsigned long *src;
	unsigned long start;
	unsigned long end;
	void *pgmap_owner;
	unsigned long flags;
};

int migrate_vma_setup(struct migrate_vma *args);
void migrate_vma_pages(struct migrate_vma *args);
void migrate_vma_finalize(struct migrate_vma *args);

#define PTRS_PER_PTE			(PMD_SIZE / PAGE_SIZE)
#define DECLARE_BITMAP(name, bits)	unsigned long name[((bits) + 63) / 64]
#define bitmap_zero(map, bits)		memset(map, 0, ((bits) + 63) / 64 * 8)

static inline bool test_bit(unsigned long bit, const unsigned long *map)
{
	return map[bit / 64] >> bit % 64 & 1;
}

static inline void bitmap_set(unsigned long *map, unsigned int bit, unsigned int n)
{
	for (; n--; bit++)
		map[bit / 64] |= 1UL << bit % 64;
}

static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & VM_SHARED);
}

struct page *hmm_pfn_to_page(unsigned long entry);
bool is_zero_pfn(unsigned long pfn);
bool is_zone_device_page(const struct page *page);
bool is_device_coherent_page(const struct page *page);
bool PageAnon(const struct page *page);

/* Exclusive access: see exclusive.c. */
struct rw_semaphore {
	bool unused;
};

int down_read_trylock(struct rw_semaphore *sem);
void down_read(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
int make_device_exclusive_range(struct mm_struct *mm, unsigned long start,
				unsigned long end, struct page **pages,
				void *owner);
unsigned long page_to_pfn(const struct page *page);
/* All pages are small: the two are one. */
struct folio *page_folio(struct page *page);
void folio_unlock(struct folio *folio);
void folio_put(struct folio *folio);
long schedule_timeout_killable(long ticks);

#endif
