/* SPDX-License-Identifier: GPL-2.0-only */
/* Progress of a program, in pages: a bar that moves, or lines. */
#ifndef DEMO_PROGRESS_H
#define DEMO_PROGRESS_H

#include <stddef.h>

/* progress_show() moves a bar; after progress_plain() it prints a line for each tenth. */
void progress_plain(void);
void progress_show(size_t done, size_t all);

#endif
