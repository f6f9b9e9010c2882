/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/hmm_dmirror* from user space, and the mirror kit's counters in debugfs. */
#ifndef LIB_DMIRROR_H
#define LIB_DMIRROR_H

#include <stddef.h>
#include <stdint.h>

#include <hmm_dmirror.h>
#include <hmmu_mirror_counters.h>

/* Open device @n for the memory of this process. Ends the program on failure. */
int dmirror_open(unsigned int n);

/*
 * Make a call over @pages pages at @at. Returns 0 or -errno. @cmd, if not NULL, gets
 * the result, or the arguments if the call failed.
 */
int dmirror_call(int fd, unsigned long number, const void *at, size_t pages,
		 const void *ptr, struct hmm_dmirror_cmd *cmd);

/* As dmirror_call(), where @ptr is HMM_DMIRROR_POPULATE_*. */
int dmirror_populate(int fd, const void *at, size_t pages, uint64_t flags);
int dmirror_prefetch(int fd, const void *at, size_t pages, uint64_t flags);

/*
 * Wait for prefetches: how many have ended, and how many of these failed. Returns 0 or
 * -errno.
 */
int dmirror_wait(int fd, size_t *ended, size_t *failed);
int dmirror_cancel(int fd);

/*
 * The number of pages that the device maps; @wrong gets how many of them the CPU does
 * not map.
 */
size_t dmirror_mapped(int fd, const void *at, size_t pages, size_t *wrong);

/*
 * A line of the kit's debugfs file, the total of all mirrors since the module was
 * loaded: a name of HMMU_MIRROR_COUNTERS or of what is in flight.
 */
uint64_t mirror_total(const char *name);

/* The sum of the lines that begin with "retry_". */
uint64_t mirror_retries(void);

#endif
