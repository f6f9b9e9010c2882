// SPDX-License-Identifier: GPL-2.0-only
/*
 * Searches run in a child, for a sanitizer ends the process in which it finds
 * something; what was chosen up to there stands in memory that both share.
 *
 * A violation is made short before it is told: first by the smallest number of
 * actions that still leads to one, then by leaving out choices one by one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "explorer/scenario.h"
#include "explorer/search.h"
#include "explorer/totals.h"

static struct {
	struct schedule list;
	uint64_t seed;
	unsigned int runs;
	bool from_start;
} order;

static void do_all(void)
{
	run_all(order.from_start);
}

static void do_list(void)
{
	run_list(&order.list);
}

static void do_dice(void)
{
	run_dice(order.seed, order.runs);
}

static void search_fail(const char *what)
{
	perror(what);
	exit(2);
}

static void share_outcome(void)
{
	if (outcome)
		return;
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		search_fail("mmap");
}

/* A report of a sanitizer belongs into a story, nowhere else. */
static void redirect_reports(void)
{
	int to = telling ? STDOUT_FILENO : open("/dev/null", O_WRONLY);

	if (to < 0 || dup2(to, STDERR_FILENO) < 0)
		search_fail("stderr");
}

static enum verdict in_child(void (*run)(void))
{
	int status;
	pid_t child;

	share_outcome();
	fflush(NULL);
	child = fork();
	if (child < 0)
		search_fail("fork");
	if (!child) {
		redirect_reports();
		totals_begin();
		run();
		if (outcome->verdict != VIOLATED)
			totals_end();
		fflush(NULL);
		exit(0);
	}
	if (waitpid(child, &status, 0) < 0)
		search_fail("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 1) {
		outcome->verdict = CRASHED;
		snprintf(outcome->why, sizeof(outcome->why),
			 "a sanitizer has ended the program, or it crashed");
	} else if (WEXITSTATUS(status)) {
		fprintf(stderr, "%s: %s\n", scenario.name, outcome->why);
		exit(2);
	}
	return outcome->verdict;
}

static bool run_has_failed(enum verdict verdict)
{
	return verdict == VIOLATED || verdict == CRASHED;
}

/* Shortening. */
static unsigned int schedule_weight(const struct schedule *s)
{
	unsigned int weight = s->length;

	for (size_t i = 0; i < s->length; i++)
		if (s->answer[i])
			weight += MAX_CHOICES;
	return weight;
}

static void schedule_trim(struct schedule *s)
{
	while (s->length && !s->answer[s->length - 1])
		s->length--;
}

/* Keeps it as the best if it fails as well and is less to tell. */
static bool try_shorter(const struct schedule *shorter, struct schedule *best)
{
	order.list = *shorter;
	if (!run_has_failed(in_child(do_list)))
		return false;
	schedule_trim(&outcome->taken);
	if (schedule_weight(&outcome->taken) >= schedule_weight(best))
		return false;
	*best = outcome->taken;
	return true;
}

static bool leave_out(struct schedule *best, size_t at, size_t n)
{
	struct schedule shorter = *best;

	memmove(shorter.answer + at, shorter.answer + at + n,
		shorter.length - at - n);
	shorter.length -= n;
	return try_shorter(&shorter, best);
}

static bool leave_world_alone(struct schedule *best, size_t at)
{
	struct schedule shorter = *best;

	if (!shorter.answer[at])
		return false;
	shorter.answer[at] = 0;
	return try_shorter(&shorter, best);
}

static bool shorten_once(struct schedule *best)
{
	bool shorter = false;

	for (size_t n = best->length / 2; n; n /= 2)
		for (size_t at = 0; at + n <= best->length; at++)
			while (at + n <= best->length && leave_out(best, at, n))
				shorter = true;
	for (size_t at = 0; at < best->length; at++)
		shorter |= leave_world_alone(best, at);
	return shorter;
}

static void schedule_shorten(struct schedule *best)
{
	schedule_trim(best);
	while (shorten_once(best))
		;
}

/* Is there one with fewer actions? The fewest are the best to read. */
static void fewest_actions(struct schedule *best)
{
	unsigned int most = scenario.start.actions_left, n;

	for (n = 0; n < most; n++) {
		scenario.start.actions_left = n;
		if (run_has_failed(in_child(do_all))) {
			*best = outcome->taken;
			return;
		}
	}
	scenario.start.actions_left = most;
}

/* "12:1,3:2" is twelve first answers, a second, three first ones, a third. */
static void print_schedule(const struct schedule *s)
{
	unsigned int zeros = 0;
	const char *comma = "";

	for (size_t i = 0; i < s->length; i++) {
		if (!s->answer[i]) {
			zeros++;
			continue;
		}
		printf("%s%u:%u", comma, zeros, s->answer[i]);
		zeros = 0;
		comma = ",";
	}
	if (!*comma)
		printf("-");
}

static bool parse_schedule(const char *text, struct schedule *s)
{
	unsigned int zeros, answer;
	int used;

	s->length = 0;
	if (!strcmp(text, "-"))
		return true;
	while (sscanf(text, "%u:%u%n", &zeros, &answer, &used) == 2) {
		if (s->length + zeros >= MAX_CHOICES || answer > UINT8_MAX)
			return false;
		memset(s->answer + s->length, 0, zeros);
		s->length += zeros;
		s->answer[s->length++] = answer;
		text += used;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
	return false;
}

static bool tell_story(const struct schedule *s)
{
	enum verdict verdict;

	order.list = *s;
	telling = true;
	verdict = in_child(do_list);
	telling = false;
	if (run_has_failed(verdict))
		printf("      VIOLATED     %s\n", outcome->why);
	else if (verdict == CUT)
		printf("      cut          somebody could have gone on all the while\n");
	else
		printf("      nothing is violated\n");
	printf("again: ./run model --actions %u%s --case %s --replay ",
	       scenario.start.actions_left, scenario.all_loop ? " --loop" : "",
	       scenario.name);
	print_schedule(s);
	printf("\n\n");
	return !run_has_failed(verdict);
}

static void story_explain(struct schedule *best)
{
	schedule_shorten(best);
	printf("\nThe shortest story found of %s:\n", scenario.name);
	tell_story(best);
}

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - begun->tv_sec + (now.tv_nsec - begun->tv_nsec) / 1e9;
}

/* A scenario in which somebody never gets to act says less than it seems to. */
static void name_idle(void)
{
	for (unsigned int i = 0; i < scenario.actors; i++)
		for (unsigned int j = 0; j < scenario.actor[i].actions &&
		     j < scenario.start.actions_left; j++)
			if (!(outcome->begun[i] >> j & 1))
				printf("        %s never gets to: %s\n",
				       scenario.actor[i].name,
				       operation_name(scenario.actor[i].action[j].operation));
}

bool search_all(bool brief, bool from_start)
{
	unsigned int actions = scenario.start.actions_left;
	struct schedule best;
	struct timespec begun;
	enum verdict verdict;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	share_outcome();
	outcome->runs = 0;
	memset(outcome->begun, 0, sizeof(outcome->begun));
	order.from_start = from_start;
	verdict = in_child(do_all);
	printf("%-7s %-32s %7u %10lu %10lu %7.1f s\n",
	       run_has_failed(verdict) ? "not ok" : "ok", scenario.name, actions,
	       outcome->runs, outcome->states, seconds_since(&begun));
	if (!run_has_failed(verdict)) {
		name_idle();
		return true;
	}
	best = outcome->taken;
	printf("        %s\n", outcome->why);
	if (brief)
		return false;
	fewest_actions(&best);
	story_explain(&best);
	return false;
}

bool search_dice(unsigned int runs, unsigned long seed)
{
	struct schedule best;

	share_outcome();
	order.seed = seed;
	order.runs = runs;
	if (!run_has_failed(in_child(do_dice))) {
		printf("ok      %-32s %7u %10lu\n", scenario.name,
		       scenario.start.actions_left, outcome->runs);
		return true;
	}
	best = outcome->taken;
	printf("not ok  %-32s seed %lu\n        %s\n", scenario.name, seed,
	       outcome->why);
	story_explain(&best);
	return false;
}

bool search_replay(const char *schedule)
{
	struct schedule s;
	bool good;

	if (!parse_schedule(schedule, &s)) {
		fprintf(stderr, "'%s' is not a schedule; a story ends with one\n",
			schedule);
		exit(2);
	}
	good = tell_story(&s);
	schedule_trim(&s);
	schedule_trim(&outcome->taken);
	if (s.length != outcome->taken.length ||
	    memcmp(s.answer, outcome->taken.answer, s.length))
		printf("This is not what was asked for: the schedule does not fit here.\n");
	return good;
}
