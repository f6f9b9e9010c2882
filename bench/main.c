// SPDX-License-Identifier: GPL-2.0-only
/* hmmu-bench: its parts and options. bench.h shows how the files belong together. */
#include <fnmatch.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "fail.h"
#include "number.h"
#include "table.h"

/*
 * @seconds: about how long the part takes, at RUNS runs, on two emulated processors
 * @where: the guests that can run it. A clock that counts instructions needs a guest
 *	   with one processor
 * @by_name: runs only if it is named, because it takes long
 * @bare: needs no module, so it runs outside of guests, too
 */
static const struct part {
	const char *name;
	const char *what;
	void (*run)(const struct bench *bench);
	unsigned int seconds;
	enum { ONE_CPU, TWO_CPUS, BOTH } where;
	bool by_name;
	bool bare;
} parts[] = {
	{ "missing", "pages that a page server has to bring, 64 to 16384",
		part_missing, 40 },
	{ "latency", "the same, each 0.1, 1, 10 ms after it was asked for",
		part_latency, 40 },
	{ "present", "pages that are there already", part_present, 15 },
	{ "sparse", "every second page is missing", part_sparse, 15 },
	{ "memory", "4 KiB, transparent huge and hugetlb pages, missing",
		part_memory, 20 },
	{ "source", "lazymem with a file, and with an NBD server",
		part_source, 40 },
	{ "prefetch", "lazymem with a file that nobody asks for, by bare UFFDIO_COPY",
		part_prefetch, 15, TWO_CPUS, .bare = true },
	{ "handlers", "lazymem by bare fault handlers, with a client that never pauses",
		part_handlers, 60, TWO_CPUS, true, .bare = true },
	{ "scratch", "memory that a call allocates", part_scratch, 1 },
	{ "writer", "how long mmap() waits behind a call", part_writer, 5, TWO_CPUS },
	{ "crowd", "how long mmap() waits beside 64 fault threads",
		part_crowd, 40, BOTH },
	{ "storm", "present pages, while others unmap far, near, inside",
		part_storm_present, 20, TWO_CPUS },
	{ "stormy", "missing pages, while others unmap elsewhere",
		part_storm_missing, 15, TWO_CPUS },
	{ "region", "guest memory: windows, accesses, size", part_region, 5 },
	{ "device", "pages that are missing, and are to be in device memory",
		part_device, 15 },
	{ "matrix", "all of missing and latency, crossed, as far as it is bounded",
		part_matrix, 200, ONE_CPU, true },
};

#define RUNS		5
#define INSTRUCTIONS	"instructions"
#define TIME		"time"
#define RUNS_MAX	100
#define NR_PARTS	(sizeof(parts) / sizeof(parts[0]))

static const char usage[] =
	"usage: hmmu-bench [--runs N] [--clock CLOCK] [--rows] [--strict] [PART...]\n"
	"       hmmu-bench --list | --plan [--runs N] [--clock CLOCK] [PART...]\n"
	"       hmmu-bench --exact [--runs N]\n"
	"\n"
	"Measure the fault engine beside the kernel's own call, and beside beginning again.\n"
	"A PART may be a pattern. Without one, all parts run that do not take long.\n"
	"\n"
	"  --runs N  measure N times (default 5); medians and (least..most) are shown\n"
	"  --clock   measure only PARTs for this kind of guest: instructions, one processor\n"
	"            with a clock that counts instructions; time, parts that need two\n"
	"            processors. Without it, all PARTs, in time\n"
	"  --exact   pages present and allocated, one figure a line, for a guest whose clock\n"
	"            counts instructions\n"
	"  --strict  exit with 1 also if a time misses its target, not just a count\n"
	"  --rows    for programs: print each row of a table also as a line \"csv ROW\",\n"
	"            and the progress as lines \"progress TEXT\"\n"
	"  --list    print the parts, how long they take and what they are about\n"
	"  --plan    print what would be measured and how long that takes\n"
	"  --help    this text\n";

static const struct option options[] = {
	{ "runs", required_argument, NULL, 'r' },
	{ "clock", required_argument, NULL, 'c' },
	{ "exact", no_argument, NULL, 'e' },
	{ "strict", no_argument, NULL, 's' },
	{ "rows", no_argument, NULL, 'o' },
	{ "list", no_argument, NULL, 'l' },
	{ "plan", no_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

static unsigned int part_seconds(const struct part *part, unsigned int runs)
{
	return (part->seconds * runs + RUNS - 1) / RUNS;
}

static void parts_list(void)
{
	for (const struct part *part = parts; part < parts + NR_PARTS; part++)
		printf("%-8s %4u s  %s%s\n", part->name, part->seconds, part->what,
		       part->by_name ? "; only by name" : "");
}

static bool part_is_named(const struct part *part, char *const *patterns)
{
	if (!*patterns)
		return !part->by_name;
	for (; *patterns; patterns++)
		if (!fnmatch(*patterns, part->name, 0))
			return true;
	return false;
}

/* @clock is the argument of --clock, or NULL. */
static bool part_is_chosen(const struct part *part, char *const *patterns,
			   const char *clock)
{
	if (clock && part->where ==
	    (strcmp(clock, INSTRUCTIONS) ? ONE_CPU : TWO_CPUS))
		return false;
	return part_is_named(part, patterns);
}

static void check_patterns(char *const *patterns)
{
	for (; *patterns; patterns++) {
		char *const one[] = { *patterns, NULL };
		bool any = false;

		for (size_t i = 0; i < NR_PARTS; i++)
			any |= part_is_named(&parts[i], one);
		if (!any)
			die("no part is called \"%s\": see --list", *patterns);
	}
}

/* Prints nothing if no part is chosen. */
static void parts_plan(char *const *patterns, const char *clock, unsigned int runs)
{
	unsigned int seconds = 0;

	for (const struct part *part = parts; part < parts + NR_PARTS; part++) {
		if (!part_is_chosen(part, patterns, clock))
			continue;
		printf("%s%s", seconds ? ", " : "", part->name);
		seconds += part_seconds(part, runs);
	}
	if (seconds)
		printf(": about %u minutes\n", seconds / 60 + 1);
}

static void parts_measure(const struct bench *bench, char *const *patterns,
			  const char *clock)
{
	printf("Medians of %u runs (least..most), in %s. stock: hmm_range_fault(). restart:\n"
	       "begin again on each dropped lock, as mainline's call does. mainline: that\n"
	       "call, where the kernel has it. ours-1, ours-%d: hmm_range_fault_unlocked_timeout()\n"
	       "of this module with as many faults in flight. /restart, /stock: how many\n"
	       "times as good as these it is.\n", bench->runs,
	       clock && !strcmp(clock, INSTRUCTIONS) ?
	       "thousands of instructions where it says us" : "time", SEVERAL);
	table_rows_head(clock ?: TIME);
	for (const struct part *part = parts; part < parts + NR_PARTS; part++)
		if (part_is_chosen(part, patterns, clock))
			part->run(bench);
	parameters_restore();
}

static bool parts_need_probe(char *const *patterns, const char *clock)
{
	for (const struct part *part = parts; part < parts + NR_PARTS; part++)
		if (part_is_chosen(part, patterns, clock) && !part->bare)
			return true;
	return false;
}

static const char *clock_parse(const char *text)
{
	if (strcmp(text, INSTRUCTIONS) && strcmp(text, TIME))
		die("--clock is " INSTRUCTIONS " or " TIME ", not \"%s\"", text);
	return text;
}

int main(int argc, char **argv)
{
	struct bench bench = { .runs = RUNS };
	bool strict = false, exact = false, planned = false;
	const char *clock = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			bench.runs = number("--runs", optarg, 1, RUNS_MAX);
			break;
		case 'c':
			clock = clock_parse(optarg);
			break;
		case 'e':
			exact = true;
			break;
		case 's':
			strict = true;
			break;
		case 'o':
			report_rows();
			break;
		case 'l':
			parts_list();
			return 0;
		case 'p':
			planned = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	check_patterns(argv + optind);
	if (planned) {
		parts_plan(argv + optind, clock, bench.runs);
		return 0;
	}

	bench.probe = exact || parts_need_probe(argv + optind, clock) ? probe_open() : -1;
	if (exact) {
		bench_exact(&bench);
		return 0;
	}
	parts_measure(&bench, argv + optind, clock);
	return !report_end(strict);
}
