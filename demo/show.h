/* SPDX-License-Identifier: GPL-2.0-only */
/* What the demonstration shows: a bar that moves, and a table. */
#ifndef DEMO_SHOW_H
#define DEMO_SHOW_H

#include <stddef.h>

#include "probe.h"

/* A bar, or after show_plain() a line for each tenth. */
void show_plain(void);
void show_progress(size_t done, size_t all);

void show_table_head(void);
void show_table_row(const char *name, size_t pages,
		    const struct hmmu_probe_run *run);

#endif
