/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * userfaultfd: a function for each ioctl, and a small page server for tests (server.c).
 *
 * A test that does something while a fault waits answers the fault by hand: uffd_next()
 * returns when a fault waits. All others start a server.
 */
#ifndef LIB_UFFD_H
#define LIB_UFFD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uffd_abi.h"

/*
 * Open a userfaultfd and set it up with all of @features. @flags: of userfaultfd(2), for
 * example UFFD_USER_MODE_ONLY. Returns the descriptor or -errno; -EINVAL: the kernel lacks a
 * feature.
 */
int uffd_open(uint64_t features, int flags);

/* @mode: UFFDIO_REGISTER_MODE_*. Both return 0 or -errno. */
int uffd_register(int uffd, void *start, size_t length, uint64_t mode);
int uffd_unregister(int uffd, void *start, size_t length);

/* Switch features, for example UFFD_FEATURE_RWP_ASYNC. Returns 0 or -errno. */
int uffd_set_mode(int uffd, uint64_t enable, uint64_t disable);

/*
 * Wait for the next message, at most @timeout_ms (-1: without limit). Returns false if no
 * message came.
 */
bool uffd_next(int uffd, struct uffd_msg *msg, int timeout_ms);

/* Answers. All return 0 or -errno; uffd_copy() goes on after EAGAIN and partial copies. */
int uffd_copy(int uffd, void *to, const void *from, size_t length);
int uffd_zeropage(int uffd, void *start, size_t length);
int uffd_continue(int uffd, void *start, size_t length);
int uffd_poison(int uffd, void *start, size_t length);
int uffd_write_protect(int uffd, void *start, size_t length, bool on);
int uffd_protect(int uffd, void *start, size_t length, bool on);	/* read-write */
int uffd_wake(int uffd, void *start, size_t length);

/* As uffd_copy(), up to the first page that fails. Returns how many bytes were copied. */
size_t uffd_copy_some(int uffd, void *to, const void *from, size_t length);

/**
 * struct server - threads that answer missing faults on one userfaultfd
 * @uffd: the userfaultfd that they read from; opened by the caller
 * @base: address of page 0
 * @page_size: 4096, or that of the hugetlb file
 * @pages: length in 4 KiB pages
 * @batch: 4 KiB pages to answer a fault with, a power of two, at least one
 *	   @page_size
 * @delay_us: microseconds from a fault to its answer; other faults wait at the same time
 * @threads: how many threads answer
 * @fill: writes the contents of 4 KiB pages @first ... into @to, @batch at most
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
 * Bring @pages pages from @first on, whether a fault waits or not. @buffer is the caller's,
 * and has room for them.
 */
void server_bring(struct server *server, size_t first, size_t pages,
		  void *buffer);

/* A @fill that writes content_fill() of the series *(uint64_t *)@arg. */
void server_fill_series(void *to, uint64_t first, size_t pages, void *arg);

#endif
