/* SPDX-License-Identifier: GPL-2.0-only */
/* The image: the file or block device that is restored. */
#ifndef DEMO_IMAGE_H
#define DEMO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "checksum.h"

/**
 * struct image - a file or block device, as pages
 * @fd: file descriptor, open for reading
 * @bytes: length; only the first @bytes are restored
 * @pages: length in pages; the last page is padded with zeros
 */
struct image {
	int fd;
	uint64_t bytes;
	size_t pages;
};

/* Open @path, to restore its first @bytes bytes (0: all). Ends the program on failure. */
struct image image_open(const char *path, uint64_t bytes);

/* Make a file of @bytes random bytes. Ends the program on failure. */
struct image image_make(uint64_t bytes);

/* Bytes of the image in @pages pages from @first. */
size_t image_bytes(const struct image *image, size_t first, size_t pages);

/* Checksum of the first @pages pages. */
void image_checksum(struct image *image, size_t pages, char text[CHECKSUM_SIZE]);

/* Drop the image from the page cache, so that it is read from the disk again. */
void image_forget(const struct image *image);

/* Read @pages pages from @first. Ends the program on failure. */
void image_read(void *to, uint64_t first, size_t pages, const struct image *image);

#endif
