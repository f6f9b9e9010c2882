/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The storm in address spaces: what its parts have in common.
 *
 * Processes live for a while and do things at random with memory that several mirrors and
 * guests have, too; all that anybody reads is compared with a model.
 *
 *   soak.c		rounds, the watchdog, what was done
 *   process.c	a process's life, its threads and its ends
 *   actions.c	what it does with its memory, and the table of all actions
 *   device.c	what it does with its devices
 *   child.c		those it forks
 *   server.c	page servers that stall, fail and die
 *   shadow.c	what every page must hold
 *
 * Principle: the first thread of a process alone changes what its pages hold, so it always
 * knows; the others do all that must not change it, at the same time. What is random comes
 * of the seed, and is drawn before anything is done: a seed makes runs alike, not equal.
 *
 * Hazards:
 * - A process has holes, and what maps memory anywhere would land there: nothing does
 *   once its threads run. No malloc(), no stdio.
 * - It may be killed at any time, or fork while a thread holds a lock of the C library: so
 *   what is wrong is told in memory that all share, and printed by who started it all.
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

/* The life that has little memory, and the name of its cgroup. */
#define LIMITED		(LIVES - 1)
#define SOAK_CGROUP	"soak"

/* Its first guest page of each partition. */
#define SOAK_GUEST	(1ULL << 20)

/* What a life comes to. */
enum ending { END_WELL, END_EXECUTE, END_KILLED, END_HUNGRY, NR_ENDINGS };

/**
 * struct slot - one of the places for lives, in memory that all share
 * @pid: who lives there
 * @seed: where its randomness begins
 * @doing: the action each of its threads is at, and whether it is a child's
 * @acts: how many they have done
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
 * @wrong: somebody has written @text, or is about to
 * @told: it is written
 * @text: what is wrong
 * @done: by action and errno
 * @endings: of lives
 * @checked: pages that were compared with the model: by the CPU, mirrors, guests
 * @server: what servers have done
 * @slots: who lives
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
 * struct action - one of the things to do
 * @name: for the report
 * @weight: how often it is drawn, beside others
 * @fn: does it
 * @harmless: it changes neither what pages hold nor who may access them
 * @lacking: where kernels need not have it, the errno that says so
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
/* The number of the one that counts what children do. */
unsigned int action_of_child(void);

/* Draw one, and do it. */
void actor_act(struct actor *actor);
void count_act(unsigned int action, int ret);

/**
 * struct guest_region - a region of a guest: its pages are those of the arena
 * @run: no pages: there is none
 * @flags: HMM_REGION_*
 */
struct guest_region {
	struct run run;
	uint32_t flags;
};

/**
 * struct life - a process
 * @slot: where
 * @shadow: of its arena
 * @mirrors: the devices that mirror it
 * @partitions: the guests
 * @regions: theirs
 * @servers: page servers, 0 for none
 * @children: those it forked, 0 for none
 * @hunger: addresses to ask for more memory than there is
 * @limited: it has little memory: it may be refused any
 * @ending: its threads shall end
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
 * @life: whose
 * @index: 0: the one that changes things
 * @action: what it does
 * @burst: it does so many times, to the pages that everybody likes
 * @random: its randomness
 * @buffer: RUN_MOST pages
 * @spare: a page of a file, through which memory can be touched without dying of it
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

/* Any pages; and some in a row that have all of @flags, of which there may be none. */
struct run draw_any(struct actor *actor);
struct run draw_run(struct actor *actor, uint8_t flags);

/* What @actor is about to do, and has done, to the pages changes them. */
void change_begin(struct actor *actor, struct run run);
void change_end(struct actor *actor, struct run run);

/* Who reads. */
enum reader { BY_CPU, BY_MIRROR, BY_GUEST };

/*
 * What was read of the run after shadow_watch() stands at @content: whatever has not changed
 * has to be right. Thread 0 learns from it. Ends the process if it is not.
 */
void check_content(struct actor *actor, struct run run, const char *content,
		   enum reader reader);

/* Whether the result of an access, after shadow_watch(), may be. Ends it if not. */
void check_access(struct actor *actor, struct run run, uint8_t needs, int ret,
		  enum reader reader);

/* Read a page as the CPU does, wherever it is. Returns 0 or -EFAULT. */
int cpu_read(struct actor *actor, size_t page, void *to);
int cpu_write(struct actor *actor, size_t page, const void *from);

/*
 * Tell what is wrong, and end the process. The second says all about a page as well, the
 * third also what it is that is there.
 */
void soak_fail(struct actor *actor, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
void soak_fail_page(struct actor *actor, size_t page, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void soak_wrong_page(struct actor *actor, size_t page, const char *by,
		     const void *content) __attribute__((noreturn));

/* What happens in a slot, from now on, with @seed. Does not return. */
void life_run(unsigned int number, uint64_t seed) __attribute__((noreturn));

/* Two processes beside a life's own. They do not return. */
void server_run(struct life *life, int uffd, uint64_t random)
	__attribute__((noreturn));
void child_run(struct actor *actor, uint64_t random) __attribute__((noreturn));

/* The life's actions upon its devices; see device.c. */
action_fn device_read, device_write, device_maps, device_prefetch, device_cancel,
	  device_snapshot, device_compare, device_to_memory, device_to_system,
	  device_populate_memory, device_release, device_exclusive, device_reopen,
	  guest_set, guest_unset, guest_reads, guest_writes, guest_dirty;

/* Compare all the device has mapped with the CPU's; nothing else runs. */
void device_compare_all(struct actor *actor);

#endif
