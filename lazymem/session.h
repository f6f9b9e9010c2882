/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session: struct lazymem, which puts the parts together.
 *
 * One rule for the headers of this folder: each .c file has its own .h, with the struct that
 * is its state in a session, and its calls. session.h includes them all, since struct
 * lazymem contains the structs. (loop.c and setup.c have public calls only, which are in
 * lazymem.h; the kinds of source are behind source.h.)
 *
 * Which thread: all of a session belongs to the thread in lazymem_run(), except @end,
 * @wake_fd and @stats (any thread), dirty.h's requests (any thread, under their lock), and
 * what the helper does in a job (helper.h).
 */
#ifndef LAZYMEM_SESSION_H
#define LAZYMEM_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ahead.h"
#include "connection.h"
#include "counters.h"
#include "dirty.h"
#include "due.h"
#include "faults.h"
#include "helper.h"
#include "keep.h"
#include "lazymem.h"
#include "messages.h"
#include "ranges.h"
#include "rate.h"
#include "room.h"
#include "runs.h"
#include "slots.h"

/**
 * struct lazymem - a session
 * @options: the caller's, constant
 * @arg: the caller's, for the calls in @options
 * @uffd: the client's userfaultfd, owned; non-blocking, unless the client changes that
 * @peer: the caller's descriptor whose hang-up asks for a probe; -1 afterwards
 * @wake_fd: eventfd that wakes the loop
 * @processors: how many the program may use
 * @image_size: bytes of the image that may be read
 * @end: the end that was asked for, enum lazymem_end; any thread raises it
 * @ending: the end that is in force: @end, once messages were read after it was raised
 * @gone: the client's address space is gone (-ESRCH): there is nothing left to do
 * @error: why the session must end early, -errno. It has been reported
 * @refused: the client is not served: there are no ranges, see lazymem_refuse()
 * @stale: the image is not the one that a server that was killed had begun with: the session
 *	   ends without a further page
 * @unsettled: the client has removed mappings that could not be poisoned
 * @killed: options->kill() has killed the client: its faults need no answer
 * @child: its client is a child of another session's client
 * @keep: its state for a successor, keep.c
 * @connection: the source, connection.c
 * @ranges: what is mapped where, and the bits of pages, ranges.c
 * @slots: pages on their way, slots.c
 * @faults: faults that nothing was begun for, faults.c
 * @messages: faults at unknown addresses, messages.c
 * @ahead: how far reading ahead has come, ahead.c
 * @room: how much memory the client may still take, room.c
 * @dirty: requests for dirty pages, dirty.c
 * @helper: the second thread, helper.c
 * @thread: the session's, valid while @spoken
 * @spoken: options->spoken() is being called; any thread reads it
 * @probe_at: when to ask the kernel next whether the client still exists
 * @probe_wait: the wait before the probe after that
 * @probe_now: lazymem_probe() was called; any thread sets it
 * @probe_faults: stats.faults at the last probe
 * @changing_since: a fault waits for the end of a change of the client's address space since
 *		    then; 0: none does
 * @changing_tries: how often it was tried
 * @short_until: memory is short: nothing is read ahead before
 * @told_short: that memory is short was said, and nothing was brought since
 * @fill_at: the end gives up then; 0: it does not wait
 * @waited: it has: what is not there now is not waited for
 * @fill_missing: stats.missing when @fill_at was set
 * @texts: how many texts session_message() has passed on
 * @stats: written by the session's thread, read by any
 */
struct lazymem {
	const struct lazymem_options *options;
	void *arg;
	int uffd;
	int peer;
	int wake_fd;
	unsigned int processors;
	uint64_t image_size;

	_Atomic int end;
	int ending;
	bool gone;
	int error;
	bool refused;
	bool stale;
	bool unsettled;
	bool killed;
	bool child;

	struct keep keep;
	struct connection connection;
	struct ranges ranges;
	struct slots slots;
	struct faults faults;
	struct messages messages;
	struct ahead ahead;
	struct room room;
	struct dirty dirty;
	struct helper helper;

	pthread_t thread;
	_Atomic bool spoken;
	uint64_t probe_at, probe_wait;
	_Atomic bool probe_now;
	uint64_t probe_faults;
	uint64_t changing_since;
	unsigned int changing_tries;
	uint64_t short_until;
	bool told_short;
	uint64_t fill_at, fill_missing;
	bool waited;
	unsigned int texts;
	struct counters stats;
};

/* Pass a text to options->message: at most 20 for a session, as a client can cause any. */
__attribute__((format(printf, 2, 3)))
void session_message(struct lazymem *session, const char *format, ...);

/*
 * Write ranges down if they have changed; they contain the first @applied messages of the
 * inbox, or KEEP_ALL.
 */
void session_save(struct lazymem *session, unsigned int applied);

/* When to try again what met a change of the client's address space (-EAGAIN). */
uint64_t session_changing(struct lazymem *session, uint64_t now);

/* Of what happens often the 1st, 2nd, 4th, 8th, ... are told, not to crowd out the rest. */
static inline bool session_is_told(uint64_t count)
{
	return !(count & (count - 1));
}

/* A session for a child of the client. It owns @uffd. NULL: no memory or descriptors. */
struct lazymem *session_clone(struct lazymem *session, int uffd);

/* Make @uffd non-blocking. Returns 0 or -errno. */
int session_unblock(int uffd);

/* Wake the loop. By any thread, and by a signal handler. */
void session_wake(struct lazymem *session);

#endif
