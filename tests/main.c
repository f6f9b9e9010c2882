// SPDX-License-Identifier: GPL-2.0-only
/* The program of the guest tests: options, the table of suites, the run. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "number.h"
#include "suites.h"

static const char usage[] =
	"usage: hmmu-test [--case PATTERN] [--list] [--seconds N] [--seed N]\n"
	"\n"
	"Test the fault engine of the running kernel: TAP on standard output.\n"
	"\n"
	"  --case PATTERN  only cases whose name matches, or begins with, PATTERN\n"
	"  --list          print their names and run none\n"
	"  --seconds N     how long soak/address-space takes (default 20)\n"
	"  --seed N        where its randomness begins; without, any, which is printed\n"
	"  --help          this text\n";

static const struct option options[] = {
	{ "case", required_argument, NULL, 'c' },
	{ "list", no_argument, NULL, 'l' },
	{ "seconds", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

#define SUITE_ENTRY(word, function)	{ word, function },

static const struct {
	const char *word;
	void (*add_cases)(void);
} suites[] = { TEST_SUITES(SUITE_ENTRY) };

int main(int argc, char **argv)
{
	const char *pattern = NULL;
	int list = 0, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			pattern = optarg;
			break;
		case 'l':
			list = 1;
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
		fprintf(stderr, "hmmu-test: \"%s\" is not an option\n%s",
			argv[optind], usage);
		return 2;
	}

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		add_suite(suites[i].word, suites[i].add_cases);

	if (list) {
		list_cases(pattern);
		return 0;
	}
	return !run_cases(pattern);
}
