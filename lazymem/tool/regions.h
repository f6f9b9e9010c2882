/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of mappings in JSON, as Firecracker's page-fault handlers get them. */
#ifndef LAZYMEM_REGIONS_H
#define LAZYMEM_REGIONS_H

#include <json-c/json.h>
#include <stdbool.h>

#include "lazymem.h"

#define REGIONS_MOST	1024

/*
 * Read a list into @ranges. page_size is 0 where the client does not tell it. Numbers are not
 * checked against each other or the image. Returns how many there are; -EPROTO.
 */
int regions_read(struct json_object *list, struct lazymem_range ranges[REGIONS_MOST],
		  char why[LAZYMEM_WHY]);

/* A member that is a whole number and not negative. */
bool regions_number(struct json_object *object, const char *name, uint64_t *to);

#endif
