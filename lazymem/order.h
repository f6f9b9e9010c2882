/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recorded order: the order in which faults asked for pages, kept to read ahead in that
 * order next time.
 *
 * A text file. The first line names the format; each other line is an offset in the image,
 * in hex, and the bytes that were asked for there. It is read line by line as it is needed,
 * never as a whole, so it may be of any length.
 */
#ifndef LAZYMEM_ORDER_H
#define LAZYMEM_ORDER_H

#include <stdint.h>
#include <stdio.h>

#include "lazymem.h"

/* Add a line. By any session's thread. */
void order_note(struct lazymem_order *order, uint64_t offset, uint64_t size);

/* @file: NULL before order_open() and after order_close(). @line: for explanations */
struct order_reader {
	FILE *file;
	unsigned int line;
};

/*
 * Both return 0, or -errno with an explanation in @why; order_next() returns 1 at the end.
 * order_close() may be called without order_open(), and twice.
 */
int order_open(struct order_reader *reader, const char *path, char why[LAZYMEM_WHY]);
int order_next(struct order_reader *reader, uint64_t *offset, uint64_t *size,
	       char why[LAZYMEM_WHY]);
void order_close(struct order_reader *reader);

#endif
