/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of counters: a name and a number on each line. */
#ifndef LIB_STATS_H
#define LIB_STATS_H

#include <stdint.h>

/*
 * The sum of the lines of @path with this @name; a '*' at the end of @name matches any
 * rest. Ends the program if no line matches.
 */
uint64_t stats_sum(const char *path, const char *name);

#endif
