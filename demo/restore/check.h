/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest has to see what the file has; what differs ends the program with 1. */
#ifndef RESTORE_CHECK_H
#define RESTORE_CHECK_H

#include <stddef.h>

#include "image.h"

/* @seen is what the guest has read of @page. */
void check_page(struct image *image, size_t page, const unsigned char *seen);

/* All of it, by checksums, which are shown. */
void check_all(struct image *image, int guest);

#endif
