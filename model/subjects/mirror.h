/* SPDX-License-Identifier: GPL-2.0-only */
/* A driver on the mirror kit: what the subjects that run the kit share. */
#ifndef MODEL_SUBJECTS_MIRROR_H
#define MODEL_SUBJECTS_MIRROR_H

#include "subjects/subjects.h"

extern const struct plain_notifier mirror_notifier;

/* The call to come is that of a mirror of the scenario's interval. */
void mirror_register(void);

/* The device's map() fails: an errno, for which the contract knows the reason. */
int device_fails_to_map(void);

#endif
