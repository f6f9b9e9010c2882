/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Put pages into the client's memory: the ioctls, and what their errors mean.
 *
 * All calls put @count pages of @size bytes at @to and return how many are settled, from
 * the first on. If these are fewer, @error says why:
 * -EAGAIN: the client is changing its address space (fork, mremap, munmap, madvise). The
 *	    kernel refuses until the event was read: read messages, look up addresses again;
 * -ENOMEM: no memory for the client now: try again later;
 * -ESRCH: the client's address space is gone: end the session;
 * others: this page can never be put there.
 *
 * Pages that are there already, or no longer mapped, count as settled. Faults that wait for
 * them are woken. Only place_copy() and place_copy_protected() return -EEXIST, for a huge
 * page: from 6.18 on the kernel also says so when there is no huge page left. Nothing is
 * woken then.
 */
#ifndef LAZYMEM_PLACE_H
#define LAZYMEM_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "pages.h"

uint64_t place_copy(int uffd, uint64_t to, const void *from, uint64_t count, size_t size,
		    int *error);
/* As place_copy(), with the pages write-protected from the start. */
uint64_t place_copy_protected(int uffd, uint64_t to, const void *from, uint64_t count,
			      size_t size, int *error);
uint64_t place_zero(int uffd, uint64_t to, uint64_t count, size_t size, int *error);
/* An access gets SIGBUS. -EINVAL or -ENOTTY: the kernel is older than 6.6. */
uint64_t place_poison(int uffd, uint64_t to, uint64_t count, size_t size, int *error);

/* Map the page that the page cache has. -EFAULT: it does not have it. */
uint64_t place_continue(int uffd, uint64_t to, size_t size, int *error);

/*
 * The page size of the memory at @address, which is registered: PAGE_LEAST or PAGE_MOST; 0 if
 * it cannot be told, or if it is another one. Changes nothing.
 */
size_t place_page_size(int uffd, uint64_t address);

/*
 * Ask the kernel about the client without changing anything. Returns 0, -EAGAIN or -ESRCH as
 * above. @address: of a page of @size that is or was mapped.
 */
int place_probe(int uffd, uint64_t address, size_t size);

#endif
