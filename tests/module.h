/* SPDX-License-Identifier: GPL-2.0-only */
/* The modules themselves: unloading and loading them. */
#ifndef TESTS_MODULE_H
#define TESTS_MODULE_H

#define ENGINE_MODULE	"hmm_unlocked"
#define PROBE_MODULE	"hmm_unlocked_probe"

/* References on a module, -1 if it is not loaded. */
int module_references(const char *name);

/* Both modules out or in; a failure ends the case. */
void modules_unload(void);
void modules_load(void);

#endif
