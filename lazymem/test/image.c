// SPDX-License-Identifier: GPL-2.0-only
/* Images whose content each case can check page by page. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "fixture.h"

#define SEED	7

/* Pages of zeros: lazymem must recognise them, as they are no holes of the file. */
static bool image_is_hole(size_t page)
{
	return page % 16 == 7;
}

/*
 * A file's times move by ticks of the kernel (before Linux 6.13). Wait until a change of the
 * file will show in them.
 */
static void image_settle(int fd)
{
	struct timespec now;
	struct stat filled;

	if (fstat(fd, &filled))
		die_errno("cannot look at an image");
	do {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (now.tv_sec < filled.st_mtim.tv_sec ||
		 (now.tv_sec == filled.st_mtim.tv_sec &&
		  now.tv_nsec <= filled.st_mtim.tv_nsec));
}

static void image_fill(int fd, size_t pages)
{
	char page[PAGE];

	for (size_t i = 0; i < pages; i++) {
		content_fill(page, SEED, i, 1);
		if (image_is_hole(i))
			memset(page, 0, PAGE);
		if (write(fd, page, PAGE) != PAGE)
			die_errno("cannot write an image");
	}
	image_settle(fd);
}

const char *image_make(size_t pages)
{
	const char *path = fixture_path("image");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	image_fill(fd, pages);
	close(fd);
	return path;
}

/* The memfd stays open in this process, and its path is valid as long. */
const char *image_in_memory(size_t pages)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	char *path;

	image_fill(fd, pages);
	if (asprintf(&path, "/proc/%d/fd/%d", getpid(), fd) < 0)
		die("out of memory");
	return path;
}

struct lazymem_image *image_open(const char *path)
{
	char why[LAZYMEM_WHY];
	struct lazymem_image *image = lazymem_image_open(path, NULL, why);

	if (!image)
		FAIL("%s: %s", path, why);
	return image;
}

size_t image_wrong(const void *memory, size_t first, size_t pages)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++) {
		const char *page = (const char *)memory + i * PAGE;

		wrong += image_is_hole(first + i) ? content_not_zero(page, 1) :
			 content_wrong(page, SEED, first + i, 1);
	}
	return wrong;
}
