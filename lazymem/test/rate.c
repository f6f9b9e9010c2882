// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "content.h"
#include "fail.h"
#include "lazymem.h"
#include "rate.h"
#include "uffd.h"

#define CHUNK	(256UL << 10)

const char *const rate_names[RATES] = {
	[RATE_LAZYMEM] = "lazymem",
	[RATE_BARE] = "copy-256k",
	[RATE_BARE_TWO] = "copy-256k-2",
	[RATE_BARE_4K] = "copy-4k",
};

struct part {
	int uffd;
	char *base;
	size_t bytes, chunk;
	const char *from;
};

static struct part part_new(const char *image, size_t pages, size_t chunk)
{
	struct part part = { .bytes = pages * PAGE, .chunk = chunk };
	char why[LAZYMEM_WHY];
	uint64_t features;
	int fd = open(image, O_RDONLY | O_CLOEXEC);

	part.uffd = lazymem_uffd(0, 0, &features, why);
	if (part.uffd < 0)
		die("%s", why);
	part.base = mmap(NULL, part.bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	part.from = mmap(NULL, part.bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	close(fd);
	if (part.base == MAP_FAILED || part.from == MAP_FAILED)
		die("no memory to measure with");
	madvise(part.base, part.bytes, MADV_NOHUGEPAGE);
	if (uffd_register(part.uffd, part.base, part.bytes, UFFDIO_REGISTER_MODE_MISSING))
		die_errno("cannot register");
	return part;
}

static void part_free(struct part *part)
{
	munmap(part->base, part->bytes);
	munmap((void *)part->from, part->bytes);
}

static void *copy_all(void *arg)
{
	struct part *part = arg;

	for (size_t at = 0; at < part->bytes; at += part->chunk)
		if (uffd_copy(part->uffd, part->base + at, part->from + at, part->chunk))
			die("cannot copy");
	return NULL;
}

static double rate_of(size_t pages, uint64_t begun)
{
	return pages * 1e9 / (clock_ns() - begun);
}

static double bare(const char *image, size_t pages, size_t chunk)
{
	struct part part = part_new(image, pages, chunk);
	uint64_t begun = clock_ns();
	double rate;

	copy_all(&part);
	rate = rate_of(pages, begun);
	close(part.uffd);
	part_free(&part);
	return rate;
}

static double bare_two(const char *image, size_t pages)
{
	struct part low = part_new(image, pages, CHUNK), high;
	pthread_t thread;
	uint64_t begun;
	double rate;

	low.bytes /= 2;
	high = low;
	high.base += low.bytes;
	high.from += low.bytes;
	begun = clock_ns();
	if (pthread_create(&thread, NULL, copy_all, &high))
		die("no thread");
	copy_all(&low);
	pthread_join(thread, NULL);
	rate = rate_of(pages, begun);
	close(low.uffd);
	low.bytes *= 2;
	part_free(&low);
	return rate;
}

static double served(const char *image, size_t pages)
{
	struct lazymem_options options = {
		.image = image,
		.image_size = pages * PAGE,
		.window = 32 << 10,
		.read_ahead = true,
	};
	struct part part = part_new(image, pages, CHUNK);
	struct lazymem_range range = { (uintptr_t)part.base, part.bytes, 0, PAGE };
	char why[LAZYMEM_WHY];
	struct lazymem *session;
	uint64_t begun;
	double rate;

	session = lazymem_new(&options, NULL, part.uffd, -1, &range, 1, why);
	if (!session)
		die("%s", why);
	/* It reads ahead until nothing is missing, and nobody need look when that is. */
	lazymem_stop(session, LAZYMEM_FILL);
	begun = clock_ns();
	if (lazymem_run(session) || lazymem_stats(session)->missing)
		die("the image was not brought");
	rate = rate_of(pages, begun);
	lazymem_free(session);
	part_free(&part);
	return rate;
}

void rate_measure(const char *image, size_t pages, double rates[RATES])
{
	rates[RATE_LAZYMEM] = served(image, pages);
	rates[RATE_BARE] = bare(image, pages, CHUNK);
	rates[RATE_BARE_TWO] = bare_two(image, pages);
	rates[RATE_BARE_4K] = bare(image, pages, PAGE);
}
