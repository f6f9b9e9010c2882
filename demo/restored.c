// SPDX-License-Identifier: GPL-2.0-only
/* Maps memory, registers it with a userfaultfd, and runs a lazymem session for it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "content.h"
#include "fail.h"
#include "memory.h"
#include "restored.h"
#include "uffd.h"

static void server_message(void *arg, const char *text)
{
	die("page server: %s", text);
}

static void *server_run(void *session)
{
	int error = lazymem_run(session);

	if (error)
		die("page server: it ended early: %s", strerror(-error));
	return NULL;
}

/* By the path of the open file, since the image's own path may mean another by now. */
static struct lazymem_image *restored_image(const struct image *image)
{
	struct lazymem_image_options how = { .size = image->bytes };
	char path[32], why[LAZYMEM_WHY];
	struct lazymem_image *opened;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", image->fd);
	opened = lazymem_image_open(path, &how, why);
	if (!opened)
		die("page server: %s", why);
	return opened;
}

void restored_check(const struct image *image)
{
	lazymem_image_close(restored_image(image));
}

static void restored_options(struct restored *restored, const struct image *image)
{
	restored->options.image = restored_image(image);
	restored->options.message = server_message;
}

static int restored_register(const struct restored *restored)
{
	char why[LAZYMEM_WHY];
	uint64_t features;
	int uffd = lazymem_uffd(0, 0, &features, why), error;

	if (uffd < 0)
		die("page server: %s", why);
	error = uffd_register(uffd, restored->base, restored->pages * PAGE,
			      UFFDIO_REGISTER_MODE_MISSING);
	if (error)
		die("userfaultfd does not take the memory: %s", strerror(-error));
	return uffd;
}

void restored_map(struct restored *restored, const struct image *image)
{
	struct lazymem_range range = {
		.size = restored->pages * PAGE,
		.page_size = PAGE,
	};
	char why[LAZYMEM_WHY];

	restored_options(restored, image);
	restored->base = memory_map(restored->pages, MADV_NOHUGEPAGE);
	range.start = (uintptr_t)restored->base;
	restored->session = lazymem_new(&restored->options, NULL,
					restored_register(restored), -1, &range,
					1, why);
	if (!restored->session)
		die("page server: %s", why);
	if (pthread_create(&restored->thread, NULL, server_run, restored->session))
		die("cannot start the page server's thread");
}

void restored_unmap(struct restored *restored)
{
	lazymem_stop(restored->session, LAZYMEM_DROP);
	pthread_join(restored->thread, NULL);
	lazymem_free(restored->session);
	lazymem_image_close(restored->options.image);
	memory_unmap(restored->base, restored->pages);
}
