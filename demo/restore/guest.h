/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest of /dev/hmm_region: its memory, from guest page 0 on, is of this process. */
#ifndef RESTORE_GUEST_H
#define RESTORE_GUEST_H

#include <stddef.h>

#include "image.h"

/* Returns the guest's file; close() ends the guest. Ends the program on failure. */
int guest_start(const void *memory, size_t pages, unsigned int window);

/*
 * A virtual CPU reads @pages pages. Returns how many of them were not mapped yet. Ends
 * the program on failure.
 */
unsigned int guest_read(int guest, size_t first, size_t pages, void *to);

/* Checksum of the guest's memory, over the bytes of @image. */
void guest_checksum(int guest, const struct image *image,
		    char text[CHECKSUM_SIZE]);

#endif
