// SPDX-License-Identifier: GPL-2.0-only
/* Opens, makes, reads and checks the image. Each error ends the program. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "fail.h"
#include "image.h"

#define WINDOW	512	/* pages that a checksum reads at a time */

static struct image image_of(int fd, uint64_t bytes)
{
	return (struct image) {
		.fd = fd,
		.bytes = bytes,
		.pages = (bytes + PAGE - 1) / PAGE,
	};
}

struct image image_open(const char *path, uint64_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	off_t size;

	if (fd < 0 || fstat(fd, &stat))
		die_errno("cannot open %s", path);
	if (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode))
		die("%s is neither a file nor a block device", path);
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		die_errno("cannot tell the size of %s", path);
	if (!size)
		die("%s is empty", path);
	if (!bytes)
		bytes = size;
	if (bytes > (uint64_t)size)
		die("%s has %lld bytes: --bytes must be from 1 to that", path,
		    (long long)size);
	return image_of(fd, bytes);
}

struct image image_make(uint64_t bytes)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	char *at;
	uint64_t seed;

	if (fd < 0 || ftruncate(fd, bytes))
		die_errno("cannot make a file of %llu bytes",
			  (unsigned long long)bytes);
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		die_errno("getrandom");
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die_errno("cannot map a file of %llu bytes",
			  (unsigned long long)bytes);
	content_fill(at, seed, 0, bytes / PAGE);
	munmap(at, bytes);
	return image_of(fd, bytes);
}

void image_read(void *to, uint64_t first, size_t pages, const struct image *image)
{
	uint64_t from = first * PAGE;
	size_t want = pages * PAGE, done = 0;
	ssize_t n;

	if (from + want > image->bytes) {
		want = image->bytes - from;
		memset((char *)to + want, 0, pages * PAGE - want);
	}
	for (; done < want; done += n) {
		n = pread(image->fd, (char *)to + done, want - done, from + done);
		if (n < 0)
			die_errno("cannot read the file at %llu",
				  (unsigned long long)(from + done));
		if (!n)
			die("the file ends at %llu, before its end",
			    (unsigned long long)(from + done));
	}
}

size_t image_bytes(const struct image *image, size_t first, size_t pages)
{
	uint64_t left = image->bytes - first * PAGE;

	return left < pages * PAGE ? left : pages * PAGE;
}

void image_checksum(struct image *image, size_t pages, char text[CHECKSUM_SIZE])
{
	static char window[WINDOW * PAGE];
	struct checksum sum;

	checksum_begin(&sum);
	for (size_t at = 0, n; at < pages; at += n) {
		n = pages - at < WINDOW ? pages - at : WINDOW;
		image_read(window, at, n, image);
		checksum_add(&sum, window, image_bytes(image, at, n));
	}
	checksum_end(&sum, text);
}

void image_forget(const struct image *image)
{
	posix_fadvise(image->fd, 0, 0, POSIX_FADV_DONTNEED);
}
