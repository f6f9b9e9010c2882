// SPDX-License-Identifier: GPL-2.0-only
/* What clients do with their memory while it is served, and the other kinds of faults. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "uffd.h"

#define PAGES	256

static const bool fast, slow = true;

static void case_removed(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);

	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	/* Of these, half have been there. */
	CHECK_EQ(madvise(memory.base + 32 * PAGE, 64 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(content_not_zero(memory.base + 32 * PAGE, 64), 0);
	CHECK_EQ(image_wrong(memory.base, 0, 32), 0);
	CHECK_EQ(image_wrong(memory.base + 96 * PAGE, 96, PAGES - 96), 0);
	server_end(&server, SIGTERM);
}

#define FAR_PAGES	16384
#define AHEAD		256
#define PIECE		16

static bool is_there(char *at)
{
	unsigned char there;

	CHECK_EQ(mincore(at, PAGE, &there), 0);
	return there & 1;
}

/* Pieces of what comes next, until all but the last is there. Returns how many. */
static unsigned int give_back_ahead(const struct memory *memory, bool given[FAR_PAGES])
{
	unsigned int pieces = 0;

	for (size_t i = 0; i < FAR_PAGES - AHEAD - PIECE;) {
		size_t piece = i + pieces * 37 % AHEAD;

		if (given[i] || is_there(memory->base + i * PAGE)) {
			i++;
			continue;
		}
		CHECK_EQ(madvise(memory->base + piece * PAGE, PIECE * PAGE,
				 MADV_DONTNEED), 0);
		memset(given + piece, true, PIECE);
		pieces++;
	}
	return pieces;
}

/* What is given back just where it is being brought, by two threads, stays zeros. */
static unsigned int give_back_and_check(const char *image)
{
	static bool given[FAR_PAGES];
	struct lazymem_server server = server_run(image, NULL);
	struct memory memory = memory_served(&server, FAR_PAGES, EVENTS);
	unsigned int pieces;

	memset(given, false, sizeof(given));
	pieces = give_back_ahead(&memory, given);
	server_until(&server, "missing", 0);
	for (size_t i = 0; i < FAR_PAGES; i++) {
		const char *at = memory.base + i * PAGE;

		CHECK_EQ(given[i] ? content_not_zero(at, 1) : image_wrong(at, i, 1), 0);
	}
	server_end(&server, SIGTERM);
	munmap(memory.base, FAR_PAGES * PAGE);
	close(memory.uffd);
	close(memory.socket);
	return pieces;
}

static void case_removed_ahead(const void *variant)
{
	const char *image = image_in_memory(FAR_PAGES);
	unsigned int pieces = 0;

	while (pieces < 50)
		pieces += give_back_and_check(image);
}

/* A client that does not ask to be heard has the image's content again. */
static void case_removed_unheard(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, &server);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(madvise(memory.base, PAGES * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

static void case_unmapped(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);

	CHECK_EQ(munmap(memory.base + 64 * PAGE, 64 * PAGE), 0);
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	CHECK_EQ(image_wrong(memory.base + 128 * PAGE, 128, PAGES - 128), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "missing"), 0);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

static void case_moved(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	char *to = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(image_wrong(memory.base + 64 * PAGE, 64, 8), 0);
	CHECK(mremap(memory.base + 64 * PAGE, 64 * PAGE, 64 * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(image_wrong(to, 64, 64), 0);
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	CHECK_EQ(image_wrong(memory.base + 128 * PAGE, 128, PAGES - 128), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

static void case_forked(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	int status;
	pid_t pid;

	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	CHECK_EQ(madvise(memory.base + 128 * PAGE, 32 * PAGE, MADV_DONTNEED), 0);
	pid = fork();
	if (!pid)
		_exit(image_wrong(memory.base, 0, 128) ||
		      content_not_zero(memory.base + 128 * PAGE, 32) ||
		      image_wrong(memory.base + 160 * PAGE, 160, PAGES - 160));
	CHECK_EQ(image_wrong(memory.base, 0, 128), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 2);
}

/* There is room for one client: the child gets no wrong content. */
static void case_forked_too_many(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--max-clients", "1", NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	int status;
	pid_t pid;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	pid = fork();
	if (!pid)
		_exit(image_wrong(memory.base, 0, 64) ||
		      !memory_is_poisoned(memory.base + 200 * PAGE));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* The content is in the page cache already; the image is not looked at. */
static void case_minor(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--on-exit", "drop", NULL);
	int fd = memfd_create("lazymem", 0);
	char *other;
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_MINOR_SHMEM,
					   UFFDIO_REGISTER_MODE_MISSING);

	CHECK_EQ(ftruncate(fd, PAGES * PAGE), 0);
	other = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	munmap(memory.base, PAGES * PAGE);
	memory.base = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   0);
	content_fill(other, 99, 0, PAGES);
	CHECK_EQ(uffd_register(memory.uffd, memory.base, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MINOR), 0);
	memory_serve(&memory, &server);
	CHECK_EQ(content_wrong(memory.base, 99, 0, PAGES), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "served"), 0);
	CHECK_EQ(server_number(&server, "faults"), PAGES);
}

/* A file's memory, in both modes; @fd is the file. */
static struct memory memory_of_file(int fd)
{
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_MINOR_SHMEM,
					   UFFDIO_REGISTER_MODE_MISSING);

	CHECK_EQ(ftruncate(fd, PAGES * PAGE), 0);
	munmap(memory.base, PAGES * PAGE);
	memory.base = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   0);
	CHECK_EQ(uffd_register(memory.uffd, memory.base, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING |
			       UFFDIO_REGISTER_MODE_MINOR), 0);
	return memory;
}

/* What the page cache does not have is the image's. */
static void case_minor_missing(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	int fd = memfd_create("lazymem", 0);
	struct memory memory = memory_of_file(fd);
	char page[PAGE];

	for (size_t i = 0; i < PAGES; i += 2) {
		content_fill(page, 99, i, 1);
		CHECK_EQ(pwrite(fd, page, PAGE, i * PAGE), PAGE);
	}
	memory_serve(&memory, &server);
	for (size_t i = 0; i < PAGES; i += 2) {
		CHECK_EQ(content_wrong(memory.base + i * PAGE, 99, i, 1), 0);
		CHECK_EQ(image_wrong(memory.base + (i + 1) * PAGE, i + 1, 1), 0);
	}
	server_end(&server, SIGTERM);
}

static void *read_first(void *memory)
{
	return (void *)image_wrong(((struct memory *)memory)->base, 0, 1);
}

/* A page leaves the page cache between its minor fault and the answer. */
static void case_minor_gone(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	int fd = memfd_create("lazymem", 0);
	struct memory memory = memory_of_file(fd);
	struct pollfd readable = { .fd = memory.uffd, .events = POLLIN };
	pthread_t thread;
	void *wrong;

	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_EQ(pthread_create(&thread, NULL, read_first, &memory), 0);
	CHECK_EQ(poll(&readable, 1, -1), 1);
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), 0);
	memory_serve(&memory, &server);
	pthread_join(thread, &wrong);
	CHECK_EQ((uintptr_t)wrong, 0);
	server_end(&server, SIGTERM);
}

/* What has been added to a mapping, and what it has left behind, is nobody's content. */
static void case_moved_and_grown(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	char *to = mmap(NULL, 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK(mremap(memory.base, PAGES * PAGE, 2 * PAGES * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	CHECK_EQ(image_wrong(to, 0, PAGES), 0);
	CHECK(memory_is_poisoned(to + PAGES * PAGE));
	CHECK(memory_is_poisoned(to + (2 * PAGES - 1) * PAGE));
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 2);
}

static void case_moved_and_kept(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	char *to;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	to = mremap(memory.base, PAGES * PAGE, PAGES * PAGE,
		    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(to != MAP_FAILED);
	CHECK_EQ(image_wrong(to, 0, PAGES), 0);
	CHECK(memory_is_poisoned(memory.base + 70 * PAGE));
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 1);
}

static void case_write_protected(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);

	memory_serve(&memory, &server);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(uffd_write_protect(memory.uffd, memory.base, PAGES * PAGE, true), 0);
	for (size_t i = 0; i < PAGES; i++)
		memory.base[i * PAGE] = i;
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(memory.base[i * PAGE], (char)i);
	server_end(&server, SIGTERM);
}

static void *run_session(void *session)
{
	lazymem_run(session);
	return NULL;
}

static void write_pages(const struct memory *memory, size_t step)
{
	for (size_t i = 0; i < PAGES; i += step)
		memory->base[i * PAGE + 9]++;
}

/* Exactly every @step-th page is dirty. */
static void dirty_is(struct lazymem *session, size_t step)
{
	unsigned long bits[PAGES / 64] = {};

	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), (PAGES + step - 1) / step);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(bits[i / 64] >> i % 64 & 1, i % step == 0);
}

/* Half of the memory is there when it begins, half is brought while it is watched. */
static void case_dirty(const void *variant)
{
	struct lazymem_options options = {
		.image = image_make(PAGES), .image_size = PAGES * PAGE, .window = PAGE,
	};
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					   UFFD_FEATURE_EVENT_REMOVE,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	struct lazymem_range range = { (uintptr_t)memory.base, PAGES * PAGE, 0, PAGE };
	unsigned long bits[PAGES / 64] = {};
	char why[LAZYMEM_WHY];
	struct lazymem *session = lazymem_new(&options, NULL, memory.uffd, -1, &range, 1,
					      why);
	pthread_t thread;

	CHECK(session);
	CHECK_EQ(pthread_create(&thread, NULL, run_session, session), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES / 2), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), -EINVAL);
	CHECK_EQ(lazymem_dirty_start(session), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES * 3 / 4), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), 0);
	write_pages(&memory, 3);
	write_pages(&memory, 3);
	dirty_is(session, 3);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), 0);
	write_pages(&memory, 6);
	dirty_is(session, 6);
	CHECK_EQ(madvise(memory.base + 5 * PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 4, 60, bits), 1);
	CHECK_EQ(bits[0], 1 << 1);
	CHECK_EQ(lazymem_dirty_take(session, 0, 1, PAGES, bits), -EINVAL);
	CHECK_EQ(lazymem_dirty_take(session, 1, 0, 1, bits), -EINVAL);
	lazymem_stop(session, LAZYMEM_DROP);
	pthread_join(thread, NULL);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), -ESRCH);
	lazymem_free(session);
}

/*
 * Readers, while another thread gives pages back, moves a piece to and fro, and forks. A
 * page is the image's, or zeros once it may have been given back; a piece that moves is
 * not read meanwhile.
 */
#define KEPT	128
#define GIVEN	64
#define MOVED	(PAGES - KEPT - GIVEN)
#define ROUNDS	200

struct storm {
	struct memory memory;
	atomic_bool over;
};

static void *storm_read(void *arg)
{
	struct storm *storm = arg;
	uintptr_t wrong = 0;

	for (size_t i = 0; !storm->over || i < KEPT + GIVEN; i++) {
		size_t page = i * 37 % (KEPT + GIVEN);
		const char *at = storm->memory.base + page * PAGE;

		if (page < KEPT || content_not_zero(at, 1))
			wrong += image_wrong(at, page, 1) &&
				 (page < KEPT || content_not_zero(at, 1));
	}
	return (void *)wrong;
}

static void storm_give_back(const struct storm *storm, unsigned int round)
{
	char *at = storm->memory.base + (KEPT + round * 13 % GIVEN) * PAGE;

	CHECK_EQ(madvise(at, PAGE, MADV_DONTNEED), 0);
}

static void storm_fork(const struct storm *storm)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(image_wrong(storm->memory.base, 0, KEPT) != 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void case_storm(const void *variant)
{
	const bool *slow = variant;
	const char *image = image_make(PAGES);
	struct lazymem_server server = *slow ?
		server_run(nbdkit_run("--filter=delay", "file", image, "rdelay=1ms",
				      NULL).uri, "--window", "4", NULL) :
		server_run(image, "--no-prefetch", "--window", "4", NULL);
	struct storm storm = { .memory = memory_served(&server, PAGES, EVENTS) };
	char *home = storm.memory.base + (KEPT + GIVEN) * PAGE, *at = home;
	char *away = mmap(NULL, MOVED * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	pthread_t readers[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&readers[i], NULL, storm_read, &storm), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		char *to = at == home ? away : home;

		storm_give_back(&storm, i);
		CHECK(mremap(at, MOVED * PAGE, MOVED * PAGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
		at = to;
		CHECK_EQ(image_wrong(at + i % MOVED * PAGE, KEPT + GIVEN + i % MOVED, 1),
			 0);
		if (i % 20 == 0)
			storm_fork(&storm);
	}
	storm.over = true;
	for (int i = 0; i < 4; i++) {
		void *wrong;

		pthread_join(readers[i], &wrong);
		CHECK_EQ((uintptr_t)wrong, 0);
	}
	CHECK_EQ(image_wrong(storm.memory.base, 0, KEPT), 0);
	CHECK_EQ(image_wrong(at, KEPT + GIVEN, MOVED), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

void suite_events(void)
{
	add_case(case_removed, NULL, "lazymem/events/removed");
	add_case(case_removed_ahead, NULL, "lazymem/events/removed-ahead");
	add_case(case_removed_unheard, NULL, "lazymem/events/removed-unheard");
	add_case(case_unmapped, NULL, "lazymem/events/unmapped");
	add_case(case_moved, NULL, "lazymem/events/moved");
	add_case(case_forked, NULL, "lazymem/events/forked");
	add_case(case_forked_too_many, NULL, "lazymem/events/forked-too-many");
	add_case(case_minor, NULL, "lazymem/events/minor");
	add_case(case_write_protected, NULL, "lazymem/events/write-protected");
	add_case(case_minor_missing, NULL, "lazymem/events/minor-missing");
	add_case(case_minor_gone, NULL, "lazymem/events/minor-gone");
	add_case(case_moved_and_grown, NULL, "lazymem/events/moved-and-grown");
	add_case(case_moved_and_kept, NULL, "lazymem/events/moved-and-kept");
	add_case(case_dirty, NULL, "lazymem/events/dirty");
	add_case(case_storm, &fast, "lazymem/events/storm");
	add_case(case_storm, &slow, "lazymem/events/storm-slow-source");
}
