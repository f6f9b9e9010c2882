/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting pages into the client's memory, and what the kernel answers.
 *
 * All return how many pages, of @size each, are settled, from the first on; fewer than
 * asked for give the reason in @error:
 * -EAGAIN: the client is changing its address space: read messages, look again;
 * -ENOMEM: there is no memory for it now;
 * -ESRCH: the client is gone;
 * others: this page will never do.
 * Pages that are there already, and those that are mapped no more, count as settled;
 * whoever waits for them is woken.
 */
#ifndef LAZYMEM_PLACE_H
#define LAZYMEM_PLACE_H

#include <stdint.h>
#include <stddef.h>

uint64_t place_copy(int uffd, uint64_t to, const void *from, uint64_t count, size_t size,
		    int *error);
/* The same, and protected against writing. */
uint64_t place_protected(int uffd, uint64_t to, const void *from, uint64_t count,
			 size_t size, int *error);
uint64_t place_zero(int uffd, uint64_t to, uint64_t count, size_t size, int *error);
uint64_t place_poison(int uffd, uint64_t to, uint64_t count, size_t size, int *error);

/* Map what the page cache has. -EFAULT: it has nothing. */
uint64_t place_continue(int uffd, uint64_t to, size_t size, int *error);

/*
 * How it stands with the client, without changing anything: 0, -EAGAIN or -ESRCH.
 * @address: of a page of @size that is or was mapped.
 */
int place_probe(int uffd, uint64_t address, size_t size);

#endif
