// SPDX-License-Identifier: GPL-2.0-only
/* A stretch of an image and its holes; see extents.h. */
#include "extents.h"

void extents_begin(struct extents *extents, uint64_t start)
{
	extents->start = start;
	extents->count = 0;
}

/* Pieces have their end, not their length: a look-up compares offsets. */
bool extents_add(struct extents *extents, uint64_t length, bool zero)
{
	unsigned int n = extents->count;

	if (n == EXTENTS_MOST)
		return false;
	extents->at[n].end = (n ? extents->at[n - 1].end : extents->start) + length;
	extents->at[n].zero = zero;
	extents->count++;
	return true;
}

/* Servers may split a hole or data into several pieces: they count as one. */
bool extents_look_up(const struct extents *extents, struct source_read *read)
{
	uint64_t end;
	unsigned int i = 0;
	bool zero;

	if (!extents->count || read->offset < extents->start)
		return false;
	while (i < extents->count && extents->at[i].end <= read->offset)
		i++;
	if (i == extents->count)
		return false;
	zero = extents->at[i].zero;
	for (end = extents->at[i].end; ++i < extents->count && extents->at[i].zero == zero;)
		end = extents->at[i].end;
	source_found(read, end - read->offset, zero);
	return true;
}
