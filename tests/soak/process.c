// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process of the soak, from its start to one of its ends.
 *
 * It sets up its arena, mirrors and guests, and starts two threads for harmless
 * actions. Its first thread does random actions for a while. Then the process checks
 * all of its memory, executes another program, or dies.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "cgroup.h"
#include "harness.h"
#include "region.h"
#include "soak.h"

#define ACTS_LEAST	30
#define ACTS_MOST	500
#define HUNGER		(64UL << 20)

static struct life life;
static struct actor actors[ACTORS];

/* The count of a thread that has ended: the watchdog expects no more of it. */
#define ACTS_ENDED	UINT64_MAX

/* Half of the arena is accessible at the beginning. */
static void arena_new(uint64_t seed)
{
	life.shadow.base = area_reserve(ARENA_PAGES * PAGE);
	life.shadow.series = seed;
	CHECK_EQ(mprotect(life.shadow.base, ARENA_PAGES / 2 * PAGE,
			  PROT_READ | PROT_WRITE), 0);
	for (size_t i = 0; i < ARENA_PAGES; i++) {
		shadow_set(&life.shadow.pages[i], VERSION_ZEROS);
		life.shadow.pages[i].flags = i < ARENA_PAGES / 2 ? PAGE_RW : PAGE_MAPPED;
	}
	life.hunger = area_reserve(HUNGER);
}

/* The buffer is populated before the process enters its small cgroup. */
static void actor_new(unsigned int index, uint64_t seed)
{
	struct actor *actor = &actors[index];

	actor->life = &life;
	actor->index = index;
	actor->random = random_branch(seed, index);
	actor->buffer = mmap(NULL, RUN_MOST * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(actor->buffer != MAP_FAILED);
	actor->spare = memfd_create("soak", MFD_CLOEXEC);
	CHECK_REL(actor->spare, >=, 0);
	CHECK_EQ(ftruncate(actor->spare, PAGE), 0);
}

static void devices_open(void)
{
	for (int i = 0; i < HMM_DMIRROR_NDEVICES; i++)
		life.mirrors[i] = dmirror_open(i);
	life.partitions[0] = region_partition(0, 0);
	life.partitions[1] = region_partition(16, 7);
}

static void enter_cgroup(void)
{
	char why[CGROUP_WHY];

	life.limited = life.number == LIMITED && soak_shared->limited;
	if (life.limited && !cgroup_enter(SOAK_CGROUP, 0, why))
		FAIL("%s", why);
}

/* It leaves most of the CPU's time to the thread that changes things. */
static void *harmless_thread(void *arg)
{
	struct actor *actor = arg;

	setpriority(PRIO_PROCESS, gettid(), 5);
	while (!life.ending)
		actor_act(actor);
	life.slot->acts[actor->index] = ACTS_ENDED;
	return NULL;
}

/* A child exits with 0, or is killed: by itself, or by the OOM killer. */
static void children_reap(int options)
{
	int status;

	for (int i = 0; i < CHILDREN; i++) {
		if (!life.children[i] ||
		    waitpid(life.children[i], &status, options) != life.children[i])
			continue;
		life.children[i] = 0;
		if (status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
			soak_fail(&actors[0], "a child ended with status %#x", status);
	}
}

static void look_at_page(struct actor *actor, size_t page)
{
	struct run run = { page, 1 };
	int ret;

	shadow_watch(&life.shadow, run, actor->changes);
	ret = cpu_read(actor, page, actor->buffer);
	check_access(actor, run, PAGE_READ, ret, BY_CPU);
	if (!ret)
		check_content(actor, run, actor->buffer, BY_CPU);

	shadow_watch(&life.shadow, run, actor->changes);
	ret = dmirror_call(life.mirrors[page % HMM_DMIRROR_NDEVICES], HMM_DMIRROR_READ,
			   run_at(&life.shadow, run), 1, actor->buffer, NULL);
	check_access(actor, run, PAGE_READ, ret, BY_MIRROR);
	if (!ret)
		check_content(actor, run, actor->buffer, BY_MIRROR);
	life.slot->acts[0]++;
}

/* No other thread runs any more: nothing may differ. */
static void life_end_well(pthread_t *threads)
{
	life.ending = true;
	for (int i = 1; i < ACTORS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARENA_PAGES; i++)
		look_at_page(&actors[0], i);
	device_compare_all(&actors[0]);
	for (int i = 0; i < SERVERS; i++)
		if (life.servers[i])
			kill(life.servers[i], SIGKILL);
	children_reap(0);
	_exit(0);
}

/* Touch memory until the OOM killer kills the process. */
static void life_starve(void)
{
	if (mprotect(life.hunger, HUNGER, PROT_READ | PROT_WRITE))
		_exit(0);
	for (size_t i = 0; i < HUNGER; i += PAGE)
		content_fill(life.hunger + i, life.shadow.series, i, 1);
	_exit(0);
}

static void life_end(enum ending ending, pthread_t *threads)
{
	soak_shared->endings[ending]++;
	switch (ending) {
	case END_EXECUTE:
		execl("/bin/true", "true", NULL);
		soak_fail(&actors[0], "cannot execute /bin/true: %s", strerror(errno));
	case END_KILLED:
		kill(getpid(), SIGKILL);
		break;
	case END_HUNGRY:
		life_starve();
		break;
	default:
		life_end_well(threads);
	}
}

/*
 * Most processes check all of their memory; only the one with a cgroup of its own
 * starves.
 */
static enum ending draw_ending(struct actor *actor)
{
	unsigned int n = actor_draw(actor, 8);

	if (life.limited && n < 3)
		return END_HUNGRY;
	return n == 3 ? END_EXECUTE : n == 4 ? END_KILLED : END_WELL;
}

void life_run(unsigned int number, uint64_t seed)
{
	unsigned int acts = ACTS_LEAST + random_draw(&seed, ACTS_MOST - ACTS_LEAST);
	pthread_t threads[ACTORS];
	enum ending ending;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	life.number = number;
	life.slot = &soak_shared->slots[number];
	life.slot->pid = getpid();
	arena_new(seed);
	for (int i = 0; i < ACTORS; i++)
		actor_new(i, seed);
	devices_open();
	enter_cgroup();
	ending = draw_ending(&actors[0]);
	for (int i = 1; i < ACTORS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, harmless_thread, &actors[i]), 0);
	while (acts-- && !soak_shared->stop) {
		actor_act(&actors[0]);
		children_reap(WNOHANG);
	}
	life_end(ending, threads);
	_exit(0);
}
