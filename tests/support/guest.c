// SPDX-License-Identifier: GPL-2.0-only
/* Reads and writes of a guest, in pieces as long as one access may be. */
#include <string.h>

#include "guest.h"

struct guest guest_new(const struct area *area, unsigned int window,
		       unsigned int batch, uint32_t flags)
{
	struct guest g = {
		.fd = region_partition(window, batch), .area = *area,
	};

	CHECK_EQ(region_set(g.fd, GUEST, area->pages, area->at, flags), 0);
	return g;
}

int guest_access(int fd, uint32_t access, uint64_t pfn, void *data,
		 size_t length)
{
	struct hmm_region_access a = {
		.guest_pfn = pfn,
		.length = length,
		.access = access,
		.data = (uintptr_t)data,
	};
	int ret = region_access(fd, &a);

	CHECK_REL(a.done, <=, length);
	if (!ret)
		CHECK_EQ(a.done, length);
	return ret;
}

static int access_pages(const struct guest *g, uint32_t access, size_t page,
			char *data, size_t pages)
{
	const size_t most = HMM_REGION_ACCESS_MAX / PAGE;
	int ret = 0;

	for (size_t n; pages && !ret; page += n, data += n * PAGE, pages -= n) {
		n = pages < most ? pages : most;
		ret = guest_access(g->fd, access, GUEST + page, data, n * PAGE);
	}
	return ret;
}

int guest_read(const struct guest *g, size_t page, void *to, size_t pages)
{
	return access_pages(g, HMM_REGION_READ, page, to, pages);
}

int guest_write(const struct guest *g, size_t page, const void *from,
		size_t pages)
{
	return access_pages(g, HMM_REGION_WRITE, page, (char *)from, pages);
}

static char *buffer_new(size_t pages)
{
	char *buffer = malloc(pages * PAGE);

	CHECK(buffer);
	return buffer;
}

void guest_fill(const struct guest *g, uint64_t seed, size_t page, size_t pages)
{
	char *buffer = buffer_new(pages);

	content_fill(buffer, seed, page, pages);
	CHECK_EQ(guest_write(g, page, buffer, pages), 0);
	free(buffer);
}

size_t guest_wrong(const struct guest *g, uint64_t seed, size_t page,
		   size_t pages)
{
	char *buffer = buffer_new(pages);
	size_t wrong;

	CHECK_EQ(guest_read(g, page, buffer, pages), 0);
	wrong = content_wrong(buffer, seed, page, pages);
	free(buffer);
	return wrong;
}

size_t guest_not_zero(const struct guest *g, size_t page, size_t pages)
{
	char *buffer = buffer_new(pages);
	size_t wrong;

	CHECK_EQ(guest_read(g, page, buffer, pages), 0);
	wrong = content_not_zero(buffer, pages);
	free(buffer);
	return wrong;
}

static int guest_touch(const struct guest *g, uint32_t access, size_t page)
{
	char byte = TOUCHED;

	return guest_access(g->fd, access, GUEST + page, &byte, 1);
}

int guest_touch_read(const struct guest *g, size_t page)
{
	return guest_touch(g, HMM_REGION_READ, page);
}

int guest_touch_write(const struct guest *g, size_t page)
{
	return guest_touch(g, HMM_REGION_WRITE, page);
}

uint64_t guest_mapped(const struct guest *g)
{
	return region_query(g->fd).mapped_pages;
}

void guest_dirty_is(const struct guest *g, size_t page, size_t pages,
		    const uint64_t *expected)
{
	uint64_t bitmap[pages / 64], dirty, bits = 0;

	memset(bitmap, 0xff, sizeof(bitmap));
	CHECK_EQ(region_dirty(g->fd, GUEST + page, pages, bitmap, &dirty), 0);
	for (size_t i = 0; i < pages / 64; i++) {
		uint64_t word = expected ? expected[i] : 0;

		if (bitmap[i] != word)
			FAIL("word %zu of the log is %#llx, to be %#llx", i,
			     (unsigned long long)bitmap[i],
			     (unsigned long long)word);
		bits += __builtin_popcountll(word);
	}
	CHECK_EQ(dirty, bits);
}

size_t guest_pages_of(const struct kind *kind)
{
	return kind->page_size == HUGE ? 2 * PAGES_IN_HUGE : PAGES_IN_HUGE / 2;
}

struct area guest_huge_new(const struct kind *kind)
{
	struct area area = area_new(kind, 2 * PAGES_IN_HUGE);

	area_fill(&area);
	return area;
}

void add_guest_kinds(case_fn *fn, const char *name)
{
	static const struct kind *const kinds[] = {
		&kind_anon, &kind_thp, &kind_shmem, &kind_shmem_private,
		&kind_hugetlb, &kind_hugetlb_private, &kind_file,
		&kind_file_private,
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_case(fn, kinds[i], "region/%s/%s", name, kinds[i]->name);
}

void add_guest_batches(case_fn *fn, const char *name)
{
	static const unsigned int batches[] = { 1, 7, 16, 512 };

	for (size_t i = 0; i < ARRAY_SIZE(batches); i++)
		add_case(fn, &batches[i], "region/%s/batch-%u", name,
			 batches[i]);
}
