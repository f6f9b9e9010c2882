// SPDX-License-Identifier: GPL-2.0-only
/* The pages of a mapping and their bits; see pages.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "keep.h"
#include "pages.h"

static size_t bits_bytes(uint64_t count)
{
	return (count + 63) / 64 * 8;
}

static void bits_free(unsigned long *bits, uint64_t count)
{
	if (bits)
		munmap(bits, bits_bytes(count));
}

void pages_free(struct pages *pages)
{
	struct piece *piece;

	while ((piece = pages->pieces)) {
		pages->pieces = piece->next;
		free(piece);
	}
	free(pages->doubts);
	bits_free(pages->done, pages->count);
	bits_free(pages->zero, pages->count);
	bits_free(pages->dirty, pages->count);
	free(pages);
}

struct pages *pages_new(struct keep *keep, uint64_t offset, uint64_t count, size_t size,
			struct pages_places places)
{
	struct pages *pages = calloc(1, sizeof(*pages));

	if (!pages)
		return NULL;
	pages->offset = offset;
	pages->count = count;
	pages->size = size;
	pages->places = places;
	pages->done = keep_bits(keep, count, &pages->places.done);
	pages->zero = keep_bits(keep, count, &pages->places.zero);
	if (size > PAGE_LEAST)
		pages->doubts = calloc(count, 1);
	if (places.dirty)
		pages->dirty = keep_bits(keep, count, &pages->places.dirty);
	if (pages->done && pages->zero && !pages->dirty == !places.dirty && (pages->doubts || size == PAGE_LEAST))
		return pages;
	pages_free(pages);
	return NULL;
}

/* Pieces that touch become one: a client cannot make more of them than its pages have. */
int pages_give_back_piece(struct pages *pages, uint64_t index, uint32_t from, uint32_t to)
{
	struct piece **at = &pages->pieces, *piece;

	while ((piece = *at)) {
		if (piece->index != index || piece->to < from || to < piece->from) {
			at = &piece->next;
			continue;
		}
		from = from < piece->from ? from : piece->from;
		to = to > piece->to ? to : piece->to;
		*at = piece->next;
		free(piece);
	}
	piece = malloc(sizeof(*piece));
	if (!piece)
		return -ENOMEM;
	*piece = (struct piece) { pages->pieces, index, from, to };
	pages->pieces = piece;
	return 0;
}

void pages_clear_pieces(const struct pages *pages, uint64_t index, char *content)
{
	for (const struct piece *piece = pages->pieces; piece; piece = piece->next)
		if (piece->index == index)
			memset(content + piece->from, 0, piece->to - piece->from);
}

static int pages_clone_pieces(struct pages *to, const struct pages *from)
{
	int error = 0;

	for (const struct piece *piece = from->pieces; !error && piece; piece = piece->next)
		error = pages_give_back_piece(to, piece->index, piece->from, piece->to);
	return error;
}

/* Without ->dirty: children of a client are not watched. */
struct pages *pages_clone(struct keep *keep, const struct pages *from)
{
	struct pages *pages = pages_new(keep, from->offset, from->count, from->size,
					(struct pages_places) {});

	if (pages && pages_clone_pieces(pages, from)) {
		pages_free(pages);
		pages = NULL;
	}
	if (!pages)
		return NULL;
	memcpy(pages->done, from->done, bits_bytes(from->count));
	memcpy(pages->zero, from->zero, bits_bytes(from->count));
	pages->start = from->start;
	pages->no_zeropage = from->no_zeropage;
	return pages;
}

int pages_watch(struct keep *keep, struct pages *pages)
{
	if (!pages->dirty)
		pages->dirty = keep_bits(keep, pages->count, &pages->places.dirty);
	return pages->dirty ? 0 : -ENOMEM;
}

uint64_t pages_missing(const struct pages *pages)
{
	uint64_t done = 0;

	for (uint64_t i = 0; i < (pages->count + 63) / 64; i++)
		done += __builtin_popcountl(pages->done[i]);
	return pages->count - done;
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
