// SPDX-License-Identifier: GPL-2.0-only
/* Compares what the guest reads with the file, page by page and as a whole. */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "content.h"
#include "guest.h"

/* The first virtual CPU here ends the program; others wait at the mutex for the end. */
static void tell_page(size_t page, const unsigned char *seen,
		      const unsigned char *file)
{
	static pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER;
	size_t i = 0;

	while (seen[i] == file[i])
		i++;
	pthread_mutex_lock(&ending);
	fflush(stdout);
	errx(1, "byte %zu of page %zu: the guest has read 0x%02x, the file has 0x%02x",
	     i, page, seen[i], file[i]);
}

void check_page(struct image *image, size_t page, const unsigned char *seen)
{
	unsigned char file[PAGE];

	image_read(file, page, 1, image);
	if (memcmp(seen, file, PAGE))
		tell_page(page, seen, file);
}

void check_all(struct image *image, int guest)
{
	char file[CHECKSUM_SIZE], seen[CHECKSUM_SIZE];

	image_checksum(image, image->pages, file);
	printf("\n  sha256 of the file:             %s\n", file);
	guest_checksum(guest, image, seen);
	printf("  sha256 of what the guest sees:  %s\n", seen);
	fflush(stdout);
	if (strcmp(file, seen))
		errx(1, "the guest's memory is not what the file has");
}
