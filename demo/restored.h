/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of this process that lazymem brings from an image when it is accessed: a
 * session in a thread of ours. All that goes wrong with it ends the program, for in a
 * demonstration nothing is to be waited for.
 */
#ifndef DEMO_RESTORED_H
#define DEMO_RESTORED_H

#include <pthread.h>
#include <stddef.h>

#include "image.h"
#include "lazymem.h"

#define RESTORED_PATH	32

/**
 * struct restored - such memory
 * @pages: how many, from the image's beginning on
 * @options: window, read_ahead and latency_us are the caller's; the others are set here
 * @base: address of page 0
 * @session: what brings it
 */
struct restored {
	size_t pages;
	struct lazymem_options options;
	char *base;
	struct lazymem *session;
	/* private */
	char path[RESTORED_PATH];
	pthread_t thread;
};

/* End the program, saying why, if the page server cannot read the image here. */
void restored_check(const struct image *image);

/* Set @base and @session; from then on it is served. @image stays open. */
void restored_map(struct restored *restored, const struct image *image);
void restored_unmap(struct restored *restored);

#endif
