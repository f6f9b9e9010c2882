// SPDX-License-Identifier: GPL-2.0-only
/* Pages that are pinned by a pipe keep the kernel from making huge ones; see fragment.h. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "area.h"
#include "fragment.h"
#include "harness.h"
#include "memory.h"
#include "stats.h"

#define LEAVE		(48UL << 20)	/* free, so that nothing is killed */
#define BLOCKS_MAX	4096	/* of 2 MiB: more memory has huge pages left */
#define TRIES		8
#define HUGE_FREE_MAX	256

/* The pipe is closed by the end of the process. */
static void page_pin(char *page)
{
	static int ends[2];
	struct iovec one = { page, PAGE };

	if (!ends[1]) {
		CHECK_EQ(pipe(ends), 0);
		CHECK_REL(fcntl(ends[1], F_SETPIPE_SZ, BLOCKS_MAX * PAGE), >, 0);
	}
	CHECK_EQ(vmsplice(ends[1], &one, 1, 0), PAGE);
}

/* Pins the first page of each block that has not been seen. */
static void pages_pin(char *at, size_t pages)
{
	static bool seen[BLOCKS_MAX];
	uint64_t *entries = calloc(pages, sizeof(*entries));

	CHECK(entries);
	pagemap_read(at, pages, entries);
	for (size_t i = 0; i < pages; i++) {
		size_t block = PAGEMAP_PFN(entries[i]) / PAGES_IN_HUGE;

		if (!(entries[i] & PAGEMAP_PRESENT) || block >= BLOCKS_MAX ||
		    seen[block])
			continue;
		seen[block] = true;
		page_pin(at + i * PAGE);
	}
	free(entries);
}

/* Touches one page of a new area. Returns whether a huge page came. */
static bool huge_comes(void)
{
	struct area area = area_new(&kind_thp, PAGES_IN_HUGE);
	uint64_t entries[2];

	*(volatile char *)area.at = 1;
	pagemap_read(area.at, 2, entries);
	return entries[1] & PAGEMAP_PRESENT;
}

void memory_fragment(void)
{
	size_t available = stats_sum("/proc/meminfo", "MemAvailable:") << 10;
	size_t length, misses = 0;
	char *at;

	CHECK_REL(available, >, 2 * LEAVE);
	length = (available - LEAVE) / PAGE * PAGE;
	at = mmap(NULL, length, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(at != MAP_FAILED);
	CHECK_EQ(madvise(at, length, MADV_NOHUGEPAGE), 0);
	for (size_t i = 0; i < length; i += PAGE)
		at[i] = 1;
	pages_pin(at, length / PAGE);
	CHECK_EQ(madvise(at, length, MADV_DONTNEED), 0);
	for (size_t i = 0; misses < TRIES; i++) {
		if (i == HUGE_FREE_MAX)
			skip("the kernel still finds huge pages");
		misses = huge_comes() ? 0 : misses + 1;
	}
}
