/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A testbed: the memory that a call collects, and what brings its pages. A call leaves
 * no page missing, so a new testbed is made for each call.
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
 * struct testbed - memory and its source
 * @memory: kind of the memory
 * @source: what brings missing pages
 * @latency_us: time from a fault to its answer, in us
 * @window_kib: KiB that lazymem brings for a fault
 * @pages: length in 4 KiB pages
 * @at: set by testbed_make(): address of the first page
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
/* Name of the source: "server"; for lazymem with the window: "nbd/32k". */
const char *testbed_source(const struct testbed *testbed, char *text, size_t size);

/* Returns why this testbed is impossible in this guest, or NULL. */
const char *testbed_lacks(const struct testbed *testbed);

void testbed_make(struct testbed *testbed);
void testbed_drop(struct testbed *testbed);

/* Make every @step-th page of the range present. */
void testbed_touch(struct testbed *testbed, size_t step);

/* After the last testbed: ends what testbeds share. */
void testbed_end(void);

#endif
