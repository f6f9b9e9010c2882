/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest whose memory is memory of this process, from guest page 0 on. */
#ifndef RESTORE_GUEST_H
#define RESTORE_GUEST_H

#include <stddef.h>

#include "image.h"

/* Its file; close() ends it. These end the program on failure. */
int guest_start(const void *memory, size_t pages, unsigned int window);

/* A virtual CPU reads. Returns how many of the pages were not mapped yet. */
unsigned int guest_read(int guest, size_t first, size_t pages, void *to);

/* The checksum of all that @image is to have brought, as the guest sees it. */
void guest_checksum(int guest, const struct image *image,
		    char text[CHECKSUM_SIZE]);

#endif
