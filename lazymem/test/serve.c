// SPDX-License-Identifier: GPL-2.0-only
/* Content from files: kinds of memory, the image's end, reading ahead, its order. */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define PAGES	2048

static const int private = MAP_PRIVATE | MAP_ANONYMOUS;
static const int shared = MAP_SHARED | MAP_ANONYMOUS;
static const int hugetlb = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

/* Check each page once, in an order that keeps neighbours apart. */
static void read_scattered(const struct memory *memory)
{
	for (size_t i = 0; i < memory->pages; i++) {
		size_t page = i * 769 % memory->pages;

		CHECK_EQ(image_wrong(memory->base + page * PAGE, page, 1), 0);
	}
}

/* @variant: flags of mmap(). Each page is brought exactly once. */
static void case_content(const void *variant)
{
	const int *flags = variant;
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(PAGES, *flags, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	read_scattered(&memory);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "missing"), 0);
	CHECK_EQ(server_number(&server, "failed"), 0);
	CHECK_EQ(server_number(&server, "served") +
		 server_number(&server, "prefetched"), PAGES * PAGE);
}

/* Pages of zeros in the image become zero pages. */
static void case_zero_pages(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory = memory_make(PAGES, private, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	read_scattered(&memory);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "zero"), PAGES / 16 * PAGE);
}

/* Each in a process of its own, at the same time. */
static void case_four_clients(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	int status;

	for (int i = 0; i < 4; i++) {
		if (fork())
			continue;
		struct memory memory = memory_make(PAGES, private, 0,
						   UFFDIO_REGISTER_MODE_MISSING);

		memory_serve(&memory, &server);
		read_scattered(&memory);
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		CHECK_REL(wait(&status), >, 0);
		CHECK_EQ(status, 0);
	}
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 4);
}

/* All is brought without a fault. */
static void case_prefetch(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory = memory_make(PAGES, private, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	server_until(&server, "prefetched", PAGES * PAGE);
	read_scattered(&memory);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "faults"), 0);
}

/* The image ends within a page, whose rest is zeros. */
static void case_tail(const void *variant)
{
	const char *image = image_make(3);
	struct lazymem_server server;
	struct memory memory;

	CHECK_EQ(truncate(image, 2 * PAGE + 100), 0);
	server = server_run(image, NULL);
	memory = memory_make(3, private, 0, UFFDIO_REGISTER_MODE_MISSING);
	memory_serve(&memory, &server);
	for (size_t i = 100; i < PAGE; i++)
		CHECK_EQ(memory.base[2 * PAGE + i], 0);
	CHECK_EQ(image_wrong(memory.base, 0, 2), 0);
	server_end(&server, SIGTERM);
}

#define HUGE_IMAGE	(512 + 32)
#define DATA_END	(512 + 16)

/* The image ends within a huge page, which has a hole, too: it is brought wholly. */
static void case_hugetlb_tail(const void *variant)
{
	const char *image = image_make(HUGE_IMAGE);
	struct lazymem_server server;
	struct memory memory;

	CHECK_EQ(truncate(image, DATA_END * PAGE), 0);
	CHECK_EQ(truncate(image, HUGE_IMAGE * PAGE), 0);
	server = server_run(image, NULL);
	memory = memory_make(1024, hugetlb, 0, UFFDIO_REGISTER_MODE_MISSING);
	memory_serve(&memory, &server);
	server_until(&server, "prefetched", 1024 * PAGE);
	CHECK_EQ(image_wrong(memory.base, 0, DATA_END), 0);
	CHECK_EQ(content_not_zero(memory.base + DATA_END * PAGE, 1024 - DATA_END), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "faults"), 0);
}

/* Two mappings of parts of the image, in reverse order, without page_size. */
static void case_offsets(const void *variant)
{
	struct lazymem_server server = server_run(image_make(64), NULL);
	struct memory memory = memory_make(64, private, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	unsigned long base = (unsigned long)memory.base;
	char text[512];

	snprintf(text, sizeof(text), "[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":%lu},{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":0,\"page_size_kib\":4}]",
		 base, 24 * PAGE, 40 * PAGE, base + 24 * PAGE, 40 * PAGE);
	server_send(&server, text, memory.uffd);
	CHECK_EQ(image_wrong(memory.base, 40, 24), 0);
	CHECK_EQ(image_wrong(memory.base + 24 * PAGE, 0, 40), 0);
	server_end(&server, SIGTERM);
}

/* Pages in the order in which a client asks for them. */
static const size_t asked[] = { 50, 3, 61, 4, 12, 13 };
#define ASKED	(sizeof(asked) / sizeof(asked[0]))

/* Windows of one page: each page that is asked for gives a line. */
static void record_order(const char *image, const char *order)
{
	struct lazymem_server server = server_run(image, "--record", order, "--window",
						  "4", "--no-prefetch", "--on-exit",
						  "drop", NULL);
	struct memory memory = memory_make(64, private, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	for (size_t i = 0; i < ASKED; i++)
		CHECK_EQ(image_wrong(memory.base + asked[i] * PAGE, asked[i], 1), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "faults"), ASKED);
}

/* The file has the order, and reading ahead accepts it. */
static void case_replay(const void *variant)
{
	const char *image = image_make(64), *order = fixture_path("order");
	struct lazymem_server server;
	struct memory memory;
	FILE *file;
	char line[64];

	record_order(image, order);
	file = fopen(order, "r");
	CHECK(fgets(line, sizeof(line), file));
	for (size_t i = 0; i < ASKED; i++) {
		CHECK(fgets(line, sizeof(line), file));
		CHECK_EQ(strtoul(line, NULL, 16), asked[i] * PAGE);
	}
	CHECK(!fgets(line, sizeof(line), file));

	server = server_run(image, "--replay", order, NULL);
	memory = memory_make(64, private, 0, UFFDIO_REGISTER_MODE_MISSING);
	memory_serve(&memory, &server);
	server_until(&server, "prefetched", 64 * PAGE);
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	server_end(&server, SIGTERM);
}

/* An image of 1 GiB passes through a server that needs less than 32 MiB. */
static void case_bounded(const void *variant)
{
	const size_t pages = 1 << 18;
	const char *image = fixture_path("large");
	struct lazymem_server server;
	struct memory memory;
	char path[64], line[256];
	unsigned long peak = 0;
	FILE *file;

	fclose(fopen(image, "w"));
	CHECK_EQ(truncate(image, pages * PAGE), 0);
	server = server_run(image, NULL);
	memory = memory_make(pages, private, 0, UFFDIO_REGISTER_MODE_MISSING);
	memory_serve(&memory, &server);
	server_until(&server, "prefetched", pages * PAGE);
	snprintf(path, sizeof(path), "/proc/%d/status", server.pid);
	file = fopen(path, "r");
	while (fgets(line, sizeof(line), file))
		sscanf(line, "VmHWM: %lu", &peak);
	note("peak of %lu KiB for an image of 1 GiB", peak);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	CHECK_REL(peak, <, 32768);
#endif
	server_end(&server, SIGTERM);
}

void suite_serve(void)
{
	add_case(case_content, &private, "lazymem/serve/private");
	add_case(case_content, &shared, "lazymem/serve/shared");
	add_case(case_content, &hugetlb, "lazymem/serve/hugetlb");
	add_case(case_zero_pages, NULL, "lazymem/serve/zero-pages");
	add_case(case_four_clients, NULL, "lazymem/serve/four-clients");
	add_case(case_prefetch, NULL, "lazymem/serve/prefetch");
	add_case(case_tail, NULL, "lazymem/serve/tail");
	add_case(case_hugetlb_tail, NULL, "lazymem/serve/hugetlb-tail");
	add_case(case_offsets, NULL, "lazymem/serve/offsets");
	add_case(case_replay, NULL, "lazymem/serve/replay");
	add_case(case_bounded, NULL, "lazymem/serve/bounded");
}
