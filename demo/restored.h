/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Restored memory: memory of this process that lazymem brings from an image when it is
 * accessed. The lazymem session runs in a thread of this process. Each error ends the
 * program: a demonstration has nothing to fall back to.
 */
#ifndef DEMO_RESTORED_H
#define DEMO_RESTORED_H

#include <pthread.h>
#include <stddef.h>

#include "image.h"
#include "lazymem.h"

/**
 * struct restored - restored memory
 * @pages: length in pages, from the beginning of the image
 * @options: the caller sets window, prefetch and latency_us; restored_map() the others
 * @base: address of page 0
 * @session: the lazymem session
 */
struct restored {
	size_t pages;
	struct lazymem_options options;
	char *base;
	struct lazymem *session;
	/* private */
	pthread_t thread;
};

/* End the program with a message if lazymem cannot read the image in this process. */
void restored_check(const struct image *image);

/* Map the memory and start to serve it. Sets @base and @session; keep @image open. */
void restored_map(struct restored *restored, const struct image *image);
void restored_unmap(struct restored *restored);

#endif
