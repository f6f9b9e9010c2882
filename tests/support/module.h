/* SPDX-License-Identifier: GPL-2.0-only */
/* The modules under test and their references, and what the kernel has. */
#ifndef TESTS_MODULE_H
#define TESTS_MODULE_H

#include <stdbool.h>

#define ENGINE_MODULE	"hmm_unlocked"
#define PROBE_MODULE	"hmm_unlocked_probe"
#define DMIRROR_MODULE	"hmm_dmirror"
#define REGION_MODULE	"hmm_region"
#define TEMPLATE_MODULE	"hmm_unlocked_template"

/* References on a module, -1 if it is not loaded. */
int module_references(const char *name);

/* Returns 0 or -errno. */
int module_unload(const char *name);

/* With @parameters, "" for none. Returns 0 or -errno. */
int module_load(const char *name, const char *parameters);

/* Unload or load all modules; a failure ends the case. */
void modules_unload(void);
void modules_load(void);

/* Is there a function of this name in the kernel or in a module? */
bool kernel_has_function(const char *name);

#endif
