/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel/fault/pace.c under names of its own, for model/kernel/pace.c has the engine's. */
#ifndef MODEL_LEARNED_H
#define MODEL_LEARNED_H

#define hmmu_pace_next	learned_pace_next
#define hmmu_pace_pages	learned_pace_pages
#define hmmu_pace_note	learned_pace_note

#include "fault/pace.h"

#endif
