// SPDX-License-Identifier: GPL-2.0-only
/* The options of hmmu-restore, and the image that they choose. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"
#include "memory.h"
#include "number.h"
#include "options.h"
#include "progress.h"
#include "region.h"

#define DEFAULT_MIB	64
#define MIB_MAX		65536ULL
#define DELAY_MAX	1000000

static const char usage[] =
	"usage: hmmu-restore [--size MIB | --file PATH [--bytes N]] [OPTIONS]\n"
	"\n"
	"Restore a guest from a file: all before it starts, and lazily while it runs.\n"
	"\n"
	"  --size MIB      make a file of random content (default 64)\n"
	"  --file PATH     restore this file or block device\n"
	"  --bytes N       only its first N bytes\n"
	"  --window PAGES  pages that the device populates around an accessed page that is\n"
	"                  not mapped, a power of two up to 512. The access waits for each\n"
	"                  missing page of them in turn: a larger window means fewer and\n"
	"                  longer waits (default 1)\n"
	"  --vcpus N       virtual CPUs, at most 16; each reads all pages, in a random\n"
	"                  order of its own (default 4)\n"
	"  --delay US      least time that the page server takes for a read of the file, in\n"
	"                  microseconds, at most a second (default 100)\n"
	"  --plain         lines instead of a bar that moves\n"
	"  --help          this text\n";

static const struct option options[] = {
	{ "size", required_argument, NULL, 's' },
	{ "file", required_argument, NULL, 'f' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "window", required_argument, NULL, 'w' },
	{ "vcpus", required_argument, NULL, 'v' },
	{ "delay", required_argument, NULL, 'd' },
	{ "plain", no_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/* The options that choose the image; 0 and NULL: not given. */
struct source {
	const char *path;
	unsigned long long mib, bytes;
};

static unsigned int window_parse(const char *text)
{
	unsigned int n = number("--window", text, 1, HMM_REGION_LARGE_PAGES);

	if (n & (n - 1))
		die("--window is a power of two from 1 to %d, not \"%s\"",
		    HMM_REGION_LARGE_PAGES, text);
	return n;
}

/* The guest's memory, and a little for the orders of accesses and for page tables. */
static void need_memory(unsigned long long mib)
{
	memory_need(mib + mib / 32 + 128);
}

static struct image open_image(const struct source *source)
{
	unsigned long long mib = source->mib ?: DEFAULT_MIB;
	struct image image;

	if (source->mib && source->path)
		die("--size and --file exclude each other");
	if (source->bytes && !source->path)
		die("--bytes needs --file PATH too");
	if (source->path) {
		image = image_open(source->path, source->bytes);
		need_memory(image.bytes >> 20);
		return image;
	}
	need_memory(mib * 2);
	return image_make(mib << 20);
}

struct restore options_parse(int argc, char **argv)
{
	struct restore restore = { .window = 1, .vcpus = 4, .delay_us = 100 };
	struct source source = {};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			source.mib = number("--size", optarg, 1, MIB_MAX);
			break;
		case 'f':
			source.path = optarg;
			break;
		case 'b':
			source.bytes = number("--bytes", optarg, 1,
					      MIB_MAX << 20);
			break;
		case 'w':
			restore.window = window_parse(optarg);
			break;
		case 'v':
			restore.vcpus = number("--vcpus", optarg, 1, VCPUS_MAX);
			break;
		case 'd':
			restore.delay_us = number("--delay", optarg, 0,
						  DELAY_MAX);
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
	if (optind < argc)
		die("unexpected \"%s\"; --help shows the options", argv[optind]);
	restore.image = open_image(&source);
	return restore;
}
