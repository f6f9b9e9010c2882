// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast lazymem brings a cached file when there are no faults. Compared with a bare
 * loop of UFFDIO_COPY from the mapped file: 256 KiB a call, as lazymem does, by one
 * thread and by two threads; and one page a call.
 *
 * lazymem's time begins when it is given the memory, and ends when all pages are present.
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "content.h"
#include "fail.h"
#include "memory.h"
#include "table.h"
#include "work.h"

#define PAGES	32768
#define CHUNK	(256UL << 10)
#define LOOK_NS	5000000

enum { LAZYMEM, LOOP, LOOP_TWO, LOOP_PAGES, SUBJECTS };

/* Memory behind a userfaultfd, and @image, the mapped file to copy from. */
struct target {
	int uffd;
	char *base;
	const char *image;
};

struct share {
	const struct target *target;
	size_t from, to, chunk;
};

static struct target target_new(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct target target = {
		.uffd = uffd_open(0, 0),
		.base = memory_map(PAGES, MADV_NOHUGEPAGE),
		.image = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE,
			      fd, 0),
	};

	if (target.uffd < 0 || target.image == MAP_FAILED ||
	    uffd_register(target.uffd, target.base, PAGES * PAGE,
			  UFFDIO_REGISTER_MODE_MISSING))
		die("no memory behind a userfaultfd");
	close(fd);
	return target;
}

static void target_free(struct target *target)
{
	close(target->uffd);
	memory_unmap(target->base, PAGES);
	munmap((void *)target->image, PAGES * PAGE);
}

static void *share_copy(void *arg)
{
	const struct share *share = arg;
	const struct target *target = share->target;
	int error;

	for (size_t at = share->from; at < share->to; at += share->chunk) {
		error = uffd_copy(target->uffd, target->base + at, target->image + at,
				  share->chunk);
		if (error)
			die("UFFDIO_COPY: %s", strerror(-error));
	}
	return NULL;
}

static uint64_t target_copy(const struct target *target, size_t chunk)
{
	struct share all = { target, 0, PAGES * PAGE, chunk };
	uint64_t begun = clock_ns();

	share_copy(&all);
	return clock_ns() - begun;
}

static uint64_t target_copy_two(const struct target *target)
{
	struct share low = { target, 0, PAGES * PAGE / 2, CHUNK };
	struct share high = { target, PAGES * PAGE / 2, PAGES * PAGE, CHUNK };
	uint64_t begun = clock_ns();
	pthread_t thread;

	if (pthread_create(&thread, NULL, share_copy, &high))
		die("no thread");
	share_copy(&low);
	pthread_join(thread, NULL);
	return clock_ns() - begun;
}

/* Looks at the last page first, which is among the last that are brought. */
static bool target_complete(const struct target *target)
{
	static unsigned char there[PAGES];

	if (mincore(target->base + (PAGES - 1) * PAGE, PAGE, there) || !*there ||
	    mincore(target->base, PAGES * PAGE, there))
		return false;
	return !memchr(there, 0, PAGES);
}

static uint64_t target_serve(const struct target *target)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct lazymem_process process = {
		.pages = PAGES,
		.window_kib = 32,
		.ahead = true,
	};
	uint64_t ended;

	lazymem_process_start(&process, target->uffd, target->base);
	while (!target_complete(target))
		nanosleep(&pause, NULL);
	ended = clock_ns();
	lazymem_process_stop(&process);
	return ended - process.given_ns;
}

static void prefetch_measure(const char *path, struct figures figures[SUBJECTS])
{
	for (int subject = 0; subject < SUBJECTS; subject++) {
		struct target target = target_new(path);
		uint64_t ns = subject == LAZYMEM ? target_serve(&target) :
			      subject == LOOP_TWO ? target_copy_two(&target) :
			      target_copy(&target, subject == LOOP ? CHUNK : PAGE);

		samples_add(&figures[subject].value, ns / 1e3 / PAGES);
		target_free(&target);
	}
}

static void prefetch_report(const struct bench *bench,
			    const struct figures figures[SUBJECTS])
{
	static const char *const ways[SUBJECTS] = {
		[LAZYMEM] = "lazymem", [LOOP] = "copy",
		[LOOP_TWO] = "copy-2", [LOOP_PAGES] = "copy-4k",
	};
	const struct testbed testbed = {
		.source = LAZYMEM_FILE, .window_kib = 32, .pages = PAGES,
	};

	report_title("prefetch: %d pages of a cached file that nobody asks for", PAGES);
	table_head("us a page");
	for (int subject = 0; subject < SUBJECTS; subject++) {
		const struct row row = {
			.part = "prefetch",
			.testbed = &testbed,
			.way = ways[subject],
			.quantity = "us_a_page",
			.figures = &figures[subject],
		};

		table_row(&row, bench);
	}
	report_ratio("lazymem as fast as a loop of UFFDIO_COPY",
		     figures_speedup(&figures[LAZYMEM], &figures[LOOP]),
		     AT_LEAST, 0.8);
	report_ratio("lazymem as fast as a loop of single pages",
		     figures_speedup(&figures[LAZYMEM], &figures[LOOP_PAGES]),
		     AT_LEAST, 0.8);
}

void part_prefetch(const struct bench *bench)
{
	static struct figures figures[SUBJECTS];
	const char *lacks = lazymem_process_lacks(false), *path;

	if (lacks) {
		report_title("prefetch");
		report_missing("all", lacks);
		return;
	}
	memory_need(2 * PAGES * PAGE >> 20);
	path = lazymem_process_image(PAGES);
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress("prefetch", "a cached file", run, bench->runs);
		prefetch_measure(path, figures);
	}
	prefetch_report(bench, figures);
}
