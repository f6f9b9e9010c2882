// SPDX-License-Identifier: GPL-2.0-only
/* Maps the memory of a testbed and starts what brings its pages. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "content.h"
#include "fail.h"
#include "memory.h"
#include "testbed.h"

static uint64_t series = 1;

static const char * const kind_names[] = {
	[SMALL] = "4k", [THP] = "thp", [HUGETLB] = "hugetlb",
};

static const char * const source_names[] = {
	[KERNEL] = "kernel", [SERVER] = "server",
	[LAZYMEM_FILE] = "file", [LAZYMEM_NBD] = "nbd",
};

const char *memory_kind_name(enum memory_kind memory)
{
	return kind_names[memory];
}

static bool source_is_lazymem(enum source source)
{
	return source == LAZYMEM_FILE || source == LAZYMEM_NBD;
}

const char *testbed_source(const struct testbed *testbed, char *text, size_t size)
{
	if (source_is_lazymem(testbed->source))
		snprintf(text, size, "%s/%uk", source_names[testbed->source],
			 testbed->window_kib);
	else
		snprintf(text, size, "%s", source_names[testbed->source]);
	return text;
}

static char *kind_map(enum memory_kind memory, size_t pages)
{
	if (memory == HUGETLB)
		return memory_map_hugetlb(pages);
	return memory_map(pages, memory == THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

static void kind_unmap(enum memory_kind memory, void *at, size_t pages)
{
	if (memory == HUGETLB)
		memory_unmap_hugetlb(at, pages);
	else
		memory_unmap(at, pages);
}

const char *testbed_lacks(const struct testbed *testbed)
{
	void *at;

	if (source_is_lazymem(testbed->source))
		return lazymem_process_lacks(testbed->source == LAZYMEM_NBD);
	if (testbed->memory != HUGETLB)
		return NULL;
	at = kind_map(HUGETLB, testbed->pages);
	if (!at)
		return "not enough free huge pages";
	kind_unmap(HUGETLB, at, testbed->pages);
	return NULL;
}

/*
 * Pages before the range are touched, so that the page table exists, as in memory that is
 * in use, and the page server has started and brought a page.
 */
static void testbed_warm_up(struct testbed *testbed)
{
	struct server *server = &testbed->server;
	char page[PAGE];

	if (testbed->source == SERVER)
		for (size_t i = 0;
		     i + 1 < testbed->before && testbed->memory != HUGETLB; i++)
			server_bring(server, i, 1, page);
	if (testbed->before)
		bench_touch(testbed->at - PAGE, 1, 1);
}

static int testbed_userfaultfd(const struct testbed *testbed)
{
	size_t length = (testbed->before + testbed->pages) * PAGE;
	int uffd = uffd_open(0, 0), error;

	if (uffd < 0)
		die("userfaultfd: %s", strerror(-uffd));
	error = uffd_register(uffd, testbed->base, length,
			      UFFDIO_REGISTER_MODE_MISSING);
	if (error)
		die("userfaultfd does not take the memory: %s", strerror(-error));
	return uffd;
}

static void testbed_serve(struct testbed *testbed)
{
	testbed->server = (struct server) {
		.uffd = testbed_userfaultfd(testbed),
		.base = testbed->base,
		.page_size = testbed->memory == HUGETLB ? HUGE : PAGE,
		.batch = testbed->memory == SMALL ? 1 : HUGE / PAGE,
		.pages = testbed->before + testbed->pages,
		.delay_us = testbed->latency_us,
		.fill = server_fill_series,
		.arg = &series,
	};
	server_start(&testbed->server);
}

static void testbed_serve_lazymem(struct testbed *testbed)
{
	struct lazymem_process *process = &testbed->process;
	size_t pages = testbed->before + testbed->pages;

	*process = (struct lazymem_process) {
		.pages = pages,
		.by_nbd = testbed->source == LAZYMEM_NBD,
		.delay_ms = testbed->latency_us / 1000,
		.window_kib = testbed->window_kib,
	};
	testbed->server.uffd = testbed_userfaultfd(testbed);
	lazymem_process_start(process, testbed->server.uffd, testbed->base);
}

/* Half a page table, or a huge page, is mapped before the range. */
void testbed_make(struct testbed *testbed)
{
	testbed->before = testbed->source == KERNEL ? 0 :
			  testbed->memory == SMALL ? HUGE / PAGE / 2 :
						     HUGE / PAGE;
	testbed->base = kind_map(testbed->memory, testbed->before + testbed->pages);
	if (!testbed->base)
		die("the huge pages are gone");
	testbed->at = testbed->base + testbed->before * PAGE;
	if (testbed->source == SERVER)
		testbed_serve(testbed);
	else if (source_is_lazymem(testbed->source))
		testbed_serve_lazymem(testbed);
	testbed_warm_up(testbed);
}

/* A server brings the pages unasked, since a fault would take a latency. */
void testbed_touch(struct testbed *testbed, size_t step)
{
	char page[PAGE];

	if (testbed->source != SERVER)
		bench_touch(testbed->at, testbed->pages, step);
	else
		for (size_t i = 0; i < testbed->pages; i += step)
			server_bring(&testbed->server, testbed->before + i, 1, page);
}

void testbed_drop(struct testbed *testbed)
{
	if (testbed->source == SERVER)
		server_stop(&testbed->server);
	else if (source_is_lazymem(testbed->source))
		lazymem_process_stop(&testbed->process);
	if (testbed->source != KERNEL)
		close(testbed->server.uffd);
	kind_unmap(testbed->memory, testbed->base, testbed->before + testbed->pages);
}

void testbed_end(void)
{
	lazymem_process_end();
}
