/* SPDX-License-Identifier: GPL-2.0-only */
/* The file that is restored. */
#ifndef DEMO_IMAGE_H
#define DEMO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "checksum.h"

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

/* Bytes of the image in @pages pages from @first. */
size_t image_bytes(const struct image *image, size_t first, size_t pages);

/* Its checksum, or that of its first @pages pages. */
void image_checksum(struct image *image, size_t pages, char text[CHECKSUM_SIZE]);

/* What was read of it is to come from the disk again. */
void image_forget(const struct image *image);

/* Read @pages pages from @first. Ends the program on failure. */
void image_read(void *to, uint64_t first, size_t pages, const struct image *image);

#endif
