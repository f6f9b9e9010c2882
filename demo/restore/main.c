// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restore a guest from a file: how soon it can begin when all is copied before, and how
 * soon when a page server brings what it accesses and streams the rest meanwhile.
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

#define SERVER_WINDOW	(32UL << 10)	/* what it brings for a fault */
#define SHOWN_MS	10		/* between two looks at the progress */

/* Of the guest that is restored lazily; @begun and @over by clock_ns(). */
struct lazily {
	uint64_t begun, over;
	struct restored memory;
	int guest;
	unsigned int nr_vcpus;
	struct vcpu vcpus[VCPUS_MAX];
};

/* Returns the time to the first access. */
static uint64_t copied(struct restore *restore)
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

static void prepare(struct lazily *lazily, struct restore *restore)
{
	lazily->memory = (struct restored) {
		.pages = restore->image.pages,
		.options = {
			.window = SERVER_WINDOW,
			.read_ahead = true,
			.latency_us = restore->delay_us,
		},
	};
	lazily->nr_vcpus = restore->vcpus;
	for (unsigned int i = 0; i < restore->vcpus; i++)
		vcpu_prepare(&lazily->vcpus[i], &restore->image, i);
}

static void start(struct lazily *lazily, const struct restore *restore)
{
	struct restored *memory = &lazily->memory;

	lazily->begun = clock_ns();
	restored_map(memory, &restore->image);
	lazily->guest = guest_start(memory->base, memory->pages, restore->window);
	for (unsigned int i = 0; i < lazily->nr_vcpus; i++)
		vcpu_start(&lazily->vcpus[i], lazily->guest);
}

/* Nothing tells of progress, so it is looked at now and then. */
static void watch(struct lazily *lazily)
{
	const struct lazymem_stats *stats = lazymem_stats(lazily->memory.session);
	size_t pages = lazily->memory.pages, missing;

	while ((missing = stats->missing / PAGE)) {
		progress_show(pages - missing, pages);
		poll(NULL, 0, SHOWN_MS);
	}
	lazily->over = clock_ns();
	progress_show(pages, pages);
}

static void join(struct lazily *lazily)
{
	for (unsigned int i = 0; i < lazily->nr_vcpus; i++)
		vcpu_join(&lazily->vcpus[i]);
}

static void end(struct lazily *lazily)
{
	close(lazily->guest);
	restored_unmap(&lazily->memory);
}

static uint64_t first_ns(const struct lazily *lazily)
{
	uint64_t first = lazily->vcpus[0].first_at;

	for (unsigned int i = 1; i < lazily->nr_vcpus; i++)
		if (first > lazily->vcpus[i].first_at)
			first = lazily->vcpus[i].first_at;
	return first - lazily->begun;
}

static void report_times(const struct lazily *lazily, uint64_t copied_ns)
{
	uint64_t first = first_ns(lazily);

	printf("  first access after       %9.1f ms; the copy took %.1f times as long\n",
	       first / 1e6, (double)copied_ns / first);
	printf("  all restored after       %9.1f ms\n",
	       (lazily->over - lazily->begun) / 1e6);
}

static void report_accesses(const struct lazily *lazily)
{
	const struct lazymem_stats *stats = lazymem_stats(lazily->memory.session);
	struct hmm_region_query query = region_query(lazily->guest);
	struct latency waited = {};

	for (unsigned int i = 0; i < lazily->nr_vcpus; i++)
		latency_add_all(&waited, &lazily->vcpus[i].waited);
	printf("  faults answered          %9llu, for %zu pages\n",
	       stats->faults + 0ULL, lazily->memory.pages);
	printf("  brought unasked          %9llu pages, beside those and ahead\n",
	       stats->prefetched / PAGE + 0ULL);
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
	static struct lazily lazily;
	struct restore restore = options_parse(argc, argv);
	uint64_t copied_ns;

	restored_check(&restore.image);
	printf("A guest with %.1f MiB of memory is restored from a file. Its virtual CPUs, %u, read\n"
	       "all of it in random order, and each byte is compared with the file.\n\n",
	       restore.image.bytes / 1048576.0, restore.vcpus);

	printf("1. All is copied before it starts:\n");
	fflush(stdout);
	image_forget(&restore.image);
	copied_ns = copied(&restore);
	printf("  first access after       %9.1f ms\n\n", copied_ns / 1e6);

	printf("2. It starts at once; a page server brings what it accesses, and reads the rest\n"
	       "   ahead meanwhile:\n");
	fflush(stdout);
	image_forget(&restore.image);
	prepare(&lazily, &restore);
	start(&lazily, &restore);
	watch(&lazily);
	join(&lazily);
	report_times(&lazily, copied_ns);
	report_accesses(&lazily);
	check_all(&restore.image, lazily.guest);
	end(&lazily);
	return 0;
}
