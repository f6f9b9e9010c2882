/* SPDX-License-Identifier: GPL-2.0-only */
/* The file that is restored. */
#ifndef DEMO_IMAGE_H
#define DEMO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct image - a file, or block device, as pages
 * @fd: open for reading
 * @bytes: how much of it counts
 * @pages: the same in pages, the last one padded with zeros
 */
struct image {
	int fd;
	uint64_t bytes;
	size_t pages;
};

/* Open @path, of which @bytes count (0: all). Ends the program on failure. */
struct image image_open(const char *path, uint64_t bytes);

/* Make a file of @bytes random bytes. Ends the program on failure. */
struct image image_make(uint64_t bytes);

/* A fill function of a page server; @arg is the struct image. */
void image_read(void *to, uint64_t first, size_t pages, void *arg);

#endif
