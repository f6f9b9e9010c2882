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

/* The path of the open file, since the image's own path may mean another file by now. */
static void image_path(char path[RESTORED_PATH], const struct image *image)
{
	snprintf(path, RESTORED_PATH, "/proc/self/fd/%d", image->fd);
}

void restored_check(const struct image *image)
{
	char path[RESTORED_PATH], why[LAZYMEM_WHY];

	image_path(path, image);
	if (lazymem_image_size(path, why) < 0)
		die("page server: %s", why);
}

static void restored_options(struct restored *restored, const struct image *image)
{
	image_path(restored->path, image);
	restored->options.image = restored->path;
	restored->options.image_size = image->bytes;
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
	memory_unmap(restored->base, restored->pages);
}
