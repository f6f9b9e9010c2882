/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lazymem as the page server of a testbed: a process that is started for one testbed,
 * with a file or an NBD server behind it. The NBD server (nbdkit) keeps running for the
 * next testbed.
 */
#ifndef BENCH_LAZYMEM_PROCESS_H
#define BENCH_LAZYMEM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct lazymem_process - a running lazymem
 * @pages: pages of the memory that it serves
 * @by_nbd: read the image from an NBD server, else from a file
 * @delay_ms: delay of each read of the NBD server, in ms
 * @window_kib: KiB to bring for a fault
 * @ahead: read ahead, else bring nothing but windows of faults
 * @given_ns: set by lazymem_process_start(): when lazymem was given the memory
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

/* Returns why lazymem cannot run in this guest, or NULL. */
const char *lazymem_process_lacks(bool by_nbd);

void lazymem_process_start(struct lazymem_process *process, int uffd,
			   const void *base);
void lazymem_process_stop(struct lazymem_process *process);

/* The file that lazymem serves, with at least @pages pages, none of them all zeros. */
const char *lazymem_process_image(size_t pages);

/* Stop the NBD server. */
void lazymem_process_end(void);

#endif
