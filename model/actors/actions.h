/* SPDX-License-Identifier: GPL-2.0-only */
/* What actors can do: each action is a list of steps. */
#ifndef MODEL_ACTIONS_H
#define MODEL_ACTIONS_H

#include <stdbool.h>

#include "kernel/kernel.h"

enum operand { NO_OPERAND, ONE_PAGE, PAGES, PAGES_AREA, PAGES_TO, NUMBER };

struct operation;

/* first..last are pages; area are VM_* flags; number is a page or an amount. */
struct action {
	const struct operation *operation;
	unsigned int first, last;
	u32 area;
	unsigned long number;
};

const struct operation *operation_by_name(const char *name);
enum deeds operation_deeds(const struct operation *operation);
enum operand operation_operand(const struct operation *operation);
const char *operation_name(const struct operation *operation);
void operations_help(FILE *file);

/* Does an action under way have the page locked, or evict? */
bool actors_lock_page(unsigned int page);
bool actors_evict(void);

/* Can the actor do its next step? */
bool actor_enabled(unsigned int actor);
void actor_step(unsigned int actor);

#endif
