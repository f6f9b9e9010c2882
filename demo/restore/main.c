// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmmu-restore: a guest is restored from a file. Compares how soon the guest can start if
 * all memory is copied before, and if lazymem brings what the guest accesses and reads
 * the rest ahead while the guest runs.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "content.h"
#include "guest.h"
#include "memory.h"
#include "options.h"
#include "progress.h"
#include "region.h"
#include "restored.h"
#include "vcpu.h"

#define SERVER_WINDOW	(32UL << 10)	/* bytes that lazymem brings for a fault */
#define SHOWN_MS	10		/* between two looks at the progress */

/* The guest that is restored lazily; @begun and @over are clock_ns(). */
struct lazy_guest {
	uint64_t begun, over;
	struct restored memory;
	int guest;
	unsigned int nr_vcpus;
	struct vcpu vcpus[VCPUS_MAX];
};

/* Copies all memory, then starts a guest. Returns the time to its first access, in ns. */
static uint64_t copied_guest_run(struct restore *restore)
{
	struct image *image = &restore->image;
	unsigned char page[PAGE];
	uint64_t begun = clock_ns(), over;
	void *memory = memory_map(image->pages, MADV_HUGEPAGE);
	int guest;

	image_read(memory, 0, image->pages, image);
	guest = guest_start(memory, image->pages, restore->window);
	guest_read(guest, 0, 1, page);
	over = clock_ns();

	check_page(image, 0, page);
	close(guest);
	memory_unmap(memory, image->pages);
	return over - begun;
}

static void lazy_guest_prepare(struct lazy_guest *lazy, struct restore *restore)
{
	lazy->memory = (struct restored) {
		.pages = restore->image.pages,
		.options = {
			.window = SERVER_WINDOW,
			.prefetch = LAZYMEM_PREFETCH_ALL,
			.latency_us = restore->delay_us,
		},
	};
	lazy->nr_vcpus = restore->vcpus;
	for (unsigned int i = 0; i < restore->vcpus; i++)
		vcpu_prepare(&lazy->vcpus[i], &restore->image, i);
}

static void lazy_guest_start(struct lazy_guest *lazy, const struct restore *restore)
{
	struct restored *memory = &lazy->memory;

	lazy->begun = clock_ns();
	restored_map(memory, &restore->image);
	lazy->guest = guest_start(memory->base, memory->pages, restore->window);
	for (unsigned int i = 0; i < lazy->nr_vcpus; i++)
		vcpu_start(&lazy->vcpus[i], lazy->guest);
}

/* lazymem does not notify of progress, so it is polled. */
static void lazy_guest_watch(struct lazy_guest *lazy)
{
	size_t pages = lazy->memory.pages;
	struct lazymem_stats stats;

	for (;;) {
		lazymem_stats(lazy->memory.session, &stats);
		if (!stats.missing)
			break;
		progress_show(pages - stats.missing / PAGE, pages);
		poll(NULL, 0, SHOWN_MS);
	}
	lazy->over = clock_ns();
	progress_show(pages, pages);
}

static void lazy_guest_join(struct lazy_guest *lazy)
{
	for (unsigned int i = 0; i < lazy->nr_vcpus; i++)
		vcpu_join(&lazy->vcpus[i]);
}

static void lazy_guest_end(struct lazy_guest *lazy)
{
	close(lazy->guest);
	restored_unmap(&lazy->memory);
}

static uint64_t lazy_guest_first_ns(const struct lazy_guest *lazy)
{
	uint64_t first = lazy->vcpus[0].first_at;

	for (unsigned int i = 1; i < lazy->nr_vcpus; i++)
		if (first > lazy->vcpus[i].first_at)
			first = lazy->vcpus[i].first_at;
	return first - lazy->begun;
}

static void report_times(const struct lazy_guest *lazy, uint64_t copied_ns)
{
	uint64_t first = lazy_guest_first_ns(lazy);

	printf("  first access after       %9.1f ms; the copy took %.1f times as long\n",
	       first / 1e6, (double)copied_ns / first);
	printf("  all restored after       %9.1f ms\n",
	       (lazy->over - lazy->begun) / 1e6);
}

static void report_accesses(const struct lazy_guest *lazy)
{
	struct lazymem_stats stats;
	struct hmm_region_query query = region_query(lazy->guest);
	struct latency waited = {};

	lazymem_stats(lazy->memory.session, &stats);
	for (unsigned int i = 0; i < lazy->nr_vcpus; i++)
		latency_add_all(&waited, &lazy->vcpus[i].waited);
	printf("  faults answered          %9llu, for %zu pages\n",
	       stats.faults + 0ULL, lazy->memory.pages);
	printf("  brought unasked          %9llu pages, beside those and ahead\n",
	       stats.prefetched / PAGE + 0ULL);
	printf("  accesses                 %9llu\n", query.accesses);
	printf("  intercepts               %9llu\n", query.intercepts);
	printf("  window hits              %9llu\n", query.window_hits);
	printf("  large pages              %9llu\n", query.large_pages);
	printf("  accesses that waited     %9llu, to be mapped or for the page server too:\n",
	       latency_count(&waited) + 0ULL);
	latency_show(&waited);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct lazy_guest lazy;
	struct restore restore = options_parse(argc, argv);
	uint64_t copied_ns;

	restored_check(&restore.image);
	printf("A guest with %.1f MiB of memory is restored from a file. Its virtual CPUs, %u, read\n"
	       "all of it in random order, and each byte is compared with the file.\n\n",
	       restore.image.bytes / 1048576.0, restore.vcpus);

	printf("1. All is copied before it starts:\n");
	fflush(stdout);
	image_forget(&restore.image);
	copied_ns = copied_guest_run(&restore);
	printf("  first access after       %9.1f ms\n\n", copied_ns / 1e6);

	printf("2. It starts at once; a page server brings what it accesses, and reads the rest\n"
	       "   ahead meanwhile:\n");
	fflush(stdout);
	image_forget(&restore.image);
	lazy_guest_prepare(&lazy, &restore);
	lazy_guest_start(&lazy, &restore);
	lazy_guest_watch(&lazy);
	lazy_guest_join(&lazy);
	report_times(&lazy, copied_ns);
	report_accesses(&lazy);
	check_all(&restore.image, lazy.guest);
	lazy_guest_end(&lazy);
	return 0;
}
