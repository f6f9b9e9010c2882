// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of faults other than a missing page: minor faults, write-protect faults, and dirty
 * pages, which are made of the latter.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "uffd.h"

#define PAGES	256

/* The page cache has all of the content already; nothing is brought from the image. */
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

/* Shared memory of the file @fd, registered for missing and minor faults. */
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

/* Every other page is in the page cache; the others are the image's. */
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

/* To each page; read them back when all are written. */
static void write_everywhere(const struct memory *memory)
{
	for (size_t i = 0; i < PAGES; i++)
		memory->base[i * PAGE] = i;
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(memory->base[i * PAGE], (char)i);
}

/* The client protects its memory itself: a write lifts that. */
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
	write_everywhere(&memory);
	server_end(&server, SIGTERM);
}

static struct memory memory_protectable(void)
{
	return memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, UFFD_FEATURE_RWP,
			   UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_RWP);
}

/*
 * The client protects its memory against any access: an access lifts that, by reads and by
 * writes. A page that it has dropped meanwhile is missing again.
 */
static void case_protected(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--window", "4", NULL);
	struct memory memory = memory_protectable();

	memory_serve(&memory, &server);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(uffd_protect(memory.uffd, memory.base, PAGES * PAGE, true), 0);
	CHECK_EQ(madvise(memory.base + 4 * PAGE, 4 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(uffd_protect(memory.uffd, memory.base, PAGES * PAGE, true), 0);
	write_everywhere(&memory);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "faults"), 3 * PAGES);
	/* A page that is brought a second time does not count again. */
	CHECK_EQ(server_number(&server, "served"), PAGES * PAGE);
}

struct protected_page {
	const struct memory *memory;
	size_t index;
	pthread_t thread;
};

static void *read_protected(void *arg)
{
	const struct protected_page *page = arg;

	return (void *)image_wrong(page->memory->base + page->index * PAGE, page->index, 1);
}

/* Many threads wait for protected pages; one of these is dropped before it is answered. */
static void case_protected_threads(const void *variant)
{
	const char *image = image_make(PAGES);
	struct lazymem_server server = server_run(image, "--no-prefetch", NULL);
	struct memory memory = memory_protectable();
	struct protected_page pages[32];
	struct pollfd readable = { .fd = memory.uffd, .events = POLLIN };
	static char content[32 * PAGE];
	void *wrong;
	int file;

	file = open(image, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(pread(file, content, sizeof(content), 0), sizeof(content));
	CHECK_EQ(uffd_copy(memory.uffd, memory.base, content, sizeof(content)), 0);
	CHECK_EQ(uffd_protect(memory.uffd, memory.base, 32 * PAGE, true), 0);
	for (size_t i = 0; i < 32; i++) {
		pages[i] = (struct protected_page){ &memory, i };
		CHECK_EQ(pthread_create(&pages[i].thread, NULL, read_protected, &pages[i]), 0);
	}
	CHECK_EQ(poll(&readable, 1, -1), 1);
	CHECK_EQ(madvise(memory.base, PAGE, MADV_DONTNEED), 0);
	memory_serve(&memory, &server);
	for (size_t i = 0; i < 32; i++) {
		pthread_join(pages[i].thread, &wrong);
		CHECK_EQ((uintptr_t)wrong, 0);
	}
	close(file);
	server_end(&server, SIGTERM);
}

/* Write to every @step-th page. */
static void write_pages(const struct memory *memory, size_t step)
{
	for (size_t i = 0; i < PAGES; i += step)
		memory->base[i * PAGE + 9]++;
}

/* Check that exactly every @step-th page is dirty, and take that. */
static void dirty_expect(struct lazymem *session, size_t step)
{
	unsigned long bits[PAGES / 64] = {};

	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), (PAGES + step - 1) / step);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(bits[i / 64] >> i % 64 & 1, i % step == 0);
}

/*
 * The library's calls, without the program. Half of the memory is in place when watching
 * begins; a part of the rest is brought after that: bringing a page is no write.
 */
static void case_dirty(const void *variant)
{
	struct lazymem_options options = { .image = image_open(image_make(PAGES)), .window = PAGE };
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					   UFFD_FEATURE_EVENT_REMOVE,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	unsigned long bits[PAGES / 64] = {};
	struct lazymem *session = session_of(&options, &memory);
	pthread_t thread = session_run(session);

	CHECK_EQ(image_wrong(memory.base, 0, PAGES / 2), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), -EINVAL);
	CHECK_EQ(lazymem_dirty_start(session), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES * 3 / 4), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), 0);
	write_pages(&memory, 3);
	write_pages(&memory, 3);
	dirty_expect(session, 3);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), 0);
	write_pages(&memory, 6);
	dirty_expect(session, 6);
	CHECK_EQ(madvise(memory.base + 5 * PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 4, 60, bits), 1);
	CHECK_EQ(bits[0], 1 << 1);
	CHECK_EQ(lazymem_dirty_take(session, 0, 1, PAGES, bits), -EINVAL);
	CHECK_EQ(lazymem_dirty_take(session, 1, 0, 1, bits), -EINVAL);
	lazymem_stop(session, LAZYMEM_DROP);
	pthread_join(thread, NULL);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), -ESRCH);
	lazymem_free(session);
	lazymem_image_close(options.image);
}

static const int small = MAP_PRIVATE | MAP_ANONYMOUS;
static const int huge = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

/* Watched from the start: pages that are read are not dirty, be they zeros or not. */
static void case_tracked(const void *variant)
{
	const int *flags = variant;
	const size_t all = *flags & MAP_HUGETLB ? 4 * HUGE / PAGE : PAGES;
	struct lazymem_options options = {
		.image = image_open(image_make(all)), .window = PAGE,
		.track_dirty = true,
	};
	struct memory memory = memory_make(all, *flags, UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					   (*flags & MAP_HUGETLB ?
					    UFFD_FEATURE_WP_HUGETLBFS_SHMEM : 0),
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	const size_t pages = all * PAGE / memory.page_size;
	unsigned long bits[4 * HUGE / PAGE / 64] = {};
	struct lazymem *session = session_of(&options, &memory);
	pthread_t thread = session_run(session);

	CHECK_EQ(image_wrong(memory.base, 0, all), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, pages, bits), 0);
	memory.base[memory.page_size * 2 + 9]++;
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, pages, bits), 1);
	CHECK_EQ(bits[0], 1 << 2);
	/* A write as the first access. */
	CHECK_EQ(madvise(memory.base, memory.page_size, MADV_DONTNEED), 0);
	memory.base[7] = 1;
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, pages, bits), 1);
	CHECK_EQ(bits[0], 1 << 2 | 1 << 0);
	session_end(session, thread);
	lazymem_image_close(options.image);
}

/* The memory is not registered for it: it is served all the same. */
static void case_tracked_unprotected(const void *variant)
{
	struct lazymem_options options = {
		.image = image_open(image_make(PAGES)), .window = PAGE, .track_dirty = true,
	};
	struct memory memory = memory_make(PAGES, small, UFFD_FEATURE_PAGEFAULT_FLAG_WP,
					   UFFDIO_REGISTER_MODE_MISSING);
	unsigned long bits[PAGES / 64] = {};
	struct lazymem *session = session_of(&options, &memory);
	pthread_t thread = session_run(session);

	CHECK_EQ(image_wrong(memory.base, 0, PAGES / 2), 0);
	CHECK_EQ(lazymem_dirty_start(session), -EINVAL);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), -EINVAL);
	session_end(session, thread);
	lazymem_image_close(options.image);
}

/* A piece of a huge page that is there is given back: its content has changed. */
static void case_tracked_piece(const void *variant)
{
	const size_t all = 2 * HUGE / PAGE;
	struct lazymem_options options = {
		.image = image_open(image_make(all)), .window = PAGE, .track_dirty = true,
	};
	struct memory memory = memory_make(all, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					   UFFD_FEATURE_EVENT_REMOVE |
					   UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	unsigned long bits[1] = {};
	struct lazymem *session = session_of(&options, &memory);
	pthread_t thread = session_run(session);

	CHECK_EQ(image_wrong(memory.base, 0, all), 0);
	CHECK_EQ(madvise(memory.base + HUGE + PAGE, PAGE, MADV_REMOVE), 0);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, 2, bits), 1);
	CHECK_EQ(bits[0], 1 << 1);
	session_end(session, thread);
	lazymem_image_close(options.image);
}

/* Pages that /proc/self/pagemap says are not write-protected. */
static size_t count_written(const struct memory *memory)
{
	int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t written = 0;
	uint64_t entry;

	for (size_t i = 0; i < PAGES; i++) {
		CHECK_EQ(pread(file, &entry, sizeof(entry),
			       ((uintptr_t)memory->base / PAGE + i) * sizeof(entry)),
			 sizeof(entry));
		written += !(entry >> 57 & 1);
	}
	close(file);
	return written;
}

/*
 * The client looks for written pages itself, and the kernel lifts the protection (WP_ASYNC):
 * what makes diff snapshots small. The session cannot list them, and says so.
 */
static void case_tracked_async(const void *variant)
{
	struct lazymem_options options = {
		.image = image_open(image_make(PAGES)), .window = PAGE,
		.track_dirty = true,
	};
	struct memory memory = memory_make(PAGES, small, UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					   UFFD_FEATURE_WP_UNPOPULATED |
					   UFFD_FEATURE_WP_ASYNC,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	unsigned long bits[PAGES / 64] = {};
	struct lazymem *session;
	pthread_t thread;

	CHECK_EQ(uffd_write_protect(memory.uffd, memory.base, PAGES * PAGE, true), 0);
	session = session_of(&options, &memory);
	thread = session_run(session);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(count_written(&memory), 0);
	write_pages(&memory, 8);
	CHECK_EQ(count_written(&memory), PAGES / 8);
	CHECK_EQ(lazymem_dirty_take(session, 0, 0, PAGES, bits), -EOPNOTSUPP);
	session_end(session, thread);
	lazymem_image_close(options.image);
}

void suite_faults(void)
{
	add_case(case_tracked, &small, "lazymem/faults/tracked");
	add_case(case_tracked, &huge, "lazymem/faults/tracked-huge");
	add_case(case_tracked_unprotected, NULL, "lazymem/faults/tracked-unprotected");
	add_case(case_tracked_piece, NULL, "lazymem/faults/tracked-piece");
	add_case(case_tracked_async, NULL, "lazymem/faults/tracked-async");
	add_case(case_minor, NULL, "lazymem/faults/minor");
	add_case(case_minor_missing, NULL, "lazymem/faults/minor-missing");
	add_case(case_minor_gone, NULL, "lazymem/faults/minor-gone");
	add_case(case_write_protected, NULL, "lazymem/faults/write-protected");
	add_case(case_protected, NULL, "lazymem/faults/protected");
	add_case(case_protected_threads, NULL, "lazymem/faults/protected-threads");
	add_case(case_dirty, NULL, "lazymem/faults/dirty");
}
