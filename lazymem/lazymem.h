/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lazymem: memory of another process (or of this one) that is brought from an image
 * when it is first accessed, by way of userfaultfd.
 *
 * Principle. A *session* is one userfaultfd and what is to appear behind it. A session
 * belongs to one thread, the one in lazymem_run(), with its own connection to the image
 * and its own buffers. Sessions share nothing that they wait for: a client that lies,
 * hangs or dies can hold up its own thread and no other. Whoever serves many clients runs
 * a thread for each. A client that wants several gives several userfaultfds, each with
 * some of its mappings.
 *
 * One thread decides and answers faults. What is read ahead is shared out: the session
 * leaves slots to its helper and brings others meanwhile, out of the page cache and into
 * the client. It looks for messages after each of its own, and waits for the helper only
 * where there are some, or nothing else to do. To wait for each other after every slot gave
 * less than one thread alone wherever processors share a core or are slow to wake (on a
 * virtual machine of two 0.38 to 0.55 of a bare loop's pages in a second, where this gives
 * 0.89 to 1.18). While a fault waits the helper gets nothing.
 *
 * Tried, and no better: to leave reads from the page cache to io_uring's threads, one or
 * many (0.69 of a bare loop's pages by many); and to copy from a mapping of the file (0.77;
 * outside of guests 0.65), for to map and unmap costs more than the copy it saves.
 *
 *	uffd --read--> queue of faults --> slots (buffers) --read--> source (file, NBD)
 *	  ^                                   |
 *	  +------- copy, zero page -----------+
 *
 * The loop of a session: read messages; turn faults into reads, each into a slot, with
 * the missing neighbours; put what has arrived in place; where no fault waits, read
 * ahead; poll. Nothing in it waits for the image but poll(), so one slow read holds up no
 * other. (Files in memory are taken to be there; what of them is swapped out is waited for.)
 *
 * State. Each mapping has an object of struct pages, two bits a page (and a third while
 * dirty pages are watched): `done` (it is
 * there, nothing needs to be read ahead) and `zero` (it was given back to the kernel:
 * its content is zeros from then on, never again the image's). Slots and queue refer to
 * (pages, index), never to addresses: mremap() moves a range, and what is in flight
 * finds its new address when it lands. The addresses are in struct ranges, which events
 * split and move. The bits are advice for reading ahead; a fault is answered whatever
 * they say, for the kernel knows better.
 *
 *
 * Memory. 16 slots of 256 KiB a session (of 2 MiB where the client has huge pages), of
 * which a cached file has next to no use, two bounce buffers of that size, a queue of 1024 faults,
 * and two bits a page: 64 KiB for a GiB. The bound is kept by not remembering: a fault
 * that finds the queue full is woken, comes again, and stands in the kernel's queue
 * meanwhile.
 *
 * Threads and locks. There are two locks, both leaves: that of a recorded order, held for
 * one write, and that of a request for dirty pages, held by the session while it does what
 * is asked. lazymem_stop(), lazymem_stats() and lazymem_dirty_*() may be called by any
 * thread; all else by one. The helper writes to nothing but its jobs and the buffers that
 * these are in. The session waits for it (slots_quiesce()) before it changes anything that
 * a job reads: before messages, faults and requests are looked at, the source is opened or
 * closed, the session ends. (A mapping's no_zeropage, found out by a job, is atomic.)
 *
 * Hazards, and what is done:
 * - While the client is in fork(), mremap(), munmap() or madvise(), the kernel answers
 *   every copy with EAGAIN until the event has been read. So a copy is never tried
 *   again at once: messages are read first, and the place looked up anew. And no copy
 *   is under way while they are read: it could land behind a madvise() that was reported
 *   meanwhile.
 * - Faults are handed out before events. A fault at an address that nobody knows may be
 *   that of a mremap() whose event is yet to come: it is judged only once nothing is left
 *   to read and no change is under way.
 * - A client can make its userfaultfd blocking, which both share, and so hold its own
 *   thread in read(). A signal ends that; lazymem_run() looks at the stop afterwards.
 * - A process that keeps its own copy of the userfaultfd hangs at its next fault when
 *   nobody reads it any more. So a session ends by unregistering, not just closing.
 * - Memory that is unregistered reads as zeros. So what could not be brought is poisoned
 *   first (unless told to drop it), which gives SIGBUS in place of wrong content. Kernels
 *   before 6.6 cannot; that is reported.
 */
#ifndef LAZYMEM_H
#define LAZYMEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAZYMEM_WHY	256

struct lazymem;
struct lazymem_order;

/* @size bytes from @start on have the image's content from @offset on. */
struct lazymem_range {
	uint64_t start;
	uint64_t size;
	uint64_t offset;
	uint64_t page_size;
};

/* How a session ends. The later ones are the more hasty; stop can be said again. */
enum lazymem_end {
	LAZYMEM_GO_ON,
	LAZYMEM_FILL,	/* bring all that is missing, poison what cannot be brought */
	LAZYMEM_POISON,	/* answer who waits, poison all that is missing */
	LAZYMEM_DROP,	/* answer who waits; what is missing becomes zeros */
	LAZYMEM_NOW,	/* answer nobody, poison all that is missing */
};

/**
 * struct lazymem_options - what sessions have in common
 * @image: path of a file or block device, or an NBD URI
 * @image_size: what lazymem_image_size() told
 * @window: bytes to bring for a fault, neighbours that are there already left out
 * @read_ahead: bring what nobody asked for while no fault waits
 * @replay: file of a recorded order to read ahead in, or NULL
 * @record: where the order of faults is kept, or NULL; sessions can share it
 * @give_up: seconds after which a read is failed though the source may come back;
 *	     0: never
 * @timeout: seconds after which an NBD server that is asked and says nothing is taken for
 *	     lost; 0: never
 * @latency_us: what a read of the image takes at least, in microseconds; others are in
 *		flight meanwhile. For demonstrations and measurements
 * @message: told of what went wrong, a line of text without newline; any session's thread
 * @forked: the client has forked; run @child by a thread of its own and return 0, or
 *	    return an error: then all that the child is missing is poisoned. May be NULL.
 */
struct lazymem_options {
	const char *image;
	uint64_t image_size;
	size_t window;
	bool read_ahead;
	const char *replay;
	struct lazymem_order *record;
	unsigned int give_up;
	unsigned int timeout;
	unsigned int latency_us;
	void (*message)(void *arg, const char *text);
	int (*forked)(void *arg, struct lazymem *child);
};

/*
 * All but @faults, @waiting and @failed in bytes. @served were asked for, @prefetched were
 * not (neighbours, and what was read ahead), @zero is the part of both that is zeros,
 * @holes what was not read, since the source has holes there.
 */
struct lazymem_stats {
	_Atomic uint64_t total;
	_Atomic uint64_t missing;
	_Atomic uint64_t served;
	_Atomic uint64_t prefetched;
	_Atomic uint64_t zero;
	_Atomic uint64_t faults;
	_Atomic uint64_t waiting;
	_Atomic uint64_t failed;
	_Atomic uint64_t holes;
};

/*
 * Open a userfaultfd with @needed, and with those of @wanted that the kernel has;
 * @features tells which there are. Returns -errno with an explanation in @why.
 */
int lazymem_uffd(uint64_t needed, uint64_t wanted, uint64_t *features,
		 char why[LAZYMEM_WHY]);

/* The image's size, or -errno with an explanation in @why. Waits for the source. */
int64_t lazymem_image_size(const char *image, char why[LAZYMEM_WHY]);

/*
 * Make a session for @uffd, on which the ranges are registered already, and which the
 * session owns if this succeeds. @peer is a file descriptor whose hang-up may mean that
 * the client is gone, or -1; it stays the caller's. @options stays valid; @arg is for its
 * calls. Returns NULL with an explanation in @why.
 */
struct lazymem *lazymem_new(const struct lazymem_options *options, void *arg, int uffd,
			    int peer, const struct lazymem_range *ranges,
			    size_t count, char why[LAZYMEM_WHY]);

/*
 * Serve until the client is gone or lazymem_stop(). Returns 0, or -errno where it had to
 * end early, which has been reported.
 */
int lazymem_run(struct lazymem *session);

/* By any thread, or a signal handler. */
void lazymem_stop(struct lazymem *session, enum lazymem_end end);

const struct lazymem_stats *lazymem_stats(const struct lazymem *session);

/*
 * Which pages are written to from now on, for mappings that are registered in write-protect
 * mode as well. lazymem_dirty_take() sets bit i of @bits where page @first + i of mapping
 * @range, as counted by lazymem_new(), was written to or given back since it was taken
 * last; other bits stay. It returns how many there were. What is written later is in the
 * next: so take first, then look at the content.
 *
 * By any thread but the session's own, which does the work: they wait until it is in
 * lazymem_run(). -ESRCH: that is over. -EINVAL: no such pages, not begun, or not
 * registered for it. Children of the client are not watched.
 */
int lazymem_dirty_start(struct lazymem *session);
int64_t lazymem_dirty_take(struct lazymem *session, size_t range, uint64_t first,
			   uint64_t count, unsigned long *bits);

/* After lazymem_run(), or instead of it. */
void lazymem_free(struct lazymem *session);

/* For @arg of a child that lazymem_options.forked has taken over. */
void lazymem_set_arg(struct lazymem *session, void *arg);

/* A file of the order in which pages were asked for. */
struct lazymem_order *lazymem_order_new(const char *path, char why[LAZYMEM_WHY]);
int lazymem_order_close(struct lazymem_order *order);

#endif
