/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lazymem: memory of another process, or of this one, whose content comes from an image
 * when it is first accessed. The kernel's userfaultfd reports the accesses.
 *
 * A session is one userfaultfd with the ranges that are registered on it. Make it with
 * lazymem_new(), run it with lazymem_run() in a thread of its own, end it with
 * lazymem_stop(), free it with lazymem_free(). That thread must never access the memory it
 * serves: it would wait for itself. A program with many clients runs a thread for each.
 * Sessions wait for nothing that they share, so a client that lies, hangs or dies stops only
 * its own session. A client that needs several threads sends several userfaultfds.
 *
 * Any thread may call lazymem_stop(), lazymem_probe(), lazymem_stats() and
 * lazymem_dirty_*(). All other calls for a session are made by one thread at a time.
 *
 * Errors: calls that can fail return -errno or NULL, and put one line of text for the user
 * into @why where they have that parameter. What goes wrong later is passed to
 * lazymem_options.message.
 *
 * docs/lazymem.md explains the design and has an example; lazymem/tool/ is the program
 * `lazymem serve`; demo/restored.c is a small user.
 */
#ifndef LAZYMEM_H
#define LAZYMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is compiled with hidden symbols; what is declared here can be used. */
#pragma GCC visibility push(default)

/* Bytes of a text that explains an error. */
#define LAZYMEM_WHY	256

struct lazymem;
struct lazymem_image;
struct lazymem_order;
struct lazymem_rate;

/**
 * struct lazymem_range - a mapping of the client
 * @start: its address, a multiple of @page_size
 * @size: bytes, a multiple of @page_size. The last page may reach beyond the image's end;
 *	  it is zeros there
 * @offset: where its content begins in the image, a multiple of 4096
 * @page_size: bytes per page, a power of two from 4096 to 2 MiB (hugetlb); 0: not known. If the
 *	       kernel tells another one, that counts
 */
struct lazymem_range {
	uint64_t start;
	uint64_t size;
	uint64_t offset;
	uint64_t page_size;
};

/**
 * enum lazymem_end - how a session ends; later values are more hasty
 * @LAZYMEM_GO_ON: not yet
 * @LAZYMEM_FILL: bring all that is missing; poison what cannot be brought
 * @LAZYMEM_POISON: answer faults that wait; poison all that is missing
 * @LAZYMEM_DROP: answer faults that wait; what is missing becomes zeros
 * @LAZYMEM_NOW: answer nothing; poison all that is missing
 *
 * An access to a poisoned page gets SIGBUS. Kernels before 6.6 cannot poison: there the client
 * is killed if lazymem_options allows it, and otherwise the memory reads as zeros, which is
 * reported.
 */
enum lazymem_end {
	LAZYMEM_GO_ON,
	LAZYMEM_FILL,
	LAZYMEM_POISON,
	LAZYMEM_DROP,
	LAZYMEM_NOW,
};

/**
 * enum lazymem_prefetch - what is brought although no fault has asked for it
 * @LAZYMEM_PREFETCH_NONE: nothing but the windows of faults
 * @LAZYMEM_PREFETCH_RECORDED: the recorded order as well (lazymem_options.replay)
 * @LAZYMEM_PREFETCH_STREAMS: also what comes next where faults follow one another: in order,
 *			      backwards, or by a fixed step
 * @LAZYMEM_PREFETCH_ALL: while no fault waits, all that is missing
 */
enum lazymem_prefetch {
	LAZYMEM_PREFETCH_NONE,
	LAZYMEM_PREFETCH_RECORDED,
	LAZYMEM_PREFETCH_STREAMS,
	LAZYMEM_PREFETCH_ALL,
};

/**
 * enum lazymem_lost - what becomes of a client that is not, or no longer, served
 * @LAZYMEM_LOST_POISON: an access to what it misses gets SIGBUS. Where the kernel cannot
 *			 poison (before 6.6), the client is killed
 * @LAZYMEM_LOST_KILL: it is killed as soon as it is known. If it cannot be killed, what it
 *		       misses is poisoned
 * @LAZYMEM_LOST_DROP: what it misses becomes zeros
 */
enum lazymem_lost {
	LAZYMEM_LOST_POISON,
	LAZYMEM_LOST_KILL,
	LAZYMEM_LOST_DROP,
};

/**
 * struct lazymem_options - what sessions may have in common
 * @image: what lazymem_image_open() returned; sessions share it
 * @window: bytes to bring for a fault, at most 256 KiB: the page and its missing neighbours.
 *	    With @prefetch, faults decide whether it is more or less
 * @prefetch: what is brought unasked. Less of it where the client's memory cgroup has little
 *	      room left
 * @rate: bound for what is brought unasked, or NULL. Sessions may share it
 * @replay: file of a recorded order to read ahead in, or NULL
 * @record: where the order of faults is recorded, or NULL. Sessions may share it
 * @give_up: seconds after which reads that wait for a lost source fail; 0: never
 * @latency_us: microseconds that each read of the image takes at least; other reads are in
 *		flight meanwhile. For demonstrations and measurements
 * @on_lost: what happens when the client asks for what cannot be brought: a page that cannot
 *	     be read, an address without content, the rest after an early end
 * @fill_wait: seconds after which an end no longer waits if nothing could be brought in this
 *	       time: LAZYMEM_FILL ends as @on_lost says, others leave out the faults that
 *	       wait; 0: they wait for ever
 * @track_dirty: as if lazymem_dirty_start() was called before the first page is brought. If
 *		 the client cannot be watched, this is passed to @message and it is served
 *		 nonetheless
 * @keep: keep the session's state in a memfd, for lazymem_resume() by another process if this
 *	  one is killed
 * @message: called with a line of text, without newline, when something goes wrong. By the
 *	     thread of any session. May be NULL
 * @forked: called when the client has forked, by the session's thread. Take over @child:
 *	    run it in a thread of its own, free it, and return 0. Or return an error: then
 *	    all that the child is missing is poisoned and @child is freed. May be NULL, which
 *	    means an error
 * @kill: called when the client has to be killed, with the reason. By the session's thread.
 *	  Returns 0, or -errno if it cannot be killed. May be NULL, which means the latter
 * @spoken: called when lazymem_new()'s @peer is readable, by the session's thread: other
 *	    faults wait meanwhile, so it must not block. Returns 0, or -errno to be called no
 *	    more. May be NULL. Only here lazymem_map() and lazymem_unmap() may be called
 */
struct lazymem_options {
	struct lazymem_image *image;
	size_t window;
	enum lazymem_prefetch prefetch;
	struct lazymem_rate *rate;
	const char *replay;
	struct lazymem_order *record;
	unsigned int give_up;
	unsigned int latency_us;
	enum lazymem_lost on_lost;
	unsigned int fill_wait;
	bool track_dirty;
	bool keep;
	void (*message)(void *arg, const char *text);
	int (*forked)(void *arg, struct lazymem *child);
	int (*kill)(void *arg, const char *why);
	int (*spoken)(void *arg, struct lazymem *session);
};

/**
 * struct lazymem_stats - what a session has done
 * @total: bytes of all ranges
 * @missing: bytes that are not in place, poisoned, given back or unmapped
 * @served: bytes that were brought since a fault asked for them
 * @prefetched: bytes that were brought unasked: neighbours, and what was read ahead
 * @zero: bytes of @served and @prefetched that are zero pages
 * @faults: how many faults were read
 * @waiting: how many of them are not answered
 * @failed: how many cannot be answered: poisoned, or left where poison is not possible
 * @holes: bytes that were not read, as the image has holes there
 */
struct lazymem_stats {
	uint64_t total;
	uint64_t missing;
	uint64_t served;
	uint64_t prefetched;
	uint64_t zero;
	uint64_t faults;
	uint64_t waiting;
	uint64_t failed;
	uint64_t holes;
};

/**
 * lazymem_uffd() - open a userfaultfd for lazymem_new()
 * @needed: UFFD_FEATURE_* that there must be
 * @wanted: UFFD_FEATURE_* to take where the kernel has them
 * @features: which of both were taken
 * @why: explanation of an error
 *
 * Returns the descriptor, or
 * -EPERM: the process has no right to use userfaultfd; @why lists the ways to give it;
 * -ENOSYS: the kernel has no userfaultfd, or a container's filter hides it;
 * -EOPNOTSUPP: a feature of @needed is missing: do without it, or use a newer kernel;
 * another -errno of opening it, such as -EMFILE.
 */
int lazymem_uffd(uint64_t needed, uint64_t wanted, uint64_t *features,
		 char why[LAZYMEM_WHY]);

/* Whether @fd is a userfaultfd, which is all that lazymem_new() accepts. */
bool lazymem_is_uffd(int fd);

/**
 * struct lazymem_image_options - how an image is read
 * @timeout: seconds after which an NBD server that has requests and sends nothing counts
 *	     as lost; 0: never
 * @size: serve only so many bytes from its beginning, as if it ended there; 0: all
 */
struct lazymem_image_options {
	unsigned int timeout;
	uint64_t size;
};

/**
 * lazymem_image_open() - open an image, for any number of sessions
 * @where: path of a file or block device, or an NBD URI. The URI may name local files
 *	   (tls-certificates, tls-psk-file), so it must not come from a stranger
 * @how: options, or NULL for zeros
 * @why: explanation of an error
 *
 * What is opened here is what all sessions read. A file is never opened by its name again:
 * it may be removed or replaced. An NBD export must keep its size; while a server offers
 * another size it counts as lost.
 *
 * Waits for the source, 10 seconds at most. Returns NULL with a reason if the source cannot
 * be opened: try again later, or correct @where.
 */
struct lazymem_image *lazymem_image_open(const char *where,
					 const struct lazymem_image_options *how,
					 char why[LAZYMEM_WHY]);

/* How many bytes are served: its size when it was opened, or what the options say. */
uint64_t lazymem_image_size(const struct lazymem_image *image);

/**
 * lazymem_image_changed() - whether the image has changed since it was opened
 * @image: the image
 * @why: what has changed: removed, replaced, shorter, longer, written to
 *
 * Returns true once for each change: tell the user. What was opened is served on. A session
 * asks when it begins, and passes the answer to lazymem_options.message: then it is not new
 * here any more.
 *
 * Context: any thread. May wait for the file system, not for an NBD server.
 */
bool lazymem_image_changed(struct lazymem_image *image, char why[LAZYMEM_WHY]);

/**
 * lazymem_image_note() - what the user should know of how it was opened
 * @image: the image
 *
 * Returns a line of text, which is the image's; or NULL, as mostly.
 */
const char *lazymem_image_note(const struct lazymem_image *image);

/* After all its sessions were freed. NULL is allowed. */
void lazymem_image_close(struct lazymem_image *image);

/**
 * lazymem_new() - make a session
 * @options: must stay valid until the session is freed
 * @arg: for the calls in @options
 * @uffd: the userfaultfd, set up by UFFDIO_API, with the ranges registered. The session
 *	  owns it from now on, unless this fails
 * @peer: descriptor, for example a socket, whose hang-up may mean that the client is gone;
 *	  or -1. It stays the caller's, and open until the session is freed
 * @ranges: what is registered and where its content is. Checked, not trusted; they may not
 *	    overlap nor be larger than the image
 * @count: how many ranges
 * @why: explanation of an error
 *
 * Returns NULL if something in @ranges or @uffd is wrong, if the recorded order cannot be
 * read, or without memory: @why says which. @uffd stays the caller's. The client's faults
 * wait for ever if it has a copy of @uffd: lazymem_refuse() is next.
 */
struct lazymem *lazymem_new(const struct lazymem_options *options, void *arg, int uffd,
			    int peer, const struct lazymem_range *ranges,
			    size_t count, char why[LAZYMEM_WHY]);

/**
 * lazymem_refuse() - make a session for a client that is not served
 * @options: see lazymem_new(); @on_lost says what its faults get
 * @arg: see lazymem_new()
 * @uffd: see lazymem_new()
 * @peer: see lazymem_new()
 *
 * What it has registered is not known. So each fault is answered by itself, as it comes, until
 * the client is gone or lazymem_stop() is called. Returns the session, for lazymem_run(); or
 * NULL without memory or descriptors, or if @uffd is no userfaultfd.
 */
struct lazymem *lazymem_refuse(const struct lazymem_options *options, void *arg, int uffd,
			       int peer);

/**
 * lazymem_resume() - go on with a session of a process that was killed
 * @options: see lazymem_new(); with @keep, and with the image that it had
 * @arg: see lazymem_new()
 * @uffd: what lazymem_kept() returned there; as in lazymem_new()
 * @peer: see lazymem_new()
 * @state: what lazymem_kept() returned there. The session owns it from now on, unless this
 *	   fails
 * @why: explanation of an error
 *
 * Somebody must have kept the descriptors open meanwhile: once a userfaultfd is closed, the
 * client's memory reads as zeros. If the image is another one now, or was written to since,
 * this is passed to lazymem_options.message, and lazymem_run() ends at once, as
 * lazymem_options.on_lost says. Returns the session, for lazymem_run(); or NULL if @state is
 * not valid, or without memory: @why says which. Then lazymem_refuse() is next.
 */
struct lazymem *lazymem_resume(const struct lazymem_options *options, void *arg, int uffd,
			       int peer, int state, char why[LAZYMEM_WHY]);

/*
 * The descriptors that a successor of this process needs for lazymem_resume(). They stay the
 * session's: pass copies on, with @options.keep, before lazymem_run(). @state is -1 without
 * @options.keep.
 */
void lazymem_kept(const struct lazymem *session, int *uffd, int *state);

/*
 * A number of the caller's that is kept with the session's state: what else a successor has to
 * know of the client. By one thread at a time. 0 if none was set, and without @options.keep.
 */
void lazymem_set_note(struct lazymem *session, uint64_t note);
uint64_t lazymem_note(const struct lazymem *session);

/**
 * lazymem_mappings() - the client's mappings
 * @session: not running, or the caller is in lazymem_options.spoken
 * @ranges: for lazymem_dirty_take()'s indexes, at the addresses that they had at first
 * @room: how many there is room for
 *
 * Returns how many there are.
 */
size_t lazymem_mappings(const struct lazymem *session, struct lazymem_range *ranges,
			size_t room);

/**
 * lazymem_map() - serve one more mapping
 * @session: running
 * @range: registered on the session's userfaultfd
 * @why: explanation of an error
 *
 * Context: in lazymem_options.spoken only. Returns 0; -EINVAL if something in @range is
 * wrong; or -ENOMEM. After an error nothing has changed.
 */
int lazymem_map(struct lazymem *session, const struct lazymem_range *range,
		char why[LAZYMEM_WHY]);

/**
 * lazymem_unmap() - no longer serve what lies in a part of the address space
 * @session: running
 * @start: address, as in struct lazymem_range
 * @size: bytes
 *
 * Faults there count as faults at an address without content from now on. The client need not
 * call for what it unmaps if its userfaultfd has UFFD_FEATURE_EVENT_UNMAP.
 *
 * Context: in lazymem_options.spoken only. Returns 0; -EINVAL if no page is served there or
 * not all of a page is in it; or -ENOMEM: then the session ends.
 */
int lazymem_unmap(struct lazymem *session, uint64_t start, uint64_t size);

/*
 * Look now whether the client still exists, and have lazymem_run() end if it does not. Sessions
 * look by themselves, each second. By any thread; does not wait.
 */
void lazymem_probe(struct lazymem *session);

/**
 * lazymem_run() - serve until the client is gone or lazymem_stop() is called
 * @session: once; it cannot run again
 *
 * Opens the source, and opens it again whenever it is lost. At the end the memory is
 * released as the end says (enum lazymem_end) and unregistered. Returns 0; or -errno if the
 * session had to end early: then what was missing is poisoned, and the reason was passed to
 * lazymem_options.message. Either way lazymem_free() is next.
 */
int lazymem_run(struct lazymem *session);

/**
 * lazymem_stop() - have lazymem_run() end
 * @session: running, or about to
 * @end: how. May be called again with a later value; an earlier one changes nothing
 *
 * Context: any thread, or a signal handler. Does not wait.
 */
void lazymem_stop(struct lazymem *session, enum lazymem_end end);

/* The session's counters, one by one, while it goes on counting. By any thread. */
void lazymem_stats(const struct lazymem *session, struct lazymem_stats *stats);

/**
 * lazymem_dirty_start() - begin to watch which pages are written to
 * @session: its ranges must be registered in write-protect mode as well. Children of the
 *	     client are not watched
 *
 * Context: any thread. Waits for the session's, which does the work, and until it is in
 * lazymem_run(). Returns 0;
 * -EINVAL: a range is not registered in write-protect mode;
 * -EOPNOTSUPP: the client uses UFFD_FEATURE_WP_ASYNC: it finds its dirty pages itself;
 * -ENOMEM: no memory for a bit per page;
 * -ESRCH: lazymem_run() has ended, or the client is gone: nothing is watched.
 */
int lazymem_dirty_start(struct lazymem *session);

/**
 * lazymem_dirty_take() - take the bits of dirty pages
 * @session: after lazymem_dirty_start()
 * @range: index of the range, as passed to lazymem_new()
 * @first: its first page to look at
 * @count: how many pages
 * @bits: bit i is set if page @first + i was written to or given back since it was taken
 *	  last. Other bits stay
 *
 * A write after this call is in the next call's bits. So take the bits first and read the
 * pages' content then.
 *
 * Context: as lazymem_dirty_start(). Returns how many bits were found;
 * -EINVAL: no such pages, or not started;
 * -ESRCH: lazymem_run() has ended: some bits may have been taken.
 */
int64_t lazymem_dirty_take(struct lazymem *session, size_t range, uint64_t first,
			   uint64_t count, unsigned long *bits);

/* After lazymem_run(), or instead of it. No other thread may use the session any more. */
void lazymem_free(struct lazymem *session);

/* Set @arg of a child that lazymem_options.forked takes over, before it runs. */
void lazymem_set_arg(struct lazymem *session, void *arg);

/**
 * lazymem_order_new() - begin a file that records the order of faults
 * @path: replaced if it exists
 * @why: explanation of an error
 *
 * Returns NULL if the file cannot be written.
 */
struct lazymem_order *lazymem_order_new(const char *path, char why[LAZYMEM_WHY]);

/*
 * Close it, after all sessions that use it were freed. Returns -errno if the order could not
 * be written wholly: do not replay it.
 */
int lazymem_order_close(struct lazymem_order *order);

/**
 * lazymem_rate_new() - make a bound for what is brought unasked
 * @bytes_per_second: of all sessions that share it together. What faults ask for, and
 *		      LAZYMEM_FILL, are not held back
 *
 * Returns NULL without memory, or if @bytes_per_second is 0.
 */
struct lazymem_rate *lazymem_rate_new(uint64_t bytes_per_second);
/* After all sessions that use it were freed. */
void lazymem_rate_free(struct lazymem_rate *rate);

/*
 * Whether the file at @path begins as a recorded order does: for programs that want to know
 * before they make a session with lazymem_options.replay. Returns 0; or -errno with an
 * explanation in @why.
 */
int lazymem_order_check(const char *path, char why[LAZYMEM_WHY]);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
