// SPDX-License-Identifier: GPL-2.0-only
/* Anonymous memory, aligned for huge pages, and the pool of hugetlb pages. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "content.h"
#include "fail.h"
#include "memory.h"

#define HUGETLB_POOL	"/proc/sys/vm/nr_hugepages"

static size_t available_mib(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	size_t kib = 0;
	char line[128];

	if (!f)
		die_errno("cannot open /proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %zu", &kib) == 1)
			break;
	fclose(f);
	return kib >> 10;
}

void memory_need(size_t mib)
{
	size_t available = available_mib();

	if (available < mib)
		die("needs %zu MiB of free memory, there are %zu: use a guest with %zu MiB more (./run ... --memory)",
		    mib, available, mib - available + 64);
}

void *memory_map(size_t pages, int advice)
{
	size_t length = pages * PAGE, head;
	char *at = mmap(NULL, length + HUGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die_errno("cannot map %zu pages", pages);
	head = -(uintptr_t)at % HUGE;
	if (head)
		munmap(at, head);
	munmap(at + head + length, HUGE - head);
	at += head;
	if (madvise(at, length, advice))
		die_errno("madvise(%d)", advice);
	return at;
}

void memory_unmap(void *at, size_t pages)
{
	munmap(at, pages * PAGE);
}

static long hugetlb_pool(void)
{
	FILE *f = fopen(HUGETLB_POOL, "re");
	long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%ld", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages;
}

static void hugetlb_pool_grow(long by)
{
	long pages = hugetlb_pool() + by;
	FILE *f = fopen(HUGETLB_POOL, "we");

	if (!f)
		return;
	fprintf(f, "%ld\n", pages);
	fclose(f);
}

void *memory_map_hugetlb(size_t pages)
{
	void *at;

	hugetlb_pool_grow(pages * PAGE / HUGE);
	at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (at != MAP_FAILED)
		return at;
	hugetlb_pool_grow(-(long)(pages * PAGE / HUGE));
	return NULL;
}

void memory_unmap_hugetlb(void *at, size_t pages)
{
	munmap(at, pages * PAGE);
	hugetlb_pool_grow(-(long)(pages * PAGE / HUGE));
}
