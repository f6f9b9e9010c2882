/* SPDX-License-Identifier: GPL-2.0-only */
/* What a session is inside; lazymem.h tells how its parts work together. */
#ifndef LAZYMEM_SESSION_H
#define LAZYMEM_SESSION_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bounce.h"
#include "lazymem.h"
#include "order.h"
#include "ranges.h"
#include "source.h"

#define SLOTS		SOURCE_READS
#define SLOT_BYTES	(256UL << 10)
#define SLOT_PAGES	64
#define QUEUE		1024
#define BATCH		64

#define MS		1000000ULL
#define SECOND		(1000 * MS)

/* Until the client's thread that an event held up has gone on. */
#define CHANGING_NS	MS

enum slot_state {
	SLOT_FREE,
	SLOT_ASKED,	/* to be read, when the source and ->retry_at allow */
	SLOT_READING,
	SLOT_LOADED,	/* to be put in place, from page ->placed on */
	SLOT_HELPED,	/* the helper puts it in place */
	SLOT_FAILED,	/* to be poisoned: one page */
};

/* @wanted: bit i is set if a fault waits for page first + i. */
struct slot {
	struct source_read read;
	struct lazymem *session;
	enum slot_state state;
	struct page_ref first;
	unsigned int count;
	unsigned int placed;
	uint64_t wanted;
	bool ahead;
	bool at_once;	/* not to be fetched later: that has failed */
	unsigned int tries;
	int error;
	uint64_t began;
	uint64_t retry_at;
	uint64_t faults_before;
	char *buffer;
};

enum run_kind { RUN_DATA, RUN_ZERO, RUN_SKIP };

/* @count: how many pages, and once it is done how many of them are settled. */
struct run {
	uint64_t address;
	const char *from;
	unsigned int count;
	enum run_kind content;
};

/*
 * What there is to do for @slot, as its pages were looked at; it is settled afterwards.
 * @from: its first page's content
 * @done: how many of @n are; the last of them gave @error
 */
struct runs {
	struct slot *slot;
	char *from;
	struct run of[SLOT_PAGES];
	unsigned int n, done;
	int error;
};

#define HELPER_JOBS	2

/*
 * @work: posted for each job that is given; @done: for each that is done
 * @next: the job that is not begun, if there is one
 * @first, @given: which of @jobs the helper has
 * @there, @never: whether it runs; whether it will never
 */
struct helper {
	pthread_t thread;
	sem_t work, done;
	_Atomic(struct runs *) next;
	_Atomic bool ending;
	struct bounce bounce;
	struct runs jobs[HELPER_JOBS];
	unsigned int first, given;
	bool there, never;
};

enum fault_kind {
	FAULT_MISSING,
	FAULT_MINOR,
	FAULT_WRITE_PROTECTED,
};

struct fault {
	struct page_ref place;
	enum fault_kind kind;
};

/*
 * Reading ahead: first the recorded order, then what is left from the lowest on.
 * @look_on: there is more of the recorded order to be looked at, at once.
 */
struct ahead {
	bool on;
	struct order_reader order;
	uint64_t list_at, list_left;
	bool look_on;
	struct pages *pages;
	uint64_t index;
	unsigned int depth;
};

/* What another thread asks of the session's. @pages NULL: to begin. */
struct dirty_request {
	struct pages *pages;
	uint64_t first, count, at;
	unsigned long *bits;
	int64_t result;
};

/* @lock guards all but @pending, which is the session's thread's. */
struct dirty {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct dirty_request *request;
	_Atomic bool on;
	bool over;
	bool pending;
};

enum connection_phase {
	CONNECTION_DOWN,
	CONNECTION_OPENING,
	CONNECTION_UP,
};

struct lazymem {
	const struct lazymem_options *options;
	void *arg;
	int uffd;
	int peer;
	int stop_fd;
	_Atomic int end;
	int ending;
	bool gone;
	int error;

	struct source *source;
	enum connection_phase phase;
	bool lost;
	uint64_t open_at;
	uint64_t backoff;
	uint64_t image_size;

	struct ranges ranges;
	struct slot slots[SLOTS];
	size_t slot_bytes;
	char *buffers;
	struct bounce bounce;

	struct fault queue[QUEUE];
	unsigned int head, queued;
	uint64_t queue_again_at;
	uint64_t strays[BATCH];
	unsigned int nr_strays;

	struct ahead ahead;
	struct dirty dirty;
	struct helper helper;
	uint64_t probe_at;
	unsigned int messages;
	struct lazymem_stats stats;
};

__attribute__((format(printf, 2, 3)))
void session_message(struct lazymem *session, const char *format, ...);

/* What a child of the client is served by. Owns @uffd if this succeeds. */
struct lazymem *session_clone(struct lazymem *session, int uffd);

/* messages.c: read what the kernel has to tell, and put faults into the queue. */
void messages_read(struct lazymem *session);

/* connection.c: the source, opened again where it is lost. */
void connection_run(struct lazymem *session, uint64_t now);

/* faults.c: add one that was read; queue one again; begin what they ask for. */
void faults_add(struct lazymem *session, struct fault fault);
void faults_queue(struct lazymem *session, struct fault fault);
void faults_run(struct lazymem *session, uint64_t now);
uint64_t faults_waiting(const struct lazymem *session);

/* slots.c: read, and put in place what is waited for. */
void slots_run(struct lazymem *session, uint64_t now);
/* What nobody waits for: one slot, and others by the helper, which goes on afterwards. */
void slots_place_ahead(struct lazymem *session, uint64_t now);
/* Until the helper has nothing to do. */
void slots_quiesce(struct lazymem *session);
/* How many it could put in place now. */
unsigned int slots_ready(const struct lazymem *session, uint64_t now);
void slots_forget_reads(struct lazymem *session);
struct slot *slots_find(struct lazymem *session, struct page_ref place);
/* Where the first that begins behind @place does, or the mapping's end. */
uint64_t slots_next(const struct lazymem *session, struct page_ref place);
/* NULL: all are in use. */
struct slot *slots_start(struct lazymem *session, struct page_ref first,
			 unsigned int count, uint64_t wanted);
unsigned int slots_busy(const struct lazymem *session);
/* How many pages a slot takes for @bytes. */
unsigned int slot_pages(const struct pages *pages, size_t bytes);

/*
 * runs.c: put what a slot has loaded in place. 0, or why the rest cannot be now: one of
 * place.h's errors, or -ENODATA: it is to be read again.
 */
int runs_place(struct slot *slot);
/*
 * In two steps, of which any thread can take the first: for @runs->slot, have it fetched
 * if that was left for later, and put it in place, up to the first run that fails. Some of
 * it may be left even without an error.
 */
void runs_do(struct runs *runs, struct bounce *bounce);
int runs_end(const struct runs *runs);

/* helper.c: false: it has enough to do, or there is no helper. */
bool helper_give(struct helper *helper, struct slot *slot);
/* The slot that is not begun yet. NULL: there is none. */
struct slot *helper_take_back(struct helper *helper);
/* A job that is done, for runs_end(). NULL: none is; there is none to wait for. */
struct runs *helper_done(struct helper *helper);
struct runs *helper_wait(struct helper *helper);
void helper_end(struct helper *helper);

/* ahead.c */
int ahead_open(struct lazymem *session, char why[LAZYMEM_WHY]);
void ahead_run(struct lazymem *session, uint64_t now);
/* From this page on again, if that is behind; it was not read after all. */
void ahead_again(struct lazymem *session, struct page_ref place);
/* From the beginning again, for what was left out. */
void ahead_restart(struct lazymem *session);
/* Whether a read may begin now. */
bool ahead_may_read(const struct lazymem *session);
bool ahead_over(const struct lazymem *session);

/* dirty.c: do what is asked; nothing will be any more. */
void dirty_run(struct lazymem *session);
void dirty_end(struct lazymem *session);

/* Have the session's thread go round its loop. By any thread. */
void session_wake(struct lazymem *session);

/* release.c: let go of the client's memory. */
void release_memory(struct lazymem *session);

#endif
