/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of an image's holes: one stretch of it, in pieces that are hole or data. */
#ifndef LAZYMEM_EXTENTS_H
#define LAZYMEM_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source.h"

#define EXTENTS_MOST	256

struct extent {
	uint64_t end;
	bool zero;
};

/* @count pieces follow one another from offset @start on; 0: nothing is known. */
struct extents {
	uint64_t start;
	unsigned int count;
	struct extent at[EXTENTS_MOST];
};

/* Forget what was known; the stretch begins at @start. */
void extents_begin(struct extents *extents, uint64_t start);
/* @length bytes more. Returns false if there is no room for them. */
bool extents_add(struct extents *extents, uint64_t length, bool zero);

/* Pass what is known of @read to source_found(). Returns false if nothing is known. */
bool extents_look_up(const struct extents *extents, struct source_read *read);

#endif
