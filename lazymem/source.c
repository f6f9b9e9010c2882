// SPDX-License-Identifier: GPL-2.0-only
/* What all kinds of source have in common; see source.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lazymem.h"
#include "source.h"

#define OPEN_MS	10000

static bool source_is_nbd(const char *where)
{
	static const char *const schemes[] = {
		"nbd://", "nbds://", "nbd+unix://", "nbds+unix://", "nbd+vsock://",
		"nbds+vsock://",
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncmp(where, schemes[i], strlen(schemes[i])))
			return true;
	return false;
}

struct source *source_new(const char *where, unsigned int timeout)
{
	const struct source_ops *ops = source_is_nbd(where) ? &source_nbd : &source_file;
	struct source *source = ops->new(where);

	if (!source)
		return NULL;
	source->ops = ops;
	source->where = where;
	source->timeout = timeout;
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

/* Without a session there is no loop: poll() here. */
static enum source_state source_wait_open(struct source *source)
{
	struct pollfd fd;

	while (source->ops->state(source) == SOURCE_OPENING) {
		source->ops->poll(source, &fd);
		if (poll(&fd, 1, OPEN_MS) <= 0) {
			snprintf(source->why, sizeof(source->why),
				 "no answer in %d seconds", OPEN_MS / 1000);
			return SOURCE_GONE;
		}
		source->ops->run(source, fd.revents);
	}
	return source->ops->state(source);
}

int64_t lazymem_image_size(const char *image, char why[LAZYMEM_WHY])
{
	struct source *source = source_new(image, 0);
	int64_t size = -ENOTCONN;

	if (!source) {
		snprintf(why, LAZYMEM_WHY, "out of memory");
		return -ENOMEM;
	}
	source->ops->open(source);
	if (source_wait_open(source) == SOURCE_READY)
		size = source->ops->size(source);
	else
		snprintf(why, LAZYMEM_WHY, "%.*s", LAZYMEM_WHY - 1, source->why);
	source_free(source);
	return size;
}
