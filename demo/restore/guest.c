// SPDX-License-Identifier: GPL-2.0-only
/* A guest of /dev/hmm_region with one region, which it may read. */
#include <string.h>

#include "content.h"
#include "fail.h"
#include "guest.h"
#include "region.h"

#define MOST	(HMM_REGION_ACCESS_MAX / PAGE)

int guest_start(const void *memory, size_t pages, unsigned int window)
{
	int guest = region_partition(window, 0);
	int ret = region_set(guest, 0, pages, memory, HMM_REGION_READ);

	if (ret)
		die("the region of %zu pages cannot be set: %s", pages,
		    strerror(-ret));
	return guest;
}

unsigned int guest_read(int guest, size_t first, size_t pages, void *to)
{
	struct hmm_region_access access = {
		.guest_pfn = first,
		.length = pages * PAGE,
		.access = HMM_REGION_READ,
		.data = (uintptr_t)to,
	};
	int ret = region_access(guest, &access);

	if (ret)
		die("the guest cannot read page %zu: %s",
		    first + access.done / PAGE, strerror(-ret));
	return access.intercepts;
}

void guest_checksum(int guest, const struct image *image,
		    char text[CHECKSUM_SIZE])
{
	static char contents[HMM_REGION_ACCESS_MAX];
	struct checksum sum;

	checksum_begin(&sum);
	for (size_t at = 0, n; at < image->pages; at += n) {
		n = image->pages - at < MOST ? image->pages - at : MOST;
		guest_read(guest, at, n, contents);
		checksum_add(&sum, contents, image_bytes(image, at, n));
	}
	checksum_end(&sum, text);
}
