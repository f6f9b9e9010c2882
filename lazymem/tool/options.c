// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of `lazymem serve`; see options.h.
 *
 * It is read twice: first only for --json, since what is wrong elsewhere is a JSON line then.
 */
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "manager.h"
#include "help.h"
#include "number.h"
#include "options.h"

#define TRY_HELP	"; try 'lazymem --help'"

static const struct option options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "socket-mode", required_argument, NULL, 'M' },
	{ "socket-owner", required_argument, NULL, 'O' },
	{ "image", required_argument, NULL, 'i' },
	{ "window", required_argument, NULL, 'w' },
	{ "prefetch", required_argument, NULL, 'P' },
	{ "no-prefetch", no_argument, NULL, 'n' },
	{ "rate", required_argument, NULL, 'R' },
	{ "record", required_argument, NULL, 'r' },
	{ "replay", required_argument, NULL, 'p' },
	{ "track-dirty", no_argument, NULL, 'd' },
	{ "give-up", required_argument, NULL, 'g' },
	{ "timeout", required_argument, NULL, 't' },
	{ "on-lost", required_argument, NULL, 'o' },
	{ "on-exit", required_argument, NULL, 'e' },
	{ "fill-wait", required_argument, NULL, 'f' },
	{ "max-clients", required_argument, NULL, 'm' },
	{ "keep", no_argument, NULL, 'k' },
	{ "json", no_argument, NULL, 'j' },
	{ "log", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{}
};

/* The index of @text in @words, which NULL ends. */
static int options_word(const char *name, const char *text, const char *const *words,
			const char *said)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	die("%s is %s, not \"%s\"" TRY_HELP, name, said, text);
}

/* LAZYMEM_NOW is what a second signal does, and cannot be chosen. */
static enum lazymem_end options_on_exit(const char *text)
{
	static const char *const words[] = { "fill", "poison", "drop", NULL };
	static const enum lazymem_end ends[] = { LAZYMEM_FILL, LAZYMEM_POISON, LAZYMEM_DROP };

	return ends[options_word("--on-exit", text, words, "fill, poison or drop")];
}

static enum lazymem_lost options_on_lost(const char *text)
{
	static const char *const words[] = { "poison", "kill", "drop", NULL };
	static const enum lazymem_lost losts[] = {
		LAZYMEM_LOST_POISON, LAZYMEM_LOST_KILL, LAZYMEM_LOST_DROP
	};

	return losts[options_word("--on-lost", text, words, "poison, kill or drop")];
}

static enum lazymem_prefetch options_prefetch(const char *text)
{
	static const char *const words[] = { "none", "recorded", "streams", "all", NULL };

	return options_word("--prefetch", text, words, "all, streams, recorded or none");
}

static enum report_level options_level(const char *text)
{
	static const char *const words[] = { "quiet", "error", "info", "debug", NULL };

	return options_word("--log", text, words, "quiet, error, info or debug");
}

/* An aligned window of the image: its size is a power of two. */
static size_t options_window(const char *text)
{
	unsigned long kib = strtoul(text, NULL, 10);

	if (kib >= 4 && kib <= 256 && !(kib & (kib - 1)))
		return number("--window", text, 4, 256) << 10;
	die("--window is 4, 8, 16, 32, 64, 128 or 256 (KiB), not \"%s\"" TRY_HELP, text);
}

static int options_mode(const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (end == text || *end || *text == '-' || mode > 0777)
		die("--socket-mode is an octal number up to 0777, as 0660, not \"%s\"" TRY_HELP,
		    text);
	return mode;
}

/* A number, if @text is all digits. */
static bool options_is_id(const char *text, unsigned int *id)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || strspn(text, "0123456789") != strlen(text) || value >= UINT32_MAX)
		return false;
	*id = value;
	return true;
}

/* USER, USER:GROUP or :GROUP. */
static void options_owner(struct tool *tool, const char *text)
{
	char *user = strdup(text), *group = strchr(user, ':');

	if (group)
		*group++ = '\0';
	if (!*user && !(group && *group))
		die("--socket-owner is USER, USER:GROUP or :GROUP, not \"%s\"" TRY_HELP, text);
	if (*user && !options_is_id(user, &tool->socket_user)) {
		const struct passwd *entry = getpwnam(user);

		if (!entry)
			die("--socket-owner: there is no user \"%s\"", user);
		tool->socket_user = entry->pw_uid;
	}
	if (group && *group && !options_is_id(group, &tool->socket_group)) {
		const struct group *entry = getgrnam(group);

		if (!entry)
			die("--socket-owner: there is no group \"%s\"", group);
		tool->socket_group = entry->gr_gid;
	}
	free(user);
}

static void options_take(struct tool *tool, int option)
{
	switch (option) {
	case 's':
		tool->socket = optarg;
		break;
	case 'M':
		tool->socket_mode = options_mode(optarg);
		break;
	case 'O':
		options_owner(tool, optarg);
		break;
	case 'i':
		tool->where = optarg;
		break;
	case 'w':
		tool->options.window = options_window(optarg);
		break;
	case 'P':
		tool->options.prefetch = options_prefetch(optarg);
		break;
	case 'n':
		tool->options.prefetch = LAZYMEM_PREFETCH_NONE;
		break;
	case 'R':
		tool->rate = number("--rate", optarg, 1, 1000000) << 20;
		break;
	case 'r':
		tool->record = optarg;
		break;
	case 'p':
		tool->options.replay = optarg;
		break;
	case 'd':
		tool->options.track_dirty = true;
		break;
	case 'g':
		tool->options.give_up = number("--give-up", optarg, 0, 1000000);
		break;
	case 't':
		tool->how.timeout = number("--timeout", optarg, 0, 1000000);
		break;
	case 'o':
		tool->options.on_lost = options_on_lost(optarg);
		break;
	case 'e':
		tool->on_exit = options_on_exit(optarg);
		break;
	case 'f':
		tool->options.fill_wait = number("--fill-wait", optarg, 0, 1000000);
		break;
	case 'm':
		tool->clients_most = number("--max-clients", optarg, 1, 100000);
		break;
	case 'k':
		tool->options.keep = true;
		break;
	case 'j':
		tool->json = true;
		break;
	case 'l':
		tool->level = options_level(optarg);
		break;
	case 'h':
		help_show();
	case 'V':
		help_version();
	}
}

/* What getopt_long() does not accept: optopt is the option's letter if it is known. */
static void options_wrong(int option, char **argv)
{
	const char *word = argv[optind - 1];

	if (option == ':')
		die("%s needs a value" TRY_HELP, word);
	if (optopt && strchr(word, '='))
		die("\"%s\": this option has no value" TRY_HELP, word);
	die("there is no option \"%s\", or it is the beginning of several" TRY_HELP, word);
}

/*
 * Whether --json is there, wherever. Nothing that is wrong matters yet. In a copy of @argv, as
 * its order changes.
 */
static void options_find_json(struct tool *tool, int argc, char **argv)
{
	char **copy = calloc(argc + 1, sizeof(*copy));
	int option;

	if (!copy)
		return;
	memcpy(copy, argv, argc * sizeof(*copy));
	opterr = 0;
	while ((option = getopt_long(argc, copy, ":", options, NULL)) != -1)
		if (option == 'j')
			tool->json = true;
	free(copy);
}

static void options_check(struct tool *tool)
{
	tool->listening = manager_socket();
	if (!tool->socket && tool->listening < 0)
		die("--socket is missing" TRY_HELP);
	if (tool->socket && tool->listening >= 0)
		die("--socket is not needed: the service manager has passed a socket");
	if (tool->options.keep && !manager_is_there())
		die("--keep: there is no service manager that keeps anything ($NOTIFY_SOCKET is not set)");
	if (!tool->where)
		die("--image is missing" TRY_HELP);
	if (tool->socket && !*tool->socket)
		die("--socket needs a path, not \"\"" TRY_HELP);
	if (!*tool->where)
		die("--image needs a file, a block device or an NBD URI, not \"\"" TRY_HELP);
	if (tool->options.replay && !tool->options.prefetch)
		die("--replay and --no-prefetch exclude each other");
	if (!tool->options.replay && tool->options.prefetch == LAZYMEM_PREFETCH_RECORDED)
		die("--prefetch recorded needs --replay");
	if (tool->options.replay && tool->record &&
	    !strcmp(tool->options.replay, tool->record))
		die("--replay and --record need files of their own");
}

/* "serve" is the only command so far. It may stand anywhere. */
void options_parse(struct tool *tool, int argc, char **argv)
{
	int option;

	options_find_json(tool, argc, argv);
	report_start(tool->json, tool->level);
	optind = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == '?' || option == ':')
			options_wrong(option, argv);
		options_take(tool, option);
	}
	if (optind >= argc)
		die("what to do is missing: lazymem serve --socket PATH --image IMAGE" TRY_HELP);
	if (strcmp(argv[optind], "serve"))
		die("the command is \"serve\", not \"%s\"" TRY_HELP, argv[optind]);
	if (optind + 1 < argc)
		die("unexpected \"%s\"" TRY_HELP, argv[optind + 1]);
	options_check(tool);
	report_start(tool->json, tool->level);
}
