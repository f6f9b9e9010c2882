/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model: what every page of a process's arena must hold, for every reader.
 *
 * Each write gives the page a new version, and the version determines the whole
 * content. Only one thread changes what pages hold or who may access them, and it marks
 * pages as changing meanwhile. So other threads may look at any time: what they saw is
 * checked if the page's number of changes was even, and is the same afterwards.
 *
 * A page may have several possible versions where the kernel or a server decides which
 * one. The first version that the changing thread sees is the page's version from then
 * on. The exception is memory given back by MADV_FREE, which may become zeros until it
 * is written.
 *
 * Hazard: a version that is left out reports a right page as wrong; one too many hides
 * a wrong page. So each action adds exactly the versions that it can leave.
 */
#ifndef TESTS_SOAK_SHADOW_H
#define TESTS_SOAK_SHADOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content.h"

#define ARENA_PAGES	2048
#define VERSIONS_MOST	4
#define LAST		8

/*
 * Zeros; and what a server brings for a page, with the page's number in the other bits.
 */
#define VERSION_ZEROS	0U
#define VERSION_SERVED	0x80000000U

enum {
	PAGE_MAPPED	= 1 << 0,
	PAGE_READ	= 1 << 1,
	PAGE_WRITE	= 1 << 2,
	PAGE_SHARED	= 1 << 3,
	/*
	 * Behind userfaultfd, now or before: a server may bring the page if it is
	 * missing.
	 */
	PAGE_SERVED	= 1 << 4,
	/* Given back by MADV_FREE: the kernel may take the page at any time. */
	PAGE_LAZY	= 1 << 5,
	/* May be poisoned: an access may fail. */
	PAGE_LOST	= 1 << 6,
};

#define PAGE_RW		(PAGE_MAPPED | PAGE_READ | PAGE_WRITE)

/**
 * struct shadow_page - a page
 * @changes: odd while the page is being changed
 * @may: its possible versions
 * @nr_may: how many these are
 * @flags: PAGE_*
 * @last: the last actions on the page
 * @nr_last: how many actions there were in all
 */
struct shadow_page {
	_Atomic uint32_t changes;
	uint32_t may[VERSIONS_MOST];
	uint8_t nr_may;
	uint8_t flags;
	uint8_t last[LAST];
	uint32_t nr_last;
};

struct shadow {
	char *base;
	uint64_t series;
	uint32_t version;
	struct shadow_page pages[ARENA_PAGES];
};

/* A run of pages. */
struct run {
	size_t page;
	size_t pages;
};

static inline char *run_at(const struct shadow *shadow, struct run run)
{
	return shadow->base + run.page * PAGE;
}

/* Mark the begin and the end of a change. */
void shadow_begin(struct shadow *shadow, struct run run);
void shadow_end(struct shadow *shadow, struct run run);

/* Between these two: the page has this version, and no other. */
void shadow_set(struct shadow_page *page, uint32_t version);
/* The page may have this version, too. Returns false if there are too many versions. */
bool shadow_add(struct shadow_page *page, uint32_t version);

/* Whether all pages have all of @flags. */
bool shadow_all(const struct shadow *shadow, struct run run, uint8_t flags);
/* Whether any page has any of @flags. */
bool shadow_any(const struct shadow *shadow, struct run run, uint8_t flags);

/* Take the numbers of changes; whether no page has changed since, or is changing. */
void shadow_watch(const struct shadow *shadow, struct run run, uint32_t *changes);
bool shadow_stands(const struct shadow *shadow, struct run run,
		   const uint32_t *changes);

/* Write the content of @version; whether @content is that of @version. */
void shadow_fill(const struct shadow *shadow, void *to, uint32_t version);
bool shadow_is(const struct shadow *shadow, const void *content, uint32_t version);

/* Which of @page's possible versions @content is, or -1. */
int shadow_which(const struct shadow *shadow, const struct shadow_page *page,
		 const void *content);

/* Describe in words which version @content is. */
void shadow_tell(const struct shadow *shadow, const void *content, char *text,
		 size_t size);

#endif
