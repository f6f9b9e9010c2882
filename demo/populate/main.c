// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmmu-demo: a file is restored lazily into memory that a device populates. Shows that
 * the stock call refuses the memory, that the engine's call succeeds, and how its cost
 * compares with a loop that begins again on each dropped lock.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "content.h"
#include "cpus.h"
#include "fail.h"
#include "image.h"
#include "memory.h"
#include "number.h"
#include "probe.h"
#include "progress.h"
#include "restored.h"
#include "show.h"

#define DEFAULT_MIB	64
#define MIB_MAX		65536ULL
#define SERVER_WINDOW	(16UL << 10)	/* bytes that lazymem brings for a fault */
#define WINDOW		512	/* pages that the device asks for at a time */
#define COMPARED_MAX	(64UL << 20 >> 12)

static const char usage[] =
	"usage: hmmu-demo [--size MIB | --file PATH [--bytes N]] [--plain]\n"
	"\n"
	"Restore a file lazily into memory that a device populates.\n"
	"\n"
	"  --size MIB   make a file of random content (default 64)\n"
	"  --file PATH  restore this file or block device\n"
	"  --bytes N    only its first N bytes\n"
	"  --plain      lines instead of a bar that moves\n"
	"  --help       this text\n";

static const struct option options[] = {
	{ "size", required_argument, NULL, 's' },
	{ "file", required_argument, NULL, 'f' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "plain", no_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

static struct image options_parse(int argc, char **argv)
{
	unsigned long long mib = DEFAULT_MIB, bytes = 0;
	const char *path = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			mib = number("--size", optarg, 1, MIB_MAX);
			break;
		case 'f':
			path = optarg;
			break;
		case 'b':
			bytes = number("--bytes", optarg, 1,
				       MIB_MAX << 20);
			break;
		case 'p':
			progress_plain();
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind < argc || (bytes && !path)) {
		fputs(usage, stderr);
		exit(2);
	}
	if (path)
		return image_open(path, bytes);
	memory_need(mib * 2 + 128);
	return image_make(mib << 20);
}

/* Nothing is read ahead, so that the counts depend on the faults alone. */
static struct restored restored_lazily(size_t pages)
{
	return (struct restored) {
		.pages = pages,
		.options = { .window = SERVER_WINDOW },
	};
}

static void checksum_show(const char *whose, const char *sum, const char *file)
{
	printf("  sha256 of %-24s %s\n", whose, sum);
	fflush(stdout);
	if (strcmp(sum, file))
		die("that is not the checksum of the file");
}

static void show_stock(int probe, const struct restored *memory)
{
	struct hmmu_probe_run run = probe_range(HMMU_PROBE_STOCK, memory->base,
						memory->pages, READ_REQUEST);

	printf("1. The device asks with hmm_range_fault():\n");
	fflush(stdout);
	if (probe_run(probe, &run) != -EFAULT)
		die("-EFAULT was to be expected here, not %d", run.error);
	printf("  -EFAULT (%s)\n  It holds the mmap lock throughout, so the page server cannot be waited for.\n\n",
	       strerror(EFAULT));
}

static void show_ours(int probe, const struct restored *memory,
		      const struct image *image, char text[CHECKSUM_SIZE])
{
	static char contents[WINDOW * PAGE];
	struct checksum sum;

	printf("2. The device asks with hmm_range_fault_unlocked_timeout():\n");
	fflush(stdout);
	checksum_begin(&sum);
	for (size_t at = 0, n; at < memory->pages; at += n) {
		struct hmmu_probe_run run;

		n = memory->pages - at < WINDOW ? memory->pages - at : WINDOW;
		run = probe_range(HMMU_PROBE_UNLOCKED, memory->base + at * PAGE,
				  n, READ_REQUEST);
		run.flags = HMMU_PROBE_LOOP | HMMU_PROBE_EXACT;
		run.contents = (uintptr_t)contents;
		if (probe_run(probe, &run))
			die("page %zu cannot be populated: %s", at,
			    strerror(-run.error));
		checksum_add(&sum, contents, image_bytes(image, at, n));
		progress_show(at + n, memory->pages);
	}
	checksum_end(&sum, text);
}

/* One call for all pages, in new memory. */
static void compare_call(int probe, const char *name, enum hmmu_probe_call call,
			 struct image *image, size_t pages, const char *file)
{
	struct restored memory = restored_lazily(pages);
	struct hmmu_probe_run run;
	struct checksum sum;
	char text[CHECKSUM_SIZE];
	char *contents = malloc(pages * PAGE);
	cpu_set_t cpus;

	if (!contents)
		die_errno("no memory for %zu pages", pages);
	cpus = cpus_pin();
	restored_map(&memory, image);
	run = probe_range(call, memory.base, pages, READ_REQUEST);
	run.flags = HMMU_PROBE_LOOP | HMMU_PROBE_EXACT;
	run.contents = (uintptr_t)contents;
	if (probe_run(probe, &run))
		die("%s: %s", name, strerror(-run.error));
	show_table_row(name, pages, &run);
	restored_unmap(&memory);
	cpus_restore(&cpus);

	checksum_begin(&sum);
	checksum_add(&sum, contents, image_bytes(image, 0, pages));
	checksum_end(&sum, text);
	if (strcmp(text, file))
		die("%s has brought other contents than the file's", name);
	free(contents);
}

static void compare_calls(int probe, struct image *image)
{
	size_t pages = image->pages < COMPARED_MAX ? image->pages : COMPARED_MAX;
	char file[CHECKSUM_SIZE];

	printf("\n3. %s %zu MiB in one call:\n",
	       pages < image->pages ? "The first" : "All", pages * PAGE >> 20);
	fflush(stdout);
	image_checksum(image, pages, file);
	show_table_head();
	compare_call(probe, "restart on each drop", HMMU_PROBE_RESTART, image, pages,
		     file);
	compare_call(probe, "ours", HMMU_PROBE_UNLOCKED, image, pages, file);
	printf("\n  Restarting on each dropped lock is what mainline's call does. Both have brought\n"
	       "  the file's contents.\n");
}

int main(int argc, char **argv)
{
	struct image image = options_parse(argc, argv);
	struct restored memory = restored_lazily(image.pages);
	char file[CHECKSUM_SIZE], device[CHECKSUM_SIZE];
	int probe = probe_open();

	memory_need((image.pages >> 8) + 192);
	restored_check(&image);
	restored_map(&memory, &image);
	printf("A process maps %llu MiB that are to be restored from a file: the memory is empty,\n"
	       "a page server (lazymem) brings a page when it is touched. A device that\n"
	       "shares the process's memory wants all of it.\n\n",
	       (unsigned long long)image.bytes >> 20);

	show_stock(probe, &memory);
	show_ours(probe, &memory, &image, device);
	restored_unmap(&memory);
	image_checksum(&image, image.pages, file);
	checksum_show("the file:", file, file);
	checksum_show("what the device sees:", device, file);
	compare_calls(probe, &image);
	return 0;
}
