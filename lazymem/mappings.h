/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the client says of its mappings: the list that it sends first, and what it adds and
 * removes later (lazymem_map(), lazymem_unmap()). What the kernel can tell is not believed:
 * the size of pages.
 */
#ifndef LAZYMEM_MAPPINGS_H
#define LAZYMEM_MAPPINGS_H

#include <stddef.h>

#include "lazymem.h"

/* Take the first list. Returns 0, or -errno with an explanation in @why. */
int mappings_take(struct lazymem *session, int uffd, const struct lazymem_range *ranges,
		  size_t count, char why[LAZYMEM_WHY]);

#endif
