// SPDX-License-Identifier: GPL-2.0-only
/* The command line of `lazymem serve`; see options.h. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "number.h"
#include "options.h"

static const char usage[] =
	"usage: lazymem serve --socket PATH --image FILE|NBD-URI [OPTIONS]\n"
	"\n"
	"Fill the memory of other processes from an image when it is first accessed. A client\n"
	"sends its userfaultfd and a list of its mappings over the socket, in the form that\n"
	"Firecracker's page-fault handlers use; see lazymem(1).\n"
	"\n"
	"  --socket PATH       listen at this path\n"
	"  --image IMAGE       a file, a block device, or an NBD URI (nbd://HOST/EXPORT,\n"
	"                      nbd+unix:///EXPORT?socket=PATH)\n"
	"  --window KIB        bring this much for a fault, from 4 to 256 (default 32)\n"
	"  --no-prefetch       do not read ahead: bring nothing but windows of faults\n"
	"  --record FILE       record the order in which pages are asked for\n"
	"  --replay FILE       read ahead in a recorded order first\n"
	"  --give-up SECONDS   fail faults that wait this long for a lost source; 0, the\n"
	"                      default, is never\n"
	"  --timeout SECONDS   an NBD server that has a request and sends nothing for this\n"
	"                      time counts as lost (default 30); 0 is never\n"
	"  --on-exit HOW       what SIGINT and SIGTERM do with memory that is missing, after\n"
	"                      all faults that wait are answered: fill (default) brings it,\n"
	"                      poison makes accesses get SIGBUS, drop makes it zeros. A\n"
	"                      second signal poisons it at once\n"
	"  --max-clients N     how many clients are served at once; more have to wait\n"
	"                      (default 64)\n"
	"  --json              progress, messages and the summary as JSON lines on stdout\n"
	"  --help              show this text\n";

static const struct option options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "image", required_argument, NULL, 'i' },
	{ "window", required_argument, NULL, 'w' },
	{ "no-prefetch", no_argument, NULL, 'n' },
	{ "record", required_argument, NULL, 'r' },
	{ "replay", required_argument, NULL, 'p' },
	{ "give-up", required_argument, NULL, 'g' },
	{ "timeout", required_argument, NULL, 't' },
	{ "on-exit", required_argument, NULL, 'e' },
	{ "max-clients", required_argument, NULL, 'm' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/* LAZYMEM_NOW is what a second signal does, and cannot be chosen. */
static enum lazymem_end options_on_exit(const char *text)
{
	if (!strcmp(text, "fill"))
		return LAZYMEM_FILL;
	if (!strcmp(text, "poison"))
		return LAZYMEM_POISON;
	if (!strcmp(text, "drop"))
		return LAZYMEM_DROP;
	die("--on-exit is fill, poison or drop, not \"%s\"", text);
}

/* After an unknown option getopt_long() has named it. */
static void options_wrong(void)
{
	fputs(usage, stderr);
	exit(2);
}

static void options_help(void)
{
	fputs(usage, stdout);
	exit(0);
}

static void options_take(struct tool *tool, int option)
{
	switch (option) {
	case 's':
		tool->socket = optarg;
		break;
	case 'i':
		tool->where = optarg;
		break;
	case 'w':
		tool->options.window = number("--window", optarg, 4, 256) << 10;
		break;
	case 'n':
		tool->options.read_ahead = false;
		break;
	case 'r':
		tool->record = optarg;
		break;
	case 'p':
		tool->options.replay = optarg;
		break;
	case 'g':
		tool->options.give_up = number("--give-up", optarg, 0, 1000000);
		break;
	case 't':
		tool->how.timeout = number("--timeout", optarg, 0, 1000000);
		break;
	case 'e':
		tool->on_exit = options_on_exit(optarg);
		break;
	case 'm':
		tool->clients_most = number("--max-clients", optarg, 1, 10000);
		break;
	case 'j':
		tool->json = true;
		break;
	case 'h':
		options_help();
		break;
	default:
		options_wrong();
	}
}

/* "serve" is the only command so far, and must come first. */
void options_parse(struct tool *tool, int argc, char **argv)
{
	int option;

	if (argc > 1 && !strcmp(argv[1], "--help"))
		options_help();
	if (argc < 2 || strcmp(argv[1], "serve"))
		options_wrong();
	optind = 2;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		options_take(tool, option);
	if (optind < argc)
		die("unexpected \"%s\"; --help shows the options", argv[optind]);
	if (!tool->socket || !tool->where)
		die("--socket and --image are needed; --help shows the options");
	if (tool->options.replay && !tool->options.read_ahead)
		die("--replay and --no-prefetch exclude each other");
	if (tool->options.replay && tool->record &&
	    !strcmp(tool->options.replay, tool->record))
		die("--replay and --record need files of their own");
}
