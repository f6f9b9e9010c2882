/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of an image: for each mapping of the client one struct pages, with bits that
 * say what has become of each page. It says nothing about addresses; ranges.h does.
 *
 * A struct pages lives as long as its session, even when the client has unmapped all of
 * it. So the queue of faults and the slots may keep a struct page_ref for any time.
 *
 * The bits are advice for reading ahead. A fault is answered whatever they say: the kernel
 * knows better which pages are there. Only the session's thread writes them. The helper
 * reads @zero, which is changed only after slots_quiesce().
 */
#ifndef LAZYMEM_PAGES_H
#define LAZYMEM_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of pages that there are: small ones, and hugetlb's. */
#define PAGE_LEAST	4096UL
#define PAGE_MOST	(2UL << 20)

/**
 * struct piece - a part of a huge page that the client has given back
 * @next: in struct pages
 * @index: the page
 * @from: first byte in the page
 * @to: end of the piece
 *
 * The kernel makes such a piece zeros if the page is there, and otherwise does nothing.
 */
struct piece {
	struct piece *next;
	uint64_t index;
	uint32_t from, to;
};

struct keep;

/* Where bits are in the session's memfd (keep.h). 0: not there. */
struct pages_places {
	uint64_t done, zero, dirty;
};

/**
 * struct pages - what the client has mapped of the image, in one piece
 * @next: next mapping, in the order of lazymem_new()'s ranges
 * @start: where page 0 was when it was mapped
 * @offset: where page 0 is in the image, in bytes
 * @count: how many pages there are
 * @size: bytes per page, 4096 to 2 MiB
 * @no_zeropage: the kernel refuses UFFDIO_ZEROPAGE here (hugetlb); zeros are copied.
 *		 Atomic: it is set while the helper may read it
 * @no_protect: the kernel refuses pages that are write-protected: it is not registered in that
 *		mode. Atomic, too
 * @done: bit i: page i is in place, poisoned, given back or unmapped; reading ahead skips it
 * @zero: bit i: the client has given page i back to the kernel. From then on its content is
 *	  zeros, never the image's
 * @pieces: what was given back of pages that were not given back as a whole
 * @doubts: for huge pages, a number each: how often the kernel said that the page is there
 *	    although a fault waited for it (slot.c). NULL for small pages
 * @dirty: bit i: page i was written to since it was taken last. NULL: not watched
 * @places: of these bits
 */
struct pages {
	struct pages *next;
	uint64_t start;
	uint64_t offset;
	uint64_t count;
	size_t size;
	_Atomic bool no_zeropage;
	_Atomic bool no_protect;
	unsigned long *done;
	unsigned long *zero;
	struct piece *pieces;
	uint8_t *doubts;
	unsigned long *dirty;
	struct pages_places places;
};

/* One page of the image. @pages NULL: no page. */
struct page_ref {
	struct pages *pages;
	uint64_t index;
};

/* Pages @low to @high - 1. Empty: both are the same. */
struct span {
	uint64_t low, high;
};

static inline bool bits_test(const unsigned long *bits, uint64_t index)
{
	return bits[index / 64] >> index % 64 & 1;
}

static inline void bits_set(unsigned long *bits, uint64_t index)
{
	bits[index / 64] |= 1UL << index % 64;
}

static inline void bits_clear(unsigned long *bits, uint64_t index)
{
	bits[index / 64] &= ~(1UL << index % 64);
}

/*
 * NULL: out of memory. Bits are in @keep's memfd if it has one; they are new unless @places
 * says where they are. A clone has the same bits, but is not watched.
 */
struct pages *pages_new(struct keep *keep, uint64_t offset, uint64_t count, size_t size,
			struct pages_places places);
struct pages *pages_clone(struct keep *keep, const struct pages *from);
void pages_free(struct pages *pages);

/* Bytes @from to @to of page @index were given back. Returns 0 or -ENOMEM. */
int pages_give_back_piece(struct pages *pages, uint64_t index, uint32_t from, uint32_t to);
/* @content is page @index's: make zeros of the pieces that were given back. */
void pages_clear_pieces(const struct pages *pages, uint64_t index, char *content);

/* Make room for dirty bits. Returns 0 or -ENOMEM. */
int pages_watch(struct keep *keep, struct pages *pages);

/* How many pages are not done. */
uint64_t pages_missing(const struct pages *pages);

/* The first page at or after @from that is not done, or @pages->count. */
uint64_t pages_next_missing(const struct pages *pages, uint64_t from);

#endif
