/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order in which pages were asked for, kept to bring them in that order next time. A
 * text file: after the first line, each line is an offset in the image, in hex, and the
 * bytes that were asked for there. It is read as it is needed, never as a whole.
 */
#ifndef LAZYMEM_ORDER_H
#define LAZYMEM_ORDER_H

#include <stdint.h>
#include <stdio.h>

#include "lazymem.h"

void order_note(struct lazymem_order *order, uint64_t offset, uint64_t size);

struct order_reader {
	FILE *file;
	unsigned int line;
};

/* Return 0 or -errno with an explanation; order_next() 1 at the end. */
int order_open(struct order_reader *reader, const char *path, char why[LAZYMEM_WHY]);
int order_next(struct order_reader *reader, uint64_t *offset, uint64_t *size,
	       char why[LAZYMEM_WHY]);
void order_close(struct order_reader *reader);

#endif
