/* SPDX-License-Identifier: GPL-2.0-only */
/* A process that uses a device, whose faults nobody answers, and how it ends. */
#ifndef TESTS_VICTIM_H
#define TESTS_VICTIM_H

#include <stdatomic.h>
#include <sys/types.h>

#include "area.h"

#define VICTIM_PAGES	64

/**
 * struct victim_use - what a victim does
 * @open: open the device and begin all that is to wait for pages of @area, of which
 *	  nothing is there: @waiting calls in threads, each for another page. Returns
 *	  the file
 * @beside: how many faults wait beside those
 */
struct victim_use {
	int (*open)(const struct area *area, size_t waiting);
	size_t beside;
};

/**
 * struct victim - the process
 * @pid: of it
 * @gone: pidfd
 * @fd: the device, as this process has got it from there
 * @uffd: likewise; the server that never answers is here
 * @area: in its memory
 * @command: what it waits for before it ends
 */
struct victim {
	pid_t pid;
	int gone;
	int fd;
	int uffd;
	struct area area;
	int command;
};

struct end {
	const char *name;
	void (*of)(void);
};

enum { END_EXIT, END_EXEC, END_KILL, NR_ENDS };

extern const struct end ends[NR_ENDS];

/* Returns when all of its faults wait. */
struct victim victim_new(const struct victim_use *use, size_t waiting,
			 const struct end *end);

/* Have it end. */
void victim_ends(const struct victim *v);

/**
 * struct busy_life - a process that ends in the middle of what it does
 * @rounds: how many of them, one after the other
 * @steps: each ends when it has done less than so many
 * @begin: begin all of it in threads, which count steps as they go
 * @look: nothing may be left of one
 */
struct busy_life {
	int rounds;
	unsigned int steps;
	void (*begin)(const void *variant, atomic_ulong *steps, unsigned int seed);
	void (*look)(void);
};

void ends_anywhere(const struct busy_life *life, const void *variant,
		   const struct end *end);

/* Wait until a userfaultfd can no longer reach its memory. */
void victim_memory_is_gone(const struct victim *v);

#endif
