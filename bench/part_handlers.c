// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that touches its memory without a pause: lazymem beside bare page-fault handlers.
 * A bare handler is a process that has the file mapped, reads a message and answers it by
 * one UFFDIO_COPY, of a page or of the aligned 64 KiB around it. It does nothing else that a
 * page server has to do, and each is the best there is for some way of touching.
 *
 * The time is the client's: from its first access to its last. lazymem is given the memory
 * just before.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "content.h"
#include "fail.h"
#include "memory.h"
#include "random.h"
#include "table.h"
#include "work.h"

#define PAGES		16384
#define STEP		16
/* Behind the client's pages: one to wait for a bare handler, of the largest chunk. */
#define ALL_PAGES	(PAGES + STEP)
#define THREADS_MOST	8
#define NBD_MS		2

enum { LAZYMEM, BARE_4K, BARE_64K, SUBJECTS };
enum order { IN_ORDER, BACKWARDS, STRIDED, RANDOM, ORDERS };

static const char *const order_names[ORDERS] = {
	[IN_ORDER] = "in order", [BACKWARDS] = "backwards",
	[STRIDED] = "every 16th page", [RANDOM] = "in random order",
};

/* What one thread of the client touches: @count of the @pages pages at @base. */
struct walk {
	const char *base;
	size_t pages, count;
	enum order order;
	pthread_t thread;
};

static void page_touch(const char *base, size_t page)
{
	*(const volatile char *)(base + page * PAGE);
}

/* An odd factor and a power of two: each page once. */
static size_t walk_page(const struct walk *walk, size_t i)
{
	switch (walk->order) {
	case BACKWARDS:
		return walk->pages - 1 - i;
	case STRIDED:
		return i * STEP;
	case RANDOM:
		return i * i * 2 + i * 3;
	default:
		return i;
	}
}

static void *walk_main(void *arg)
{
	const struct walk *walk = arg;

	for (size_t i = 0; i < walk->count; i++)
		page_touch(walk->base, walk_page(walk, i) % walk->pages);
	return NULL;
}

/* Returns the nanoseconds that it took. */
static uint64_t walks_take(const char *base, enum order order, unsigned int threads)
{
	struct walk walks[THREADS_MOST];
	size_t pages = PAGES / threads;
	uint64_t begun = clock_ns();

	for (unsigned int i = 0; i < threads; i++) {
		walks[i] = (struct walk) {
			.base = base + i * pages * PAGE,
			.pages = pages,
			.count = order == STRIDED ? pages / STEP : pages,
			.order = order,
		};
		if (pthread_create(&walks[i].thread, NULL, walk_main, &walks[i]))
			die("no thread");
	}
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(walks[i].thread, NULL);
	return clock_ns() - begun;
}

/* A message that cannot be answered leaves its fault waiting: the benchmark would hang. */
static void bare_answer(int uffd, char *base, const char *image, const struct uffd_msg *msg,
			size_t chunk)
{
	size_t at = (msg->arg.pagefault.address - (uintptr_t)base) & ~(chunk - 1);
	int error = uffd_copy(uffd, base + at, image + at, chunk);

	if (error == -EEXIST)
		error = uffd_wake(uffd, base + at, chunk);
	if (error)
		die("UFFDIO_COPY: %s", strerror(-error));
}

static pid_t bare_start(int uffd, char *base, const char *path, size_t chunk)
{
	struct uffd_msg msg;
	const char *image;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	image = mmap(NULL, ALL_PAGES * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE,
		     open(path, O_RDONLY | O_CLOEXEC), 0);
	if (image == MAP_FAILED)
		die_errno("%s", path);
	/* It may wait in read(), which spares it a poll(). */
	fcntl(uffd, F_SETFL, fcntl(uffd, F_GETFL) & ~O_NONBLOCK);
	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg))
		bare_answer(uffd, base, image, &msg, chunk);
	_exit(1);
}

/* Its memory is mapped once it has answered this. The page is not touched again. */
static void bare_wait(const char *base)
{
	page_touch(base, PAGES);
}

static uint64_t lazymem_take(int uffd, char *base, enum order order, unsigned int threads,
			     bool by_nbd)
{
	struct lazymem_process process = {
		.pages = PAGES,
		.by_nbd = by_nbd,
		.delay_ms = by_nbd ? NBD_MS : 0,
		.window_kib = 32,
		.ahead = true,
	};
	uint64_t ns;

	lazymem_process_start(&process, uffd, base);
	ns = walks_take(base, order, threads);
	lazymem_process_stop(&process);
	return ns;
}

static uint64_t bare_take(int uffd, char *base, const char *path, size_t chunk,
			  enum order order, unsigned int threads)
{
	pid_t pid = bare_start(uffd, base, path, chunk);
	uint64_t ns;

	bare_wait(base);
	ns = walks_take(base, order, threads);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return ns;
}

static uint64_t subject_take(int subject, const char *path, enum order order,
			     unsigned int threads, bool by_nbd)
{
	char *base = memory_map(ALL_PAGES, MADV_NOHUGEPAGE);
	int uffd = uffd_open(0, 0);
	uint64_t ns;

	if (uffd < 0 || uffd_register(uffd, base, ALL_PAGES * PAGE,
				      UFFDIO_REGISTER_MODE_MISSING))
		die("no memory behind a userfaultfd");
	ns = subject == LAZYMEM ? lazymem_take(uffd, base, order, threads, by_nbd) :
	     bare_take(uffd, base, path, subject == BARE_4K ? PAGE : STEP * PAGE, order,
		       threads);
	close(uffd);
	memory_unmap(base, ALL_PAGES);
	return ns;
}

static const struct figures *figures_better(const struct figures *figures)
{
	const struct figures *small = &figures[BARE_4K], *large = &figures[BARE_64K];

	return figures_speedup(small, large) > 1 ? small : large;
}

static void handlers_report(const struct bench *bench, const struct figures *figures,
			    enum order order, unsigned int threads)
{
	static const char *const ways[SUBJECTS] = {
		[LAZYMEM] = "lazymem", [BARE_4K] = "bare-4k", [BARE_64K] = "bare-64k",
	};
	const struct testbed testbed = {
		.source = LAZYMEM_FILE, .window_kib = 32, .pages = PAGES,
	};

	report_title("handlers: %d pages, %s, %u thread%s", PAGES, order_names[order],
		     threads, threads > 1 ? "s" : "");
	table_head("us a page");
	for (int subject = 0; subject < SUBJECTS; subject++) {
		const struct row row = {
			.part = "handlers",
			.testbed = &testbed,
			.way = ways[subject],
			.quantity = "us_a_page",
			.figures = &figures[subject],
		};

		table_row(&row, bench);
	}
	report_ratio("lazymem as fast as the better bare handler",
		     figures_speedup(&figures[LAZYMEM], figures_better(figures)),
		     AT_LEAST, 0.95);
}

static void handlers_measure(const struct bench *bench, enum order order,
			     unsigned int threads)
{
	static struct figures figures[SUBJECTS];
	const char *path = lazymem_process_image(ALL_PAGES);
	size_t touched = order == STRIDED ? PAGES / STEP : PAGES;

	memset(figures, 0, sizeof(figures));
	for (unsigned int run = 0; run < bench->runs; run++) {
		report_progress("handlers", order_names[order], run, bench->runs);
		for (int subject = 0; subject < SUBJECTS; subject++)
			samples_add(&figures[subject].value,
				    subject_take(subject, path, order, threads, false) /
				    1e3 / touched);
	}
	handlers_report(bench, figures, order, threads);
}

static void handlers_measure_nbd(const struct bench *bench)
{
	static struct samples samples;
	const char *lacks = lazymem_process_lacks(true);

	report_title("handlers: %d pages in order, NBD, %d ms", PAGES, NBD_MS);
	if (lacks) {
		report_missing("all", lacks);
		return;
	}
	for (unsigned int run = 0; run < bench->runs; run++)
		samples_add(&samples, subject_take(LAZYMEM, NULL, IN_ORDER, 1, true) / 1e6);
	report_figure("lazymem", &samples, "ms");
	lazymem_process_end();
}

void part_handlers(const struct bench *bench)
{
	static const unsigned int threads[] = { 1, THREADS_MOST };
	const char *lacks = lazymem_process_lacks(false);

	if (lacks) {
		report_title("handlers");
		report_missing("all", lacks);
		return;
	}
	memory_need(2 * PAGES * PAGE >> 20);
	for (int i = 0; i < 2; i++)
		for (enum order order = 0; order < ORDERS; order++)
			handlers_measure(bench, order, threads[i]);
	handlers_measure_nbd(bench);
}
