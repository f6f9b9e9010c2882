// SPDX-License-Identifier: GPL-2.0-only
/* What all kinds of source have in common; see source.h. */
#include <stdbool.h>
#include <string.h>

#include "image.h"
#include "source.h"

const struct source_ops *source_kind(const char *where)
{
	static const char *const schemes[] = {
		"nbd://", "nbds://", "nbd+unix://", "nbds+unix://", "nbd+vsock://",
		"nbds+vsock://",
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncmp(where, schemes[i], strlen(schemes[i])))
			return &source_nbd;
	return &source_file;
}

struct source *source_new(struct lazymem_image *image)
{
	struct source *source = image->ops->new();

	if (!source)
		return NULL;
	source->ops = image->ops;
	source->image = image;
	return source;
}

void source_free(struct source *source)
{
	source->ops->close(source);
	source->ops->free(source);
}

/*
 * A read for a fault is not shortened, so it is a hole only as a whole. Others end where the
 * hole or the data does, but have one page at least: a page that begins with a hole and has
 * data in it is read.
 */
void source_found(struct source_read *read, uint64_t alike, bool hole)
{
	read->hole = hole && alike >= (read->length < read->unit ? read->length : read->unit);
	if (alike >= read->length || !read->patient || read->length <= read->unit) {
		read->hole &= alike >= read->length;
		return;
	}
	read->length = alike < read->unit ? read->unit : alike - alike % read->unit;
}
