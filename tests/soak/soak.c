// SPDX-License-Identifier: GPL-2.0-only
/*
 * The soak's rounds, its watchdog, and its report. See soak.h for what it is.
 *
 * In a round processes are started, killed and replaced, and swap space is removed and
 * added. Then all processes end, and all modules are unloaded and loaded for the next
 * round. A thread without progress for three minutes is stuck: a server stalls for less than
 * a second.
 */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "cgroup.h"
#include "clock.h"
#include "harness.h"
#include "knob.h"
#include "suites.h"
#include "module.h"
#include "soak.h"

#define STUCK_SECONDS	180
#define ROUND_MOST_MS	12000
#define STRIKE_MOST_MS	1500
#define SWAP		(64UL << 20)
#define KSM		"/sys/kernel/mm/ksm/"

/* From this duration on each action must have been done, on slow kernels too. */
#define LONG_SECONDS	300

/* Limits of the life with little memory: its arena does not fit. */
#define MEMORY_MOST	"12582912"
#define SWAP_MOST	"16777216"

struct soak_options soak_options = { .seconds = 20 };

struct soak_shared *soak_shared;

struct soak {
	uint64_t seed, random, lives, until, retries;
	bool swap;
	unsigned int rounds, killed, swaps;
	uint64_t acts[LIVES][ACTORS], moved[LIVES][ACTORS];
};

static bool is_ours(const char *pid)
{
	int number = atoi(pid);

	return number > 0 && number != getpid() && getpgid(number) == getpgrp();
}

static void print_file(const char *what, const char *path)
{
	char line[256];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		note("  %s %s", what, line);
	}
	if (f)
		fclose(f);
}

static void print_tasks(const char *pid)
{
	static const char *const files[] = { "comm", "wchan", "stack" };
	struct dirent *task;
	char path[600];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (task = readdir(dir))) {
		if (task->d_name[0] == '.')
			continue;
		note("process %s, thread %s:", pid, task->d_name);
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), "/proc/%s/task/%s/%s", pid,
				 task->d_name, files[i]);
			print_file(files[i], path);
		}
	}
	if (dir)
		closedir(dir);
}

static void print_all_tasks(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	while (dir && (entry = readdir(dir)))
		if (is_ours(entry->d_name))
			print_tasks(entry->d_name);
	if (dir)
		closedir(dir);
}

static void is_stuck(struct soak *soak, unsigned int place, unsigned int thread)
{
	const struct slot *slot = &soak_shared->slots[place];

	print_all_tasks();
	FAIL("seed %llu, round %u: process %d in place %u, thread %u, has not come on for %d s; it was at %s",
	     (unsigned long long)soak->seed, soak->rounds, slot->pid, place, thread,
	     STUCK_SECONDS, actions[slot->doing[thread]].name);
}

/* Whether the process has ended is checked elsewhere. */
static void watch_slot(struct soak *soak, unsigned int place)
{
	const struct slot *slot = &soak_shared->slots[place];

	for (int i = 0; i < ACTORS; i++) {
		if (slot->acts[i] != soak->acts[place][i] ||
		    (slot->acts[i] == UINT64_MAX && i))
			soak->moved[place][i] = clock_ns();
		soak->acts[place][i] = slot->acts[i];
		if (clock_ns() - soak->moved[place][i] > STUCK_SECONDS * 1000000000ULL)
			is_stuck(soak, place, i);
	}
}

static void soak_watch(struct soak *soak)
{
	if (soak_shared->wrong) {
		while (!soak_shared->told)
			sched_yield();
		FAIL("seed %llu, round %u: %s", (unsigned long long)soak->seed,
		     soak->rounds, soak_shared->text);
	}
	for (int i = 0; i < LIVES; i++)
		if (soak_shared->slots[i].pid)
			watch_slot(soak, i);
}

static void start_life(struct soak *soak, unsigned int place)
{
	struct slot *slot = &soak_shared->slots[place];
	pid_t pid;

	slot->seed = random_branch(soak->seed, soak->lives++);
	for (int i = 0; i < ACTORS; i++) {
		slot->acts[i] = 0;
		soak->moved[place][i] = clock_ns();
	}
	pid = child_fork();
	if (!pid)
		life_run(place, slot->seed);
	slot->pid = pid;
}

static void has_ended(struct soak *soak, pid_t pid, int status)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	unsigned int place = 0;

	while (place < LIVES && soak_shared->slots[place].pid != pid)
		place++;
	if (status && !killed) {
		soak_watch(soak);
		FAIL("seed %llu, round %u: process %d in place %u ended with status %#x, at %s",
		     (unsigned long long)soak->seed, soak->rounds, pid, place, status,
		     actions[soak_shared->slots[place % LIVES].doing[0]].name);
	}
	if (place < LIVES)
		soak_shared->slots[place].pid = 0;
}

/*
 * Returns false if no process is left. Processes whose parents died became children of
 * this one.
 */
static bool lives_reap(struct soak *soak)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		has_ended(soak, pid, status);
	return !pid;
}

/* Wait until a process has ended, @ms at most. */
static void wait_for_end(int ms)
{
	struct timespec time = { .tv_nsec = ms * 1000000L };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &time);
}

static void take_swap_away(struct soak *soak)
{
	if (!soak->swap || swapoff(ZRAM))
		return;
	CHECK_EQ(swapon(ZRAM, 0), 0);
	soak->swaps++;
}

static void soak_strike(struct soak *soak)
{
	unsigned int what = random_draw(&soak->random, LIVES + 1);

	if (what == LIVES) {
		take_swap_away(soak);
	} else if (soak_shared->slots[what].pid) {
		kill(soak_shared->slots[what].pid, SIGKILL);
		soak->killed++;
	}
}

static uint64_t draw_time(struct soak *soak, unsigned int most_ms)
{
	return clock_ns() + random_draw(&soak->random, most_ms) * 1000000ULL;
}

/*
 * With few processes the threads of one process meet; with many, processes wait for
 * each other.
 */
static void let_live(struct soak *soak)
{
	uint64_t until = draw_time(soak, ROUND_MOST_MS), next = 0;
	int lives = 1 + random_draw(&soak->random, LIVES);

	if (until > soak->until)
		until = soak->until;
	soak_shared->stop = false;
	while (clock_ns() < until) {
		for (int i = LIVES - lives; i < LIVES; i++)
			if (!soak_shared->slots[i].pid)
				start_life(soak, i);
		wait_for_end(20);
		lives_reap(soak);
		soak_watch(soak);
		if (clock_ns() < next)
			continue;
		if (next)
			soak_strike(soak);
		next = draw_time(soak, STRIKE_MOST_MS);
	}
}

static void let_end(struct soak *soak)
{
	uint64_t begun = clock_ns();

	soak_shared->stop = true;
	while (lives_reap(soak)) {
		wait_for_end(20);
		soak_watch(soak);
		if (clock_ns() - begun < 2 * STUCK_SECONDS * 1000000000ULL)
			continue;
		print_all_tasks();
		FAIL("seed %llu, round %u: not all processes end",
		     (unsigned long long)soak->seed, soak->rounds);
	}
	soak_watch(soak);
}

static void soak_round(struct soak *soak)
{
	let_live(soak);
	let_end(soak);
	CHECK_EQ(mirror_total("in_flight"), 0);
	soak->retries += mirror_retries();
	modules_unload();
	modules_load();
	soak->rounds++;
}

static void soak_set_up(struct soak *soak)
{
	char why[CGROUP_WHY];
	sigset_t set;

	soak_shared = mmap(NULL, sizeof(*soak_shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(soak_shared != MAP_FAILED);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	soak->swap = !system("load zram");
	if (soak->swap)
		swap_new(SWAP);
	else
		note("no swap: this guest has no zram module");
	soak_shared->limited = cgroup_new(SOAK_CGROUP, MEMORY_MOST,
					  soak->swap ? SWAP_MOST : "max", why);
	if (!soak_shared->limited)
		note("nobody is short of memory: %s", why);
	if (access(KSM "run", F_OK)) {
		note("no merged pages: this kernel has no KSM");
		return;
	}
	knob_lend(KSM "run", "1");
	knob_lend(KSM "pages_to_scan", "1000");
}

static uint64_t action_refusals(unsigned int action, char *text, size_t size)
{
	uint64_t all = 0, n;
	size_t at = 0;

	text[0] = '\0';
	for (int i = 1; i < ERRNOS; i++) {
		n = soak_shared->done[action][i];
		all += n;
		if (n && at < size)
			at += snprintf(text + at, size - at, ", %llu %s",
				       (unsigned long long)n, strerrorname_np(i));
	}
	return all;
}

/* Returns false if an action was never done though this kernel can do it. */
static bool action_report(unsigned int action)
{
	const _Atomic uint64_t *done = soak_shared->done[action];
	int lacking = actions[action].lacking;
	char text[256];
	uint64_t refused = action_refusals(action, text, sizeof(text));
	uint64_t not_here = lacking ? done[lacking] + done[ENOTTY] : 0;

	note("%-18s %8llu%s", actions[action].name, (unsigned long long)done[0], text);
	return done[0] || (refused && refused == not_here);
}

static void soak_report(struct soak *soak)
{
	const char *missing = NULL;

	for (unsigned int i = 0; i < actions_count(); i++)
		if (!action_report(i))
			missing = actions[i].name;
	note("%u rounds of %llu processes: %llu looked at all they had, %llu executed, %llu and %u were killed, %llu starved (%llu killed for want of memory)",
	     soak->rounds, (unsigned long long)soak->lives,
	     (unsigned long long)soak_shared->endings[END_WELL],
	     (unsigned long long)soak_shared->endings[END_EXECUTE],
	     (unsigned long long)soak_shared->endings[END_KILLED], soak->killed,
	     (unsigned long long)soak_shared->endings[END_HUNGRY],
	     soak_shared->limited ? (unsigned long long)cgroup_killed(SOAK_CGROUP) : 0);
	note("servers: %llu pages asked for were brought, %llu stalled, %llu zeros, %llu poisoned, %llu only woken, %llu servers died of it",
	     (unsigned long long)soak_shared->server.brought,
	     (unsigned long long)soak_shared->server.stalled,
	     (unsigned long long)soak_shared->server.zeroed,
	     (unsigned long long)soak_shared->server.poisoned,
	     (unsigned long long)soak_shared->server.woken,
	     (unsigned long long)soak_shared->server.died);
	note("pages compared: %llu of CPUs, %llu of mirrors, %llu of guests; %llu retries for invalidations; swap was away %u times",
	     (unsigned long long)soak_shared->checked[BY_CPU],
	     (unsigned long long)soak_shared->checked[BY_MIRROR],
	     (unsigned long long)soak_shared->checked[BY_GUEST],
	     (unsigned long long)soak->retries, soak->swaps);
	CHECK_REL(soak_shared->checked[BY_CPU], >, 0);
	CHECK_REL(soak_shared->checked[BY_MIRROR], >, 0);
	if (soak_options.seconds < LONG_SECONDS)
		return;
	CHECK_REL(soak_shared->checked[BY_GUEST], >, 0);
	if (missing)
		FAIL("%s was never done", missing);
}

static void soak_address_space(const void *unused)
{
	struct soak soak = { .seed = random_seed(soak_options.seed) };

	note("seed %llu, %u s", (unsigned long long)soak.seed, soak_options.seconds);
	soak.random = random_branch(soak.seed, UINT32_MAX);
	soak_set_up(&soak);
	soak.until = clock_ns() + soak_options.seconds * 1000000000ULL;
	while (clock_ns() < soak.until)
		soak_round(&soak);
	if (soak.swap)
		CHECK_EQ(swapoff(ZRAM), 0);
	soak_report(&soak);
}

void suite_soak(void)
{
	add_slow_case(soak_options.seconds + 3 * STUCK_SECONDS, soak_address_space, NULL,
		      "soak/address-space");
}
