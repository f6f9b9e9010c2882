// SPDX-License-Identifier: GPL-2.0-only
/* The pages of a mapping and their bits; see pages.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pages.h"

static size_t bits_bytes(uint64_t count)
{
	return (count + 63) / 64 * 8;
}

/* Zeroed. A mapping of its own takes no memory until bits are set. */
static unsigned long *bits_new(uint64_t count)
{
	void *bits = mmap(NULL, bits_bytes(count), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return bits == MAP_FAILED ? NULL : bits;
}

static void bits_free(unsigned long *bits, uint64_t count)
{
	if (bits)
		munmap(bits, bits_bytes(count));
}

void pages_free(struct pages *pages)
{
	bits_free(pages->done, pages->count);
	bits_free(pages->zero, pages->count);
	bits_free(pages->dirty, pages->count);
	free(pages);
}

struct pages *pages_new(uint64_t offset, uint64_t count, size_t size)
{
	struct pages *pages = calloc(1, sizeof(*pages));

	if (!pages)
		return NULL;
	pages->offset = offset;
	pages->count = count;
	pages->size = size;
	pages->done = bits_new(count);
	pages->zero = bits_new(count);
	if (pages->done && pages->zero)
		return pages;
	pages_free(pages);
	return NULL;
}

/* Without ->dirty: children of a client are not watched. */
struct pages *pages_clone(const struct pages *from)
{
	struct pages *pages = pages_new(from->offset, from->count, from->size);

	if (!pages)
		return NULL;
	memcpy(pages->done, from->done, bits_bytes(from->count));
	memcpy(pages->zero, from->zero, bits_bytes(from->count));
	pages->no_zeropage = from->no_zeropage;
	return pages;
}

int pages_watch(struct pages *pages)
{
	if (!pages->dirty)
		pages->dirty = bits_new(pages->count);
	return pages->dirty ? 0 : -ENOMEM;
}

/* 64 pages a step: reading ahead comes here for each read of a large image. */
uint64_t pages_next_missing(const struct pages *pages, uint64_t from)
{
	while (from < pages->count) {
		unsigned long word = ~pages->done[from / 64] >> from % 64;

		if (word) {
			from += __builtin_ctzl(word);
			break;
		}
		from = (from / 64 + 1) * 64;
	}
	return from < pages->count ? from : pages->count;
}
