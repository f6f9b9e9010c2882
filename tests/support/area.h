/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of each kind to populate, and what a device sees of it.
 *
 * An area lies alone between inaccessible addresses and begins at a multiple of 2 MiB:
 * no VMA merges with it, and fault-around stays inside it.
 *
 * A struct mirror is one run of the probe over an area: the requests, the entries the
 * call left, and what the device read through them. The probe has a notifier of exactly
 * that range.
 */
#ifndef TESTS_AREA_H
#define TESTS_AREA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "content.h"
#include "probe.h"
#include "uffd.h"

/* What area_fill() writes: content_fill() of this series, by page. */
#define SERIES		7

#define PAGES_IN_HUGE	(HUGE / PAGE)
#define HUGE_ORDER	9

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct kind - a kind of memory
 * @name: for the names of cases
 * @page_size: what one fault brings
 * @file: open a file of @length bytes that is one hole; NULL for anonymous memory
 * @map_flags: for mmap(2)
 * @advice: for madvise(2), or 0
 * @reads_ahead: a fault may bring other pages beside its own
 */
struct kind {
	const char *name;
	size_t page_size;
	int (*file)(size_t length);
	int map_flags;
	int advice;
	bool reads_ahead;
};

extern const struct kind kind_anon;
extern const struct kind kind_thp;
extern const struct kind kind_shmem;
extern const struct kind kind_shmem_private;
extern const struct kind kind_hugetlb;
extern const struct kind kind_hugetlb_private;
extern const struct kind kind_file;		/* on ramfs */
extern const struct kind kind_file_private;	/* on ramfs */
extern const struct kind kind_disk;		/* the block device zram0 */

static inline size_t kind_pages(const struct kind *kind)
{
	return kind->page_size / PAGE;
}

static inline unsigned int kind_order(const struct kind *kind)
{
	return kind->page_size == HUGE ? HUGE_ORDER : 0;
}

struct area {
	const struct kind *kind;
	char *at;
	size_t pages;
	int fd;
};

/* Reserve inaccessible addresses that begin at a multiple of 2 MiB. */
char *area_reserve(size_t length);

/*
 * Map @pages pages, none of them present. Skips the case if such memory is unavailable.
 */
struct area area_new(const struct kind *kind, size_t pages);

/* As area_new(), at the given address. */
struct area area_at(char *at, const struct kind *kind, size_t pages);

/* Write the pages through the mapping, so that they are present and writable. */
void area_fill(const struct area *area);

/* Write the pages of the file, so that they are cached but not mapped. */
void area_fill_file(const struct area *area);

/*
 * Map the BIOS's ROM instead of @page: memory without a struct page. Skips the case
 * where that is impossible.
 */
void area_map_rom(char *page);

/* Make zram0 a new, empty block device of @length bytes. */
void zram_new(size_t length);

/* As zram_new(), used as swap space. The case has to call swapoff(ZRAM). */
void swap_new(size_t length);

#define ZRAM	"/dev/zram0"

/* The bits of a page-table entry in /proc/self/pagemap. */
#define PAGEMAP_PRESENT		(1ULL << 63)
#define PAGEMAP_SWAPPED		(1ULL << 62)
#define PAGEMAP_PFN(entry)	((entry) & ((1ULL << 55) - 1))

void pagemap_read(const void *at, size_t pages, uint64_t *entries);

/*
 * Swap out the whole area, after swap_new(). Call this on the CPU that has filled the
 * area: a page stays in memory as long as another CPU has not put it on the LRU, maybe
 * for ever.
 */
void area_swap_out(const struct area *area);

/* Fork a child, which inherits no output that is not written yet. Returns 0 in the child. */
pid_t child_fork(void);

/* Wait for the end of a child that must return 0. */
void child_passes(pid_t pid);

/* Fork a process that shares all private memory. It is killed with the case. */
void fork_sharer(void);

/* Open a userfaultfd with @features; skips the case where these are unavailable. */
int uffd_need(uint64_t features, const char *what);

/* How a device asks: by which call, and for which access. */
struct how {
	const char *name;
	enum hmmu_probe_call call;
	uint64_t request;
};

#define NR_OUR_HOWS	4
#define NR_HOWS		6	/* mainline's call, too */
extern const struct how hows[NR_HOWS];

/* Has the kernel such a call? Mainline's own it has from 7.3 on. */
bool how_exists(const struct how *how);

struct variant {
	const struct how *how;
	const void *of;
};

/* Allocate a variant: the variant of a case must never be freed. */
const struct variant *variant_new(const struct how *how, const void *of);

typedef void variant_fn(const void *variant);

/* Add cases NAME/HOW, each with a struct variant, for all ways to ask that exist. */
void add_each_how(variant_fn *fn, const void *of, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As add_each_how(), without mainline's call, which differs: see engine/mainline.c. */
void add_our_hows(variant_fn *fn, const void *of, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As these two, only for the ways that ask @request. */
void add_each_call(variant_fn *fn, const void *of, uint64_t request,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void add_our_calls(variant_fn *fn, const void *of, uint64_t request,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * struct mirror - a range as a device asks for it, and the result
 * @run: the run; it loops, and has a notifier of exactly the range
 * @pages: length of the range
 * @probe: the device
 * @entries: see struct hmmu_probe_run, as are the next three
 * @requests: for mirror_ask()
 * @after: the requests that stood in the entries after the call
 * @contents: what the device read through @entries
 * @tid: the thread of mirror_begin(), once a fault waits
 */
struct mirror {
	struct hmmu_probe_run run;
	size_t pages;
	int probe;
	uint64_t *entries;
	uint8_t *requests;
	uint8_t *after;
	char *contents;
	pid_t tid;
	/* private */
	pthread_t thread;
	int ended;
};

void mirror_init(struct mirror *m, const void *start, size_t pages,
		 const struct how *how);

/* From now on ask for each page what @m->requests says, instead of the default. */
void mirror_ask(struct mirror *m);

/* Make the call; returns run.error. */
int mirror_fault(struct mirror *m);

/*
 * Make the call in a thread. While mirror_waits() returns true a fault waits for the
 * answer to @msg; once it returns false the call is over.
 */
void mirror_begin(struct mirror *m);
bool mirror_waits(struct mirror *m, int uffd, struct uffd_msg *msg);
int mirror_end(struct mirror *m);

/* The page of the range that a message is about. */
size_t mirror_page(const struct mirror *m, const struct uffd_msg *msg);

static inline uint64_t mirror_counted(const struct mirror *m,
				      enum hmm_unlocked_counter which)
{
	return counted(&m->run, which);
}

/* Is it a call of the engine, which counts what it does? */
static inline bool mirror_is_ours(const struct mirror *m)
{
	return m->run.call != HMMU_PROBE_MAINLINE;
}

/* Check a counter, of a call of the engine. */
#define CHECK_COUNTED(m, which, rel, value) do {			\
	if (mirror_is_ours(m))						\
		CHECK_REL(mirror_counted(m, which), rel, value);	\
} while (0)

/* The number of entries that have one of @flags. */
size_t mirror_with(const struct mirror *m, uint64_t flags);

/* The number of entries whose order is @order. */
size_t mirror_with_order(const struct mirror *m, unsigned int order);

/* The number of entries that are not valid, or not the page that is mapped now. */
size_t mirror_untrue(const struct mirror *m);

#endif
