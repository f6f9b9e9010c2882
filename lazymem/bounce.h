/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounce buffer: what one thread fetches from a page cache is there until it is copied
 * on. It is a file as well, for kernels copy from file to file, too.
 */
#ifndef LAZYMEM_BOUNCE_H
#define LAZYMEM_BOUNCE_H

#include <stddef.h>

#include "tried.h"

/*
 * @at: NULL: there is none
 * @file: the same memory from its beginning on; -1: it is none
 * @send: the source's: whether it is faster to have the kernel copy (the second way)
 */
struct bounce {
	char *at;
	size_t size;
	int file;
	struct tried send;
};

/* @bounce is all zeros. Returns 0 or -ENOMEM. */
int bounce_make(struct bounce *bounce, size_t size);
void bounce_free(struct bounce *bounce);

#endif
