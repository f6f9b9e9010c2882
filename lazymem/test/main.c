// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of lazymem against the running kernel: which cases run. The frame is lib/harness.h.
 * The server that the cases start is in this program's folder.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "number.h"

static const char usage[] =
	"usage: lazymem-test [--case PATTERN] [--list] [--guest]\n"
	"                    [--rounds N | --seconds N] [--seed N]\n"
	"\n"
	"Test the page server on the running kernel: TAP on standard output.\n"
	"\n"
	"  --case PATTERN  only cases whose name matches, or begins with, PATTERN\n"
	"  --list          print the names and run no case\n"
	"  --guest         this machine is only for the tests: cases may change its settings\n"
	"  --rounds N      rounds of lazymem/soak (default 10)\n"
	"  --seconds N     lazymem/soak begins rounds for this long instead\n"
	"  --seed N        seed of its random choices (default: a new one, which is printed)\n"
	"  --help          this text\n";

static const struct option options[] = {
	{ "case", required_argument, NULL, 'c' },
	{ "list", no_argument, NULL, 'l' },
	{ "guest", no_argument, NULL, 'g' },
	{ "rounds", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

int main(int argc, char **argv)
{
	const char *pattern = NULL;
	bool list = false, good;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			pattern = optarg;
			break;
		case 'l':
			list = true;
			break;
		case 'g':
			fixture_in_guest = true;
			break;
		case 'n':
			soak_options.rounds = number("--rounds", optarg, 1, 1000);
			break;
		case 's':
			soak_options.seconds = number("--seconds", optarg, 1, 1000000);
			break;
		case 'r':
			soak_options.seed = number("--seed", optarg, 1, UINT32_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "lazymem-test: \"%s\" is not an option\n%s",
			argv[optind], usage);
		return 2;
	}
	suite_serve();
	suite_events();
	suite_faults();
	suite_huge();
	suite_lost();
	suite_source();
	suite_exit();
	suite_hostile();
	suite_tool();
	suite_ahead();
	suite_bounds();
	suite_tried();
	suite_keep();
	suite_soak();
	if (list) {
		list_cases(pattern);
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	fixture_start();
	good = run_cases(pattern);
	fixture_stop();
	return !good;
}
