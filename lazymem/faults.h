/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of faults that nothing has been begun for.
 *
 * A fault leaves the queue when a slot brings its page, or at once if its page is there
 * (minor faults and those of protected pages). The queue has a fixed size and need not be larger: a
 * fault that finds it full is woken, comes again, and meanwhile stands in the kernel's
 * queue, which takes no memory of this process.
 */
#ifndef LAZYMEM_FAULTS_H
#define LAZYMEM_FAULTS_H

#include <stdint.h>

#include "pages.h"

struct lazymem;

#define FAULTS_MOST	1024

enum fault_kind {
	FAULT_MISSING,		/* no page: bring it from the image */
	FAULT_MINOR,		/* the page cache has it: map it */
	FAULT_WRITE_PROTECTED,	/* note that it is dirty, lift the protection */
	FAULT_PROTECTED,	/* against any access: lift the protection */
};

struct fault {
	struct page_ref page;
	enum fault_kind kind;
};

/**
 * struct faults - a session's queue
 * @queue: a ring
 * @head: the oldest
 * @count: how many there are
 * @again_at: the oldest met a change of the client's address space: wait until then
 */
struct faults {
	struct fault queue[FAULTS_MOST];
	unsigned int head, count;
	uint64_t again_at;
};

/* A fault was read: count it, record it, tell reading ahead of it, and queue it. */
void faults_add(struct lazymem *session, struct fault fault);
/* Queue a fault that was added before. */
void faults_queue(struct lazymem *session, struct fault fault);
/* How many faults wait, in the queue or for a slot. */
uint64_t faults_waiting(const struct lazymem *session);

/* Answer what is there already, and begin to bring the rest while slots are free. */
void faults_run(struct lazymem *session, uint64_t now);
uint64_t faults_due(const struct lazymem *session, uint64_t now);

#endif
