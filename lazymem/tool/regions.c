// SPDX-License-Identifier: GPL-2.0-only
/* Lists of mappings: parsed; see regions.h. */
#include <errno.h>
#include <stdio.h>

#include "regions.h"

#define SMALL	4096UL

bool regions_number(struct json_object *object, const char *name, uint64_t *to)
{
	struct json_object *field;

	if (!json_object_object_get_ex(object, name, &field) ||
	    !json_object_is_type(field, json_type_int) ||
	    json_object_get_int64(field) < 0)
		return false;
	*to = json_object_get_int64(field);
	return true;
}

/*
 * page_size_kib, the older name, should be KiB, but Firecracker gives bytes there. No page
 * has 4096 KiB or more, so such a value is bytes. 0: not told.
 */
static uint64_t regions_page_size(struct json_object *object)
{
	uint64_t size = 0;

	if (regions_number(object, "page_size", &size))
		return size ?: 1;
	if (!regions_number(object, "page_size_kib", &size))
		return 0;
	return size < SMALL ? (size ?: 1) << 10 : size;
}

/* Fields that are not known mean nothing here: VMMs may add some. */
static int regions_read_one(struct json_object *object, size_t i, struct lazymem_range *range,
			     char why[LAZYMEM_WHY])
{
	const char *missing = NULL;

	if (!json_object_is_type(object, json_type_object)) {
		snprintf(why, LAZYMEM_WHY, "mapping %zu is not an object", i);
		return -EPROTO;
	}
	if (!regions_number(object, "base_host_virt_addr", &range->start))
		missing = "base_host_virt_addr";
	else if (!regions_number(object, "size", &range->size))
		missing = "size";
	else if (!regions_number(object, "offset", &range->offset))
		missing = "offset";
	if (missing) {
		snprintf(why, LAZYMEM_WHY, "mapping %zu has no number \"%s\"", i,
			 missing);
		return -EPROTO;
	}
	range->page_size = regions_page_size(object);
	return 0;
}

int regions_read(struct json_object *list, struct lazymem_range ranges[REGIONS_MOST],
		  char why[LAZYMEM_WHY])
{
	size_t count = json_object_array_length(list);

	if (!count || count > REGIONS_MOST) {
		snprintf(why, LAZYMEM_WHY, "it does not have from 1 to %d mappings",
			 REGIONS_MOST);
		return -EPROTO;
	}
	for (size_t i = 0; i < count; i++) {
		struct json_object *object = json_object_array_get_idx(list, i);
		int error = regions_read_one(object, i, &ranges[i], why);

		if (error)
			return error;
	}
	return count;
}
