// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages: pieces that are given back, no pages left, sizes that are told wrongly. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "uffd.h"

#define HUGE_PAGES	8
#define SMALL		(HUGE / PAGE)

static const int shared = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
static const int private = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

/*
 * MADV_REMOVE from the middle of a huge page to the middle of another. The first is there, the
 * last is missing: both lose the piece, and nothing else.
 */
static void case_removed_pieces(const void *variant)
{
	const size_t pages = 4 * SMALL, from = SMALL / 2, to = 2 * SMALL + SMALL / 4;
	struct lazymem_server server = server_run(image_make(pages), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(pages, shared, EVENTS,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	CHECK_EQ(image_wrong(memory.base, 0, SMALL), 0);
	CHECK_EQ(madvise(memory.base + from * PAGE, (to - from) * PAGE, MADV_REMOVE), 0);
	CHECK_EQ(image_wrong(memory.base, 0, from), 0);
	CHECK_EQ(content_not_zero(memory.base + from * PAGE, to - from), 0);
	CHECK_EQ(image_wrong(memory.base + to * PAGE, to, pages - to), 0);
	server_end(&server, SIGTERM);
}

/* The same, but nothing of it is there yet, and each piece is removed by itself. */
static void case_removed_small(const void *variant)
{
	const size_t pages = 2 * SMALL;
	struct lazymem_server server = server_run(image_make(pages), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(pages, shared, EVENTS,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	for (size_t i = 1; i < pages; i += 2)
		CHECK_EQ(madvise(memory.base + i * PAGE, PAGE, MADV_REMOVE), 0);
	for (size_t i = 0; i < pages; i += 2) {
		CHECK_EQ(image_wrong(memory.base + i * PAGE, i, 1), 0);
		CHECK_EQ(content_not_zero(memory.base + (i + 1) * PAGE, 1), 0);
	}
	server_end(&server, SIGTERM);
}

static size_t free_huge_pages(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	size_t count = 0;

	while (fgets(line, sizeof(line), file))
		sscanf(line, "HugePages_Free: %zu", &count);
	fclose(file);
	return count;
}

/* Take huge pages out of the pool until @left are free. */
static void *huge_pages_hog(size_t left, size_t *bytes)
{
	size_t count = free_huge_pages();
	void *hog;

	if (count < left)
		skip("fewer than %zu huge pages are free", left);
	*bytes = (count - left) * HUGE;
	if (!*bytes)
		return NULL;
	hog = mmap(NULL, *bytes, PROT_READ | PROT_WRITE,
		   private | MAP_POPULATE, -1, 0);
	CHECK(hog != MAP_FAILED);
	return hog;
}

static bool is_there(const struct memory *memory, size_t huge)
{
	unsigned char there;

	CHECK_EQ(mincore(memory->base + huge * HUGE, PAGE, &there), 0);
	return there & 1;
}

/* The first huge page from @from on that is there, or is not. */
static size_t find_page(const struct memory *memory, size_t from, bool there)
{
	for (size_t i = from; i < HUGE_PAGES; i++)
		if (is_there(memory, i) == there)
			return i;
	FAIL("no such huge page");
}

static const char none_free[] = "no free huge pages";

/*
 * Read lines until all huge pages of the pool are in use. Returns whether the server has said
 * that there are no more: kernels before 6.18 tell that without a fault.
 */
static bool wait_for_dry_pool(struct lazymem_server *server)
{
	bool told = false;

	for (;;) {
		server_says(server, "{");
		told |= strstr(server->line, none_free) != NULL;
		if (strstr(server->line, "\"progress\"") &&
		    server_number(server, "prefetched") == HUGE_PAGES / 2 * HUGE)
			return told;
	}
}

static size_t waited_for;

static void *read_huge(void *arg)
{
	const struct memory *memory = arg;

	return (void *)image_wrong(memory->base + waited_for * HUGE, waited_for * SMALL, SMALL);
}

/*
 * The pool has half of the huge pages that the client needs. A fault waits until one is free.
 * At the end what is missing is poisoned, and never reads as zeros.
 */
static void case_pool_dry(const void *variant)
{
	struct lazymem_server server = server_run(image_make(HUGE_PAGES * SMALL), NULL);
	struct memory memory = memory_make(HUGE_PAGES * SMALL, private | MAP_NORESERVE,
					   EVENTS, UFFDIO_REGISTER_MODE_MISSING);
	pthread_t thread;
	size_t bytes, given;
	bool told;
	void *hog, *wrong;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	hog = huge_pages_hog(HUGE_PAGES / 2, &bytes);
	memory_serve(&memory, &server);
	told = wait_for_dry_pool(&server);
	waited_for = find_page(&memory, 0, false);
	given = find_page(&memory, 0, true);
	CHECK_EQ(pthread_create(&thread, NULL, read_huge, &memory), 0);
	if (!told)
		server_says(&server, none_free);
	server_until(&server, "waiting", 1);
	CHECK_EQ(madvise(memory.base + given * HUGE, HUGE, MADV_DONTNEED), 0);
	pthread_join(thread, &wrong);
	CHECK_EQ((uintptr_t)wrong, 0);
	server_end(&server, SIGTERM);
	if (hog)
		munmap(hog, bytes);
	for (size_t i = 0; i < HUGE_PAGES; i++) {
		char *at = memory.base + i * HUGE;

		if (i == given)
			continue;
		CHECK(is_there(&memory, i) ? !image_wrong(at, i * SMALL, SMALL) :
					     memory_is_poisoned(at));
	}
}

/* The client says 4096, the kernel knows better. */
static void case_size_too_small(const void *variant)
{
	struct lazymem_server server = server_run(image_make(2 * SMALL), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(2 * SMALL, private, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory.page_size = PAGE;
	memory_serve(&memory, &server);
	server_says(&server, "not of 4096 as the client said");
	CHECK_EQ(image_wrong(memory.base, 0, 2 * SMALL), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* It says 2 MiB, as for transparent huge pages. A small page in it is there already. */
static void case_size_too_large(const void *variant)
{
	struct lazymem_server server = server_run(image_make(2 * SMALL), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(3 * SMALL, MAP_PRIVATE | MAP_ANONYMOUS, EVENTS,
					   UFFDIO_REGISTER_MODE_MISSING);
	char *before = memory.base;

	memory.base = (char *)(((uintptr_t)before + HUGE - 1) & ~(HUGE - 1));
	memory.pages = 2 * SMALL;
	memory.page_size = HUGE;
	CHECK_EQ(uffd_zeropage(memory.uffd, memory.base, PAGE), 0);
	memory_serve(&memory, &server);
	server_says(&server, "as the client said");
	CHECK_EQ(content_not_zero(memory.base, 1), 0);
	CHECK_EQ(image_wrong(memory.base + PAGE, 1, SMALL - 1), 0);
	CHECK_EQ(madvise(memory.base + (SMALL + 1) * PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(image_wrong(memory.base + SMALL * PAGE, SMALL, 1), 0);
	CHECK_EQ(content_not_zero(memory.base + (SMALL + 1) * PAGE, 1), 0);
	CHECK_EQ(image_wrong(memory.base + (SMALL + 2) * PAGE, SMALL + 2, SMALL - 2), 0);
	server_end(&server, SIGTERM);
}

void suite_huge(void)
{
	add_case(case_removed_pieces, NULL, "lazymem/huge/removed-pieces");
	add_case(case_removed_small, NULL, "lazymem/huge/removed-small");
	add_case(case_pool_dry, NULL, "lazymem/huge/pool-dry");
	add_case(case_size_too_small, NULL, "lazymem/huge/size-too-small");
	add_case(case_size_too_large, NULL, "lazymem/huge/size-too-large");
}
