/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that uses a device while its faults wait, and that ends in a chosen way.
 *
 * The process, the victim, registers memory with a userfaultfd, which only the test
 * answers: so the test knows when all faults wait. pidfd_getfd() gives the test the
 * victim's device file and userfaultfd, which outlive the victim.
 */
#ifndef TESTS_VICTIM_H
#define TESTS_VICTIM_H

#include <stdatomic.h>
#include <sys/types.h>

#include "area.h"

#define VICTIM_PAGES	64

/**
 * struct victim_use - what a victim does
 * @open: open the device and start what waits for pages of @area, none of which is
 *	  present: @waiting calls in threads, each for another page. Returns the file
 * @beside: how many other faults wait
 */
struct victim_use {
	int (*open)(const struct area *area, size_t waiting);
	size_t beside;
};

/**
 * struct victim - the process
 * @pid: its process
 * @gone: its pidfd
 * @fd: its device file, by pidfd_getfd()
 * @uffd: its userfaultfd, likewise; never answered
 * @area: memory of the victim, at the same address in this process
 * @command: the pipe that tells it to end
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

/* Returns once all of the victim's faults wait. */
struct victim victim_new(const struct victim_use *use, size_t waiting,
			 const struct end *end);

/* Make the victim end, and wait for that. */
void victim_ends(const struct victim *v);

/**
 * struct busy_life - a process that ends in the middle of its work
 * @rounds: how many such processes, one after the other
 * @steps: each process ends after a random number of steps below this
 * @begin: start all threads, which count @steps as they work
 * @look: check that nothing of the process is left
 */
struct busy_life {
	int rounds;
	unsigned int steps;
	void (*begin)(const void *variant, atomic_ulong *steps, unsigned int seed);
	void (*look)(void);
};

void ends_anywhere(const struct busy_life *life, const void *variant,
		   const struct end *end);

/* Wait until the userfaultfd reports that the address space is gone. */
void victim_memory_is_gone(const struct victim *v);

#endif
