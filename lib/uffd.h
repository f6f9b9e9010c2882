/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * userfaultfd: its calls, and a small page server.
 *
 * A test that has to act while a fault waits answers by hand: uffd_next() returns once
 * a fault waits. All others start a server.
 */
#ifndef LIB_UFFD_H
#define LIB_UFFD_H

#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From 6.6 on; numbers and layouts are those of the kernel's interface. */
#ifndef UFFDIO_POISON
#define _UFFDIO_POISON	0x08
struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;
	__s64 updated;
};
#define UFFDIO_POISON	_IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#endif
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON	(1 << 14)
#endif

/*
 * Open a userfaultfd with all of @features. @flags as for userfaultfd(2), e.g.
 * UFFD_USER_MODE_ONLY. Returns -errno; -EINVAL if a feature is missing.
 */
int uffd_open(uint64_t features, int flags);

/* Register or unregister; return 0 or -errno. */
int uffd_register(int uffd, void *start, size_t length, uint64_t mode);
int uffd_unregister(int uffd, void *start, size_t length);

/*
 * Wait for the next message, @timeout_ms at most (-1: for ever). Returns false if none
 * came.
 */
bool uffd_next(int uffd, struct uffd_msg *msg, int timeout_ms);

/* Answers; all return 0 or -errno, and handle EAGAIN and partial copies. */
int uffd_copy(int uffd, void *to, const void *from, size_t length);
int uffd_zeropage(int uffd, void *start, size_t length);
int uffd_continue(int uffd, void *start, size_t length);
int uffd_poison(int uffd, void *start, size_t length);
int uffd_write_protect(int uffd, void *start, size_t length, bool on);
int uffd_wake(int uffd, void *start, size_t length);

/* As uffd_copy(), up to the first page that fails; returns how many bytes were copied. */
size_t uffd_copy_some(int uffd, void *to, const void *from, size_t length);

/**
 * struct server - threads that answer missing faults on one userfaultfd
 * @uffd: the userfaultfd that they read from; opened by the caller
 * @base: address of page 0
 * @page_size: 4096, or that of the hugetlb file
 * @pages: length in 4 KiB pages
 * @batch: 4 KiB pages to answer a fault with, a power of two, at least one
 *	   @page_size
 * @delay_us: how long after its fault a page is brought, however many faults there are
 * @threads: how many threads
 * @fill: writes the contents of 4 KiB pages from @first on to @to, at most @batch pages
 * @arg: for @fill
 * @faults: how many faults were answered
 * @served: how many 4 KiB pages were brought
 */
struct server {
	int uffd;
	char *base;
	size_t page_size;
	size_t pages;
	size_t batch;
	unsigned int delay_us;
	unsigned int threads;
	void (*fill)(void *to, uint64_t first, size_t pages, void *arg);
	void *arg;
	_Atomic uint64_t faults;
	_Atomic uint64_t served;
	/* private */
	int stop_fd;
	char *workers;
	unsigned long tids[16];
};

void server_start(struct server *server);
void server_stop(struct server *server);

/*
 * Bring @pages pages from @first on that need not have been asked for, through the
 * caller's @buffer.
 */
void server_bring(struct server *server, size_t first, size_t pages,
		  void *buffer);

/* A @fill that writes content_fill() of the series *(uint64_t *)@arg. */
void server_fill_series(void *to, uint64_t first, size_t pages, void *arg);

#endif
