/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FAULT_PACE_H
#define _FAULT_PACE_H

#include <linux/hmmu_pace.h>

unsigned int hmmu_pace_next(const struct hmmu_pace *pace, unsigned int limit);
unsigned int hmmu_pace_pages(const struct hmmu_pace *pace, unsigned int width);
void hmmu_pace_note(struct hmmu_pace *pace, unsigned int width,
		    unsigned int pages, u64 ns);

#endif
