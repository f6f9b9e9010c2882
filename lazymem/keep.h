/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session's state, kept in a memfd, so that another process can go on after SIGKILL.
 *
 * A supervisor holds four descriptors of each session: the userfaultfd, the memfd, and the
 * client's socket and pidfd. While it holds the userfaultfd, the client's faults and events wait. The next
 * server takes them up: lazymem_resume() makes a session of them, which wakes all its ranges,
 * so that faults that the dead server had read come again.
 *
 * The kernel knows which pages are there. The memfd has what cannot be asked for: where which
 * part of the image is, which pages were given back (they must never show the image again),
 * which are done, and which were written to; and which image it was.
 *
 * The process may be killed between any two instructions. So:
 * - bits of pages are in the memfd, which is mapped: a bit that is set is kept;
 * - all else is a table. A new one is written beside the old one, and then one number in the
 *   head, the table's place, is changed: either the old or the new one is in force;
 * - the client goes on as soon as the kernel has handed out its event. So messages are read
 *   into the memfd, the inbox. An event that was read but not applied is applied by the next
 *   server. The table in force says how many of them it contains; bits can be set twice.
 *
 * What can be lost: the userfaultfd of a child, between read() and its handing over to the
 * supervisor. The kernel closes it with the process, and the child reads zeros. The next
 * server finds the event and reports it.
 *
 * If the state cannot be written (no memory), this is reported, and the state is made invalid:
 * the next server then refuses the client instead of serving wrong content.
 */
#ifndef LAZYMEM_KEEP_H
#define LAZYMEM_KEEP_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lazymem.h"

struct keep_head;
struct ranges;

/* Messages per read(). */
#define KEEP_INBOX	64

/**
 * struct keep - a session's memfd
 * @fd: the memfd; -1: nothing is kept
 * @head: its beginning, mapped
 * @size: its bytes
 * @at: two places for tables, of which one is in force
 * @room: bytes of each
 * @current: which one is in force
 */
struct keep {
	int fd;
	struct keep_head *head;
	uint64_t size;
	uint64_t at[2];
	uint64_t room[2];
	unsigned int current;
};

/*
 * Both return 0 or -errno; keep_open() with an explanation: -ESTALE if all is well but for the
 * image. @fd is its own then, as after 0.
 */
int keep_new(struct keep *keep, const struct lazymem_image *image);
int keep_open(struct keep *keep, const struct lazymem_image *image, int fd,
	      char why[LAZYMEM_WHY]);
/* Also of one that was made in part. */
void keep_close(struct keep *keep);

/*
 * @count bits of zeros, in the memfd if there is one, at @at there; or those that are there,
 * if @at is not 0. NULL: out of memory. Freed by munmap().
 */
unsigned long *keep_bits(struct keep *keep, uint64_t count, uint64_t *at);

/* What the table does not have: what the client is, and the end that is being done. */
void keep_set_kind(struct keep *keep, bool refused, bool child);
bool keep_is_refused(const struct keep *keep);
bool keep_is_child(const struct keep *keep);
void keep_set_note(struct keep *keep, uint64_t note);
uint64_t keep_note(const struct keep *keep);
void keep_set_end(struct keep *keep, enum lazymem_end end);
enum lazymem_end keep_end(const struct keep *keep);

/* For keep_save(): all messages of the inbox. */
#define KEEP_ALL	KEEP_INBOX

/*
 * Write @ranges down, which contain the first @applied messages of the inbox. Returns 0 or
 * -errno: then nothing can be resumed.
 */
int keep_save(struct keep *keep, const struct ranges *ranges, unsigned int applied);
/* Fill @ranges, which are empty. Returns 0, or -EINVAL or -ENOMEM with an explanation. */
int keep_load(struct keep *keep, struct ranges *ranges, char why[LAZYMEM_WHY]);

/*
 * Where to read messages to: the inbox, or @other without a memfd. After keep_empty_inbox().
 */
struct uffd_msg *keep_inbox(struct keep *keep, struct uffd_msg *other);
void keep_empty_inbox(struct keep *keep);
/* After keep_load(): the messages that are not applied yet. Returns how many. */
unsigned int keep_left(const struct keep *keep, const struct uffd_msg **msgs);

#endif
