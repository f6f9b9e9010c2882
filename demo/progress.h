/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a program is, in pages: a bar that moves, or lines. */
#ifndef DEMO_PROGRESS_H
#define DEMO_PROGRESS_H

#include <stddef.h>

/* A bar, or after progress_plain() a line for each tenth. */
void progress_plain(void);
void progress_show(size_t done, size_t all);

#endif
