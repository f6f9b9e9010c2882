/* SPDX-License-Identifier: GPL-2.0-only */
/* The table that compares the calls: a row for each. */
#ifndef DEMO_SHOW_H
#define DEMO_SHOW_H

#include <stddef.h>

#include "probe.h"

void show_table_head(void);
void show_table_row(const char *name, size_t pages,
		    const struct hmmu_probe_run *run);

#endif
