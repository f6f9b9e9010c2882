// SPDX-License-Identifier: GPL-2.0-only
/* The command line of hmmu-model. */
#include <getopt.h>
#include <stdlib.h>

#include "explorer/scenario.h"
#include "explorer/search.h"

static const char usage[] =
	"usage: hmmu-model [OPTIONS] SCENARIO\n"
	"\n"
	"Run the fault engine's own sources in a model of the kernel's memory\n"
	"management, in all orders in which the actors of SCENARIO may act.\n"
	"\n"
	"  --actions N        as many actions, instead of what SCENARIO says\n"
	"  --replay SCHEDULE  tell the story of one schedule\n"
	"  --brief            say that something is violated, tell no story\n"
	"  --from-start       run each schedule from its start, keep no checkpoints\n"
	"  --loop             actors begin again when they are through\n"
	"  --random N         so many random schedules, instead of all\n"
	"  --seed N           where randomness begins\n"
	"  --help             this text, and what a scenario is made of\n";

static const struct option options[] = {
	{ "actions", required_argument, NULL, 'a' },
	{ "replay", required_argument, NULL, 'r' },
	{ "brief", no_argument, NULL, 'b' },
	{ "from-start", no_argument, NULL, 'f' },
	{ "loop", no_argument, NULL, 'l' },
	{ "random", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/* A run that is cut frees nothing, so a leak checker would report each. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:detect_stack_use_after_return=0";
}

static unsigned long option_number(const char *text, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > most) {
		fprintf(stderr, "hmmu-model: '%s' is not a number from 0 to %lu\n",
			text, most);
		exit(2);
	}
	return n;
}

static void print_help(void)
{
	fputs(usage, stdout);
	printf("\nsubjects:\n");
	for (int i = 0; subjects[i]; i++)
		printf("  %-10s %s\n", subjects[i]->name, subjects[i]->help);
	printf("\nactions:\n");
	operations_help(stdout);
}

int main(int argc, char **argv)
{
	const char *replay = NULL;
	long actions = -1;
	unsigned long runs = 0, seed = 1;
	bool brief = false, loop = false, from_start = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'a':
			actions = option_number(optarg, 200);
			break;
		case 'r':
			replay = optarg;
			break;
		case 'b':
			brief = true;
			break;
		case 'f':
			from_start = true;
			break;
		case 'l':
			loop = true;
			break;
		case 's':
			runs = option_number(optarg, 100000000);
			break;
		case 'd':
			seed = option_number(optarg, ULONG_MAX);
			break;
		case 'h':
			print_help();
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 2;
	}
	scenario_load(argv[optind]);
	if (actions >= 0)
		scenario.start.actions_left = actions;
	scenario.all_loop = loop;
	if (replay)
		return !search_replay(replay);
	if (runs)
		return !search_dice(runs, seed);
	return !search_all(brief, from_start);
}
