/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The soak: what its parts have in common.
 *
 * Processes live for a while and act at random on memory that several mirrors and
 * guests share. Whatever any of them reads is compared with a model.
 *
 * soak.c		rounds, the watchdog, the report
 * process.c	a process's life, its threads and its ends
 * actions.c	what it does with its memory, and the table of all actions
 * device.c	what it does with its mirrors and guests
 * child.c		the processes it forks
 * server.c	page servers that stall, fail and die
 * check.c		compares with the model, and reports
 * shadow.c	the model
 *
 * Principle: only the first thread of a process changes what its pages hold, so it
 * always knows that. The other threads do everything that must not change it, at the
 * same time. All randomness comes from the seed, and is drawn before an action: a seed
 * makes runs alike, not equal.
 *
 * Hazards:
 * - The arena has holes, and memory that is mapped at any address could land in one. So
 *   nothing is mapped once the threads run: no malloc(), no stdio.
 * - A process may be killed at any time, or fork while a thread holds a lock of the C
 *   library. So a failure is written into shared memory, and the process that started
 *   all prints it.
 */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include <errno.h>
#include <sys/types.h>

#include "content.h"
#include "dmirror.h"
#include "random.h"
#include "shadow.h"

#define LIVES		4
#define ACTORS		3
#define SERVERS		2
#define CHILDREN	3
#define PARTITIONS	2
#define REGIONS		4
#define RUN_MOST	512
#define ACTIONS_MOST	64
#define ERRNOS		134

/* The life with little memory, and the name of its cgroup. */
#define LIMITED		(LIVES - 1)
#define SOAK_CGROUP	"soak"

/* The first guest page of each partition. */
#define SOAK_GUEST	(1ULL << 20)

/* How a life ends. */
enum ending { END_WELL, END_EXECUTE, END_KILLED, END_HUNGRY, NR_ENDINGS };

/**
 * struct slot - one of the places for processes, in shared memory
 * @pid: the process in this place
 * @seed: the seed of its randomness
 * @doing: the action of each thread
 * @acts: how many actions each thread has done
 */
struct slot {
	_Atomic pid_t pid;
	uint64_t seed;
	_Atomic uint8_t doing[ACTORS];
	_Atomic uint64_t acts[ACTORS];
};

/**
 * struct soak_shared - what all processes share
 * @stop: the round is over
 * @limited: there is a cgroup for the life LIMITED
 * @wrong: a process has found something wrong, and writes @text
 * @told: @text is complete
 * @text: what is wrong
 * @done: how often, by action and errno
 * @endings: how often, by ending
 * @checked: pages that were compared with the model: by the CPU, mirrors, guests
 * @server: what page servers have done
 * @slots: the running processes
 */
struct soak_shared {
	_Atomic bool stop;
	bool limited;
	_Atomic bool wrong, told;
	char text[2048];
	_Atomic uint64_t done[ACTIONS_MOST][ERRNOS];
	_Atomic uint64_t endings[NR_ENDINGS];
	_Atomic uint64_t checked[3];
	struct {
		_Atomic uint64_t brought, stalled, zeroed, poisoned, woken, died;
	} server;
	struct slot slots[LIVES];
};

extern struct soak_shared *soak_shared;

struct actor;

/* Returns 0, -errno, or ACTION_NOT_NOW, which is not counted. */
typedef int action_fn(struct actor *actor);

#define ACTION_NOT_NOW	1

/**
 * struct action - an action of a process
 * @name: for the report
 * @weight: how often it is drawn, relative to others
 * @fn: does it
 * @harmless: it changes neither what pages hold nor who may access them
 * @lacking: the errno of kernels that may lack it, or 0
 * @by_child: never drawn: counts what children do
 */
struct action {
	const char *name;
	unsigned int weight;
	action_fn *fn;
	bool harmless;
	int lacking;
	bool by_child;
};

extern const struct action actions[];
unsigned int actions_count(void);
/* The number of the action that counts what children do. */
unsigned int action_of_child(void);

/* Draw an action, and do it. */
void actor_act(struct actor *actor);
void count_act(unsigned int action, int ret);

/**
 * struct guest_region - a region of a guest: its pages are those of the arena
 * @run: no pages: the region is not set
 * @flags: HMM_REGION_*
 */
struct guest_region {
	struct run run;
	uint32_t flags;
};

/**
 * struct life - a process
 * @slot: its place
 * @shadow: the model of its arena
 * @mirrors: the devices that mirror it
 * @partitions: the guests
 * @regions: the guests' regions
 * @servers: its page servers, 0: none
 * @children: its children, 0: none
 * @hunger: addresses for more memory than its cgroup allows
 * @limited: it has little memory: any allocation may fail
 * @ending: its threads must end
 */
struct life {
	struct slot *slot;
	unsigned int number;
	struct shadow shadow;
	int mirrors[HMM_DMIRROR_NDEVICES];
	int partitions[PARTITIONS];
	struct guest_region regions[PARTITIONS][REGIONS];
	pid_t servers[SERVERS];
	pid_t children[CHILDREN];
	char *hunger;
	bool limited;
	_Atomic bool ending;
};

/**
 * struct actor - a thread
 * @life: its process
 * @index: 0: the thread that changes things
 * @action: its current action
 * @burst: it repeats the action, on the pages that all threads prefer
 * @random: its randomness
 * @buffer: RUN_MOST pages
 * @spare: a file of one page, through which memory is accessed without a SIGBUS
 * @changes: for shadow_watch()
 */
struct actor {
	struct life *life;
	unsigned int index;
	unsigned int action;
	bool burst;
	uint64_t random;
	char *buffer;
	int spare;
	uint32_t changes[RUN_MOST];
};

static inline unsigned int actor_draw(struct actor *actor, unsigned int below)
{
	return random_draw(&actor->random, below);
}

/* Any pages; or consecutive pages that all have @flags, maybe none. */
struct run draw_any(struct actor *actor);
struct run draw_run(struct actor *actor, uint8_t flags);

/* @actor begins, and ends, a change of the pages. */
void change_begin(struct actor *actor, struct run run);
void change_end(struct actor *actor, struct run run);

/* The readers. */
enum reader { BY_CPU, BY_MIRROR, BY_GUEST };

/*
 * Check what was read of the run after shadow_watch(), in @content: pages that have not
 * changed since must be right. Thread 0 takes the version it saw for the page's. Ends
 * the process if a page is wrong.
 */
void check_content(struct actor *actor, struct run run, const char *content,
		   enum reader reader);

/* Check the result of an access after shadow_watch(). Ends the process if it is wrong. */
void check_access(struct actor *actor, struct run run, uint8_t needs, int ret,
		  enum reader reader);

/* Access a page by the CPU. Returns 0 or -EFAULT. */
int cpu_read(struct actor *actor, size_t page, void *to);
int cpu_write(struct actor *actor, size_t page, const void *from);

/*
 * Report what is wrong, and end the process. The second also describes a page, the
 * third also what was found there.
 */
void soak_fail(struct actor *actor, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
void soak_fail_page(struct actor *actor, size_t page, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void soak_wrong_page(struct actor *actor, size_t page, const char *by,
		     const void *content) __attribute__((noreturn));

/* Live in a slot, with @seed. Does not return. */
void life_run(unsigned int number, uint64_t seed) __attribute__((noreturn));

/* A page server and a child, as processes of their own. Do not return. */
void server_run(struct life *life, int uffd, uint64_t random)
	__attribute__((noreturn));
void child_run(struct actor *actor, uint64_t random) __attribute__((noreturn));

/* The actions on devices; see device.c. */
action_fn device_read, device_write, device_maps, device_prefetch, device_cancel,
	  device_snapshot, device_compare, device_to_memory, device_to_system,
	  device_populate_memory, device_release, device_exclusive, device_reopen,
	  guest_set, guest_unset, guest_reads, guest_writes, guest_dirty;

/* Compare all that the devices have mapped with the CPU's; nothing else may run. */
void device_compare_all(struct actor *actor);

#endif
