/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounce buffer: memory of one thread for content on its way from a page cache to the
 * client. It stays in the processor's cache from one page to the next.
 *
 * The memory is a memfd, too, since the kernel can copy from file to file (sendfile).
 */
#ifndef LAZYMEM_BOUNCE_H
#define LAZYMEM_BOUNCE_H

#include <stddef.h>

#include "tried.h"

/**
 * struct bounce - a bounce buffer, used by one thread
 * @at: the memory, or NULL before bounce_make()
 * @size: bytes
 * @file: descriptor of the same memory, or -1
 * @send: for the source: whether sendfile() to @file (the second way) is faster than read()
 */
struct bounce {
	char *at;
	size_t size;
	int file;
	struct tried send;
};

/* @bounce is all zeros before. Returns 0 or -ENOMEM. bounce_free() may be called twice. */
int bounce_make(struct bounce *bounce, size_t size);
void bounce_free(struct bounce *bounce);

#endif
