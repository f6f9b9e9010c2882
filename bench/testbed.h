/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory to be collected, and whoever brings it. Made anew for each call, as a call
 * leaves nothing missing.
 */
#ifndef BENCH_TESTBED_H
#define BENCH_TESTBED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lazymem_process.h"
#include "uffd.h"

enum memory_kind {
	SMALL,		/* pages of 4 KiB */
	THP,		/* advised to be transparent huge pages */
	HUGETLB,	/* of 2 MiB */
};

enum source {
	KERNEL,		/* anonymous memory: allocated by the kernel when faulted */
	SERVER,		/* lib/server.c, in this process */
	LAZYMEM_FILE,	/* lazymem, from a file that is cached */
	LAZYMEM_NBD,	/* lazymem, from nbdkit */
};

/**
 * struct place - where the device's pages are
 * @memory: of which kind
 * @source: who brings it
 * @latency_us: how long after it was asked for a page comes
 * @window_kib: how much lazymem brings for a fault
 * @pages: length in 4 KiB pages
 * @at: set by place_make(): the first page
 */
struct testbed {
	enum memory_kind memory;
	enum source source;
	unsigned int latency_us;
	unsigned int window_kib;
	size_t pages;
	char *at;
	/* private */
	char *base;
	size_t before;
	struct server server;
	struct lazymem_process process;
};

const char *memory_kind_name(enum memory_kind memory);
/* "server"; of lazymem with the window: "nbd/32k". */
const char *testbed_source(const struct testbed *testbed, char *text, size_t size);

/* Why there cannot be one here, or NULL. */
const char *testbed_lacks(const struct testbed *testbed);

void testbed_make(struct testbed *testbed);
void testbed_drop(struct testbed *testbed);

/* Have every @step-th page of the range there, whoever brings it. */
void testbed_touch(struct testbed *testbed, size_t step);

/* After the last place of a process. */
void testbed_end(void);

#endif
