// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "content.h"
#include "fail.h"
#include "memory.h"
#include "place.h"

static uint64_t series = 1;

static const char * const memories[] = {
	[SMALL] = "4k", [THP] = "thp", [HUGETLB] = "hugetlb",
};

static const char * const sources[] = {
	[KERNEL] = "kernel", [SERVER] = "server",
	[LAZYMEM_FILE] = "file", [LAZYMEM_NBD] = "nbd",
};

const char *memory_name(enum memory memory)
{
	return memories[memory];
}

static bool is_program(enum source source)
{
	return source == LAZYMEM_FILE || source == LAZYMEM_NBD;
}

const char *place_source(const struct place *place, char *text, size_t size)
{
	if (is_program(place->source))
		snprintf(text, size, "%s/%uk", sources[place->source],
			 place->window_kib);
	else
		snprintf(text, size, "%s", sources[place->source]);
	return text;
}

static char *map(enum memory memory, size_t pages)
{
	if (memory == HUGETLB)
		return memory_map_hugetlb(pages);
	return memory_map(pages, memory == THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

static void unmap(enum memory memory, void *at, size_t pages)
{
	if (memory == HUGETLB)
		memory_unmap_hugetlb(at, pages);
	else
		memory_unmap(at, pages);
}

const char *place_lacks(const struct place *place)
{
	void *at;

	if (is_program(place->source))
		return lazy_program_lacks(place->source == LAZYMEM_NBD);
	if (place->memory != HUGETLB)
		return NULL;
	at = map(HUGETLB, place->pages);
	if (!at)
		return "no huge pages to be had";
	unmap(HUGETLB, at, place->pages);
	return NULL;
}

/*
 * The page table is there, as in memory that is in use; and whoever brings pages is on
 * its feet: it has brought one.
 */
static void warm_up(struct place *place)
{
	struct server *server = &place->server;
	char page[PAGE];

	if (place->source == SERVER)
		for (size_t i = 0; i + 1 < place->before && place->memory != HUGETLB; i++)
			server_bring(server, i, 1, page);
	if (place->before)
		bench_touch(place->at - PAGE, 1, 1);
}

static int userfaultfd_for(const struct place *place)
{
	size_t length = (place->before + place->pages) * PAGE;
	int uffd = uffd_open(0, 0), error;

	if (uffd < 0)
		die("userfaultfd: %s", strerror(-uffd));
	error = uffd_register(uffd, place->base, length,
			      UFFDIO_REGISTER_MODE_MISSING);
	if (error)
		die("userfaultfd does not take the memory: %s", strerror(-error));
	return uffd;
}

static void serve(struct place *place)
{
	place->server = (struct server) {
		.uffd = userfaultfd_for(place),
		.base = place->base,
		.page_size = place->memory == HUGETLB ? HUGE : PAGE,
		.batch = place->memory == SMALL ? 1 : HUGE / PAGE,
		.pages = place->before + place->pages,
		.delay_us = place->latency_us,
		.fill = server_fill_series,
		.arg = &series,
	};
	server_start(&place->server);
}

static void serve_by_program(struct place *place)
{
	struct lazy_program *program = &place->program;
	size_t pages = place->before + place->pages;

	*program = (struct lazy_program) {
		.pages = pages,
		.by_nbd = place->source == LAZYMEM_NBD,
		.delay_ms = place->latency_us / 1000,
		.window_kib = place->window_kib,
	};
	place->server.uffd = userfaultfd_for(place);
	lazy_program_start(program, place->server.uffd, place->base);
}

/* What comes before the range is half a page table, or a huge page. */
void place_make(struct place *place)
{
	place->before = place->source == KERNEL ? 0 :
			place->memory == SMALL ? HUGE / PAGE / 2 : HUGE / PAGE;
	place->base = map(place->memory, place->before + place->pages);
	if (!place->base)
		die("the huge pages are gone");
	place->at = place->base + place->before * PAGE;
	if (place->source == SERVER)
		serve(place);
	else if (is_program(place->source))
		serve_by_program(place);
	warm_up(place);
}

/* A server's are brought unasked, for each that is asked for takes a latency. */
void place_touch(struct place *place, size_t step)
{
	char page[PAGE];

	if (place->source != SERVER)
		bench_touch(place->at, place->pages, step);
	else
		for (size_t i = 0; i < place->pages; i += step)
			server_bring(&place->server, place->before + i, 1, page);
}

void place_drop(struct place *place)
{
	if (place->source == SERVER)
		server_stop(&place->server);
	else if (is_program(place->source))
		lazy_program_stop(&place->program);
	if (place->source != KERNEL)
		close(place->server.uffd);
	unmap(place->memory, place->base, place->before + place->pages);
}

void place_end(void)
{
	lazy_program_end();
}
