// SPDX-License-Identifier: GPL-2.0-only
#include <fnmatch.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench.h"
#include "fail.h"
#include "number.h"

static const struct {
	const char *name;
	const char *what;
	void (*run)(const struct bench *bench);
} benches[] = {
	{ "missing", "pages that a page server has to bring", bench_missing },
	{ "present", "pages that are there already", bench_present },
	{ "sparse", "every second page to be allocated", bench_sparse },
	{ "huge", "faults that bring a huge page", bench_huge },
	{ "scratch", "memory that a call allocates", bench_scratch },
	{ "writer", "how long mmap() waits behind a call", bench_writer },
	{ "storm", "populating while others unmap elsewhere", bench_storm },
	{ "region", "guest memory: windows, accesses, size", bench_region },
};

#define RUNS_MAX	100
#define NR_BENCHES	(sizeof(benches) / sizeof(benches[0]))

static const char usage[] =
	"usage: hmmu-bench [--runs N] [--exact] [--strict] [--list] [NAME...]\n"
	"\n"
	"Measure the fault engine beside the kernel's own call. Without NAMEs all is\n"
	"measured; a NAME may be a pattern.\n"
	"\n"
	"  --runs N  measure N times (default 5); medians and (least..most) are shown\n"
	"  --exact   present pages alone, one figure a line, for a guest whose clock\n"
	"            counts instructions\n"
	"  --strict  exit with 1 for times that are not reached too, not just counts\n"
	"  --list    print the names and what they are about\n"
	"  --help    this text\n";

static const struct option options[] = {
	{ "runs", required_argument, NULL, 'r' },
	{ "exact", no_argument, NULL, 'e' },
	{ "strict", no_argument, NULL, 's' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

static void list(void)
{
	for (size_t i = 0; i < NR_BENCHES; i++)
		printf("%-10s %s\n", benches[i].name, benches[i].what);
}

/* No pattern at all chooses everything. */
static bool chosen(const char *name, char *const *patterns)
{
	if (!*patterns)
		return true;
	for (; *patterns; patterns++)
		if (!fnmatch(*patterns, name, 0))
			return true;
	return false;
}

static void check_patterns(char *const *patterns)
{
	for (; *patterns; patterns++) {
		char *const one[] = { *patterns, NULL };
		bool any = false;

		for (size_t i = 0; i < NR_BENCHES; i++)
			any |= chosen(benches[i].name, one);
		if (!any)
			die("no benchmark is called \"%s\": see --list",
			    *patterns);
	}
}

int main(int argc, char **argv)
{
	struct bench bench = { .runs = 5 };
	bool strict = false, exact = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			bench.runs = number("--runs", optarg, 1, RUNS_MAX);
			break;
		case 'e':
			exact = true;
			break;
		case 's':
			strict = true;
			break;
		case 'l':
			list();
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	check_patterns(argv + optind);

	bench.probe = probe_open();
	if (exact) {
		bench_exact(&bench);
		return 0;
	}
	printf("Medians of %u runs (least..most). ours: hmm_range_fault_unlocked_timeout(),\n"
	       "stock: hmm_range_fault(), restart: begin again on each dropped lock, as\n"
	       "mainline's call does.\n", bench.runs);
	for (size_t i = 0; i < NR_BENCHES; i++)
		if (chosen(benches[i].name, argv + optind))
			benches[i].run(&bench);
	return !report_end(strict);
}
