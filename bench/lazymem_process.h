/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lazymem as the page server of memory here: a process of its own, started for this
 * memory, with a file or an NBD server behind it. The NBD server stays for the next.
 */
#ifndef BENCH_LAZYMEM_PROCESS_H
#define BENCH_LAZYMEM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct lazy_program - one that runs
 * @pages: how much it serves
 * @by_nbd: the image is that of an NBD server, not a file
 * @delay_ms: how long the NBD server takes for a read
 * @window_kib: how much to bring for a fault
 * @ahead: bring the rest unasked, else only that
 * @given_ns: set by lazy_program_start(): when it was given the memory
 */
struct lazymem_process {
	size_t pages;
	bool by_nbd;
	unsigned int delay_ms;
	unsigned int window_kib;
	bool ahead;
	uint64_t given_ns;
	/* private */
	pid_t pid;
	int socket;
	int output;
};

/* Why there cannot be one here, or NULL. */
const char *lazymem_process_lacks(bool by_nbd);

void lazymem_process_start(struct lazymem_process *process, int uffd,
			   const void *base);
void lazymem_process_stop(struct lazymem_process *process);

/* The file that it serves, with so many pages at least; none of them is of zeros. */
const char *lazymem_process_image(size_t pages);

/* End the NBD server too. */
void lazymem_process_end(void);

#endif
