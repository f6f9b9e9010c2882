/* SPDX-License-Identifier: GPL-2.0-only */
/* From a scenario to a verdict, and from a violation to its story. */
#ifndef MODEL_SEARCH_H
#define MODEL_SEARCH_H

#include <stdbool.h>

#include "explorer/run.h"

/*
 * Each returns true if nothing was violated; else it has told the story, unless
 * @brief.
 */
bool search_all(bool brief, bool from_start);
bool search_dice(unsigned int runs, unsigned long seed);
bool search_replay(const char *schedule);

#endif
