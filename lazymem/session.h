/* SPDX-License-Identifier: GPL-2.0-only */
/* What a session is inside; lazymem.h tells how its parts work together. */
#ifndef LAZYMEM_SESSION_H
#define LAZYMEM_SESSION_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lazymem.h"
#include "order.h"
#include "ranges.h"
#include "source.h"
#include "tried.h"

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
	SLOT_FAILED,	/* to be poisoned: one page */
};

/* @wanted: bit i is set if a fault waits for page first + i. */
struct slot {
	struct source_read read;
	struct lazymem *session;
	enum slot_state state;
	struct place first;
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

enum content { CONTENT_DATA, CONTENT_ZERO, CONTENT_NOBODYS };

/* @count: how many pages, and once it is done how many of them are settled. */
struct run {
	uint64_t address;
	const char *from;
	unsigned int count;
	enum content content;
};

/*
 * What there is to do for @slot, as its pages were looked at; it is settled afterwards.
 * @done: how many of @n are; the last of them gave @error
 * @data: bytes to be copied
 */
struct runs {
	struct slot *slot;
	struct run of[SLOT_PAGES];
	unsigned int n, done;
	int error;
	size_t data;
};

/* @tried: whether it is faster with it (the second way). @runs NULL: to end. */
struct helper {
	pthread_t thread;
	sem_t work, done;
	struct runs *runs;
	bool there;
	struct tried tried;
};

enum fault_kind {
	FAULT_MISSING,
	FAULT_MINOR,
	FAULT_WRITE_PROTECTED,
};

struct fault {
	struct place place;
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
struct request {
	struct pages *pages;
	uint64_t first, count, at;
	unsigned long *bits;
	int64_t result;
};

/* @lock guards all but @pending, which is the session's thread's. */
struct dirty {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct request *request;
	_Atomic bool on;
	bool over;
	bool pending;
};

enum source_phase {
	SOURCE_DOWN,
	SOURCE_STARTING,
	SOURCE_UP,
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
	enum source_phase phase;
	bool lost;
	uint64_t open_at;
	uint64_t backoff;
	uint64_t image_size;

	struct ranges ranges;
	struct slot slots[SLOTS];
	size_t slot_bytes;
	char *buffers;
	int buffers_file, helper_file;

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
void connection_tend(struct lazymem *session, uint64_t now);

/* faults.c: add one that was read; queue one again; begin what they ask for. */
void faults_add(struct lazymem *session, struct fault fault);
void faults_queue(struct lazymem *session, struct fault fault);
void faults_run(struct lazymem *session, uint64_t now);
uint64_t faults_waiting(const struct lazymem *session);

/* slots.c */
void slots_run(struct lazymem *session, uint64_t now);
void slots_forget_reads(struct lazymem *session);
struct slot *slot_covering(struct lazymem *session, struct place place);
/* Where the first that begins behind @place does, or the mapping's end. */
uint64_t slot_after(const struct lazymem *session, struct place place);
/* NULL: all are in use. */
struct slot *slot_start(struct lazymem *session, struct place first,
			unsigned int count, uint64_t wanted);
unsigned int slots_busy(const struct lazymem *session);
/* How many pages a slot takes for @bytes. */
unsigned int slot_pages(const struct pages *pages, size_t bytes);

/*
 * runs.c: put what slots have loaded in place. 0, or why the rest cannot be now: one of
 * place.h's errors.
 */
int runs_place(struct slot *slot);
/* One that nobody waits for, or two of them, with the helper. */
int runs_place_ahead(struct slot *slot);
void runs_place_two(struct slot *const slots[2], int errors[2]);
/*
 * For @runs->slot: has it fetched if that was left for later, and puts it in place, up to
 * the first run that fails. By any thread.
 */
void runs_do(struct runs *runs);

/* helper.c: how many slots to put in place together: two if the helper is to have one. */
unsigned int helper_slots(const struct helper *helper);
/* false: there is no thread, and will be none. */
bool helper_begin(struct helper *helper, struct runs *runs);
void helper_wait(struct helper *helper);
void helper_end(struct helper *helper);

/* ahead.c */
int ahead_open(struct lazymem *session, char why[LAZYMEM_WHY]);
void ahead_run(struct lazymem *session, uint64_t now);
/* From this page on again, if that is behind; it was not read after all. */
void ahead_again(struct lazymem *session, struct place place);
/* From the beginning again, for what was left out. */
void ahead_restart(struct lazymem *session);
/* Whether a read may begin now. */
bool ahead_can(const struct lazymem *session);
bool ahead_over(const struct lazymem *session);

/* dirty.c: do what is asked; nothing will be any more. */
void dirty_run(struct lazymem *session);
void dirty_end(struct lazymem *session);

/* Have the session's thread go round its loop. By any thread. */
void session_wake(struct lazymem *session);

/* finish.c: let go of the client's memory. */
void session_release(struct lazymem *session);

#endif
