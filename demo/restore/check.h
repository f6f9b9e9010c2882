/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest must see the contents of the file; a difference ends the program with 1. */
#ifndef RESTORE_CHECK_H
#define RESTORE_CHECK_H

#include <stddef.h>

#include "image.h"

/* Compare @seen, which the guest has read from @page, with the file. */
void check_page(struct image *image, size_t page, const unsigned char *seen);

/* Compare the whole memory with the file by checksums, and print both. */
void check_all(struct image *image, int guest);

#endif
