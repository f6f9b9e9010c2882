/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of statistics: a number a line, after its name. */
#ifndef LIB_STATS_H
#define LIB_STATS_H

#include <stdint.h>

/*
 * The sum of the lines of @path whose name is @name or, if that ends in '*', begins
 * with it. Ends the program if there is none.
 */
uint64_t stats_sum(const char *path, const char *name);

#endif
