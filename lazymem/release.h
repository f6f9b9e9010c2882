/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Release the client's memory at the end of a session.
 *
 * Memory that is no longer registered reads as zeros. So what is missing is poisoned first:
 * an access gets SIGBUS instead of wrong content. Only LAZYMEM_DROP leaves zeros. Kernels
 * before 6.6 cannot poison, which is reported.
 */
#ifndef LAZYMEM_RELEASE_H
#define LAZYMEM_RELEASE_H

struct lazymem;

void release_memory(struct lazymem *session);

/*
 * No longer serve addresses @start to @end: poison what is missing there, unless
 * options->on_lost says that it becomes zeros, and unregister it. Where the kernel cannot poison
 * it stays registered.
 */
void release_part(struct lazymem *session, uint64_t start, uint64_t end);

/*
 * For a child of the client, for which no session could be made: @uffd is the child's. It has
 * what the session's client has, at the same addresses. Needs no memory. @uffd stays the
 * caller's. Returns 0; or -errno if what the child misses could not be poisoned: then it reads
 * as zeros.
 */
int release_child(const struct lazymem *session, int uffd);

#endif
