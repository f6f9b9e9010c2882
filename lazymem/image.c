// SPDX-License-Identifier: GPL-2.0-only
/* Images, opened once for all sessions; see image.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "source.h"

/* Without a session there is no loop: poll() here. The source itself gives up in time. */
static bool image_wait_open(struct source *source)
{
	struct pollfd fd;

	source->ops->open(source);
	while (source->ops->state(source) == SOURCE_OPENING) {
		source->ops->poll(source, &fd);
		if (poll(&fd, 1, 100) > 0)
			source->ops->run(source, fd.revents);
	}
	return source->ops->state(source) == SOURCE_READY;
}

static bool image_fits(struct lazymem_image *image, char why[LAZYMEM_WHY])
{
	image->size = image->how.size ?: image->whole;
	if (image->size <= image->whole)
		return true;
	snprintf(why, LAZYMEM_WHY, "it has %" PRIu64 " bytes, not %" PRIu64 " or more",
		 image->whole, image->size);
	return false;
}

/* As a session does it. What the source learns of the image stays there. */
static bool image_try(struct lazymem_image *image, char why[LAZYMEM_WHY])
{
	struct source *source = source_new(image);

	if (!source)
		return false;
	image->is_open = image_wait_open(source);
	if (!image->is_open)
		snprintf(why, LAZYMEM_WHY, "%.*s", LAZYMEM_WHY - 1, source->why);
	source_free(source);
	return image->is_open && image_fits(image, why);
}

struct lazymem_image *lazymem_image_open(const char *where,
					 const struct lazymem_image_options *how,
					 char why[LAZYMEM_WHY])
{
	struct lazymem_image *image = calloc(1, sizeof(*image));

	snprintf(why, LAZYMEM_WHY, "out of memory");
	if (!image)
		return NULL;
	pthread_mutex_init(&image->lock, NULL);
	image->fd = -1;
	image->ops = source_kind(where);
	image->where = strdup(where);
	if (how)
		image->how = *how;
	if (image->where && (!image->ops->image_open || image->ops->image_open(image, why)) &&
	    image_try(image, why))
		return image;
	lazymem_image_close(image);
	return NULL;
}

uint64_t lazymem_image_size(const struct lazymem_image *image)
{
	return image->size;
}

/* The text stays the same as long as the change does, so it shows what is new. */
bool lazymem_image_changed(struct lazymem_image *image, char why[LAZYMEM_WHY])
{
	bool news;

	why[0] = '\0';
	image->ops->image_differs(image, why);
	pthread_mutex_lock(&image->lock);
	news = strcmp(image->told, why);
	strcpy(image->told, why);
	pthread_mutex_unlock(&image->lock);
	return why[0] && news;
}

const char *lazymem_image_note(const struct lazymem_image *image)
{
	return image->note[0] ? image->note : NULL;
}

void lazymem_image_close(struct lazymem_image *image)
{
	if (!image)
		return;
	image->ops->image_close(image);
	pthread_mutex_destroy(&image->lock);
	free(image->where);
	free(image);
}
