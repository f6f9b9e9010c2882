/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every page of a process's arena must hold, whoever looks.
 *
 * Each write gives the page a version of its own, and a version tells the whole content. One
 * thread alone changes what pages hold or who may access them, and it marks them as changing
 * meanwhile. So others may look at any time: what they saw counts if the page's number of
 * changes was even and is the same afterwards.
 *
 * A page may have several versions where it is up to the kernel or to a server which one it
 * is. The first to be seen by the thread that changes things is the one it has, but for
 * memory given back by MADV_FREE, which may become zeros until it is written.
 *
 * Hazard: a version that is left out makes a failure of what is right, one too many hides
 * what is wrong. So each action says exactly what it leaves.
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

/* Zeros; and what a server brings for a page, whose number stands in the other bits. */
#define VERSION_ZEROS	0U
#define VERSION_SERVED	0x80000000U

enum {
	PAGE_MAPPED	= 1 << 0,
	PAGE_READ	= 1 << 1,
	PAGE_WRITE	= 1 << 2,
	PAGE_SHARED	= 1 << 3,
	/* Behind userfaultfd, or was: what is missing may be brought by a server. */
	PAGE_SERVED	= 1 << 4,
	/* Given back, and taken whenever the kernel likes. */
	PAGE_LAZY	= 1 << 5,
	/* May be poisoned: not to be had is right, too. */
	PAGE_LOST	= 1 << 6,
};

#define PAGE_RW		(PAGE_MAPPED | PAGE_READ | PAGE_WRITE)

/**
 * struct shadow_page - a page
 * @changes: odd while it is being changed
 * @may: the versions it may have
 * @nr_may: how many these are
 * @flags: PAGE_*
 * @last: the last actions that it has seen
 * @nr_last: how many it has seen in all
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

/* The pages change from here, and have changed. */
void shadow_begin(struct shadow *shadow, struct run run);
void shadow_end(struct shadow *shadow, struct run run);

/* To be called in between: the page has this version, and no other. */
void shadow_set(struct shadow_page *page, uint32_t version);
/* It may have this one, too. Returns false if there are too many. */
bool shadow_add(struct shadow_page *page, uint32_t version);

/* Whether all have all of @flags. */
bool shadow_all(const struct shadow *shadow, struct run run, uint8_t flags);
/* Whether one has one of @flags. */
bool shadow_any(const struct shadow *shadow, struct run run, uint8_t flags);

/* The numbers of changes, and whether no page has changed since. */
void shadow_watch(const struct shadow *shadow, struct run run, uint32_t *changes);
bool shadow_stands(const struct shadow *shadow, struct run run,
		   const uint32_t *changes);

/* What version @version of any page is, and whether @content is that. */
void shadow_fill(const struct shadow *shadow, void *to, uint32_t version);
bool shadow_is(const struct shadow *shadow, const void *content, uint32_t version);

/* Which of @page's versions @content is, -1 if it is none. */
int shadow_which(const struct shadow *shadow, const struct shadow_page *page,
		 const void *content);

/* Say in words what version @content is, if it is any. */
void shadow_tell(const struct shadow *shadow, const void *content, char *text,
		 size_t size);

#endif
