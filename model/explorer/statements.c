// SPDX-License-Identifier: GPL-2.0-only
/* Reading scenario files: one statement a line, words apart by spaces. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

#include "explorer/scenario.h"
#include "explorer/statements.h"

#define MAX_WORDS	24

static const char *file_name;
static unsigned int line_number;

void statements_begin(const char *file)
{
	file_name = file;
	line_number = 0;
}

void statements_end(void)
{
	line_number = 0;
}

void statement_wrong(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", file_name, line_number);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static unsigned long word_number(const char *word, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(word ?: "", &end, 10);

	if (!word || !isdigit(*word) || *end || n > most)
		statement_wrong("'%s' is not a number from 0 to %lu", word ?: "", most);
	return n;
}

/* "4" or "4-7". */
static void word_pages(const char *word, unsigned int *first, unsigned int *last)
{
	char from[8] = "";
	const char *dash = strchr(word ?: "", '-');

	if (dash && dash - word < (long)sizeof(from)) {
		memcpy(from, word, dash - word);
		*first = word_number(from, MAX_PAGES - 1);
		*last = word_number(dash + 1, MAX_PAGES - 1);
	} else {
		*first = *last = word_number(word, MAX_PAGES - 1);
	}
	if (*first > *last)
		statement_wrong("pages '%s' end before they begin", word);
}

struct word {
	const char *name;
	unsigned long value;
};

static unsigned long word_meaning(const char *word, const struct word *words,
				  const char *of)
{
	for (; words->name; words++)
		if (word && !strcmp(word, words->name))
			return words->value;
	statement_wrong("'%s' is not %s", word ?: "", of);
}

static u32 area_flags(char **words)
{
	static const struct word flags[] = {
		{ "none", AREA_MAPPED },
		{ "r", VM_READ },
		{ "rw", VM_READ | VM_WRITE },
		{ "shared", VM_SHARED },
		{ "missing", VM_UFFD_MISSING },
		{ "wp", VM_UFFD_WP },
		{ "thp", VM_HUGEPAGE },
		{ "hugetlb", VM_HUGETLB },
		{ "io", VM_IO },
		{ "pfnmap", VM_PFNMAP },
		{}
	};
	u32 area = AREA_MAPPED;

	if (!*words)
		statement_wrong("what kind of area?");
	for (; *words; words++)
		area |= word_meaning(*words, flags, "a property of an area");
	return area;
}

static void set_call(char **words)
{
	if (scenario.subject)
		statement_wrong("a second call");
	for (int i = 0; subjects[i]; i++)
		if (words[0] && !strcmp(words[0], subjects[i]->name)) {
			scenario.subject = subjects[i];
			return;
		}
	statement_wrong("there is no subject '%s'", words[0] ?: "");
}

static void set_limit(char **words)
{
	scenario.timeout = word_number(words[0], 1000);
	scenario.timed = true;
}

static void set_pages(char **words)
{
	unsigned int first, last;

	word_pages(words[0], &first, &last);
	scenario.start.range.start = first * PAGE_SIZE;
	scenario.start.range.end = (last + 1) * PAGE_SIZE;
}

static void set_interval(char **words)
{
	unsigned int first, last;

	word_pages(words[0], &first, &last);
	scenario.start.notifier.interval_tree.start = first * PAGE_SIZE;
	scenario.start.notifier.interval_tree.last = (last + 1) * PAGE_SIZE - 1;
}

/* For all pages by default_flags, for some by their entries. */
static void set_ask(char **words)
{
	static const struct word requests[] = {
		{ "nothing", 0 },
		{ "read", HMM_PFN_REQ_FAULT },
		{ "write", HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE },
		{ "only-write", HMM_PFN_REQ_WRITE },
		{}
	};
	unsigned long request = word_meaning(words[0], requests, "a request");
	unsigned int first, last;

	if (!words[1]) {
		scenario.start.range.default_flags = request;
		return;
	}
	word_pages(words[1], &first, &last);
	for (unsigned int page = first; page <= last; page++)
		scenario.request[page] = request;
	if (!scenario.start.range.pfn_flags_mask)
		scenario.start.range.pfn_flags_mask =
			HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE;
}

/* What of the requests in the entries counts; both bits if it is not said. */
static void set_mask(char **words)
{
	static const struct word masks[] = {
		{ "read", HMM_PFN_REQ_FAULT }, { "write", HMM_PFN_REQ_WRITE }, {}
	};

	scenario.start.range.pfn_flags_mask = word_meaning(words[0], masks, "a mask");
}

static void set_needed(char **words)
{
	unsigned int last;

	scenario.best_effort = true;
	if (!strcmp(words[0], "nothing"))
		return;
	word_pages(words[0], &scenario.needed_first, &last);
	scenario.needed_end = last + 1;
}

static void set_area(char **words)
{
	unsigned int first, last;
	u32 area;

	word_pages(words[0], &first, &last);
	area = area_flags(words + 1);
	for (unsigned int page = first; page <= last; page++)
		scenario.start.pages[page].area = area;
}

/* A page that is there gets a frame; what it may do follows from its area. */
static void set_state_of(struct page *p, unsigned int page, const char *word)
{
	static const struct word kinds[] = {
		{ "absent", ABSENT }, { "uncached", ABSENT },
		{ "present", PRESENT }, { "readonly", PRESENT },
		{ "copied", PRESENT }, { "zero", PRESENT },
		{ "huge", PRESENT }, { "guarded", PRESENT },
		{ "swapped", SWAPPED }, { "slow", SWAPPED },
		{ "poisoned", POISONED }, { "special", SPECIAL },
		{ "ours", DEVICE_OURS }, { "foreign", DEVICE_OTHER },
		{ "foreign-huge", DEVICE_OTHER },
		{ "coherent", PRESENT }, { "alone", EXCLUSIVE },
		{}
	};

	p->kind = word_meaning(word, kinds, "a state of a page");
	p->slow = !strcmp(word, "slow") || !strcmp(word, "uncached");
	p->huge = !strcmp(word, "huge") || !strcmp(word, "foreign-huge");
	p->zero = !strcmp(word, "zero");
	p->copied = !strcmp(word, "copied");
	p->guarded = !strcmp(word, "guarded");
	p->generation = p->kind != ABSENT;
	p->frame = p->generation << 8 | (page + 1);
	if (p->kind == DEVICE_OURS)
		p->frame = device_frame(page);
	if (!strcmp(word, "coherent"))
		p->frame = coherent_frame(page);
	p->writable = p->area & VM_WRITE &&
		      (!strcmp(word, "present") || !strcmp(word, "huge") ||
		       !strcmp(word, "coherent") || p->kind == EXCLUSIVE ||
		       p->kind == DEVICE_OURS);
}

static void set_state(char **words)
{
	unsigned int first, last;

	word_pages(words[0], &first, &last);
	for (unsigned int page = first; page <= last; page++) {
		if (!scenario.start.pages[page].area)
			statement_wrong("page %u is in no area yet", page);
		set_state_of(&scenario.start.pages[page], page, words[1]);
	}
	if (scenario.start.pages[first].huge &&
	    (first % TABLE_PAGES || (last + 1) % TABLE_PAGES))
		statement_wrong("a huge page begins and ends with a table, each %lu pages",
				TABLE_PAGES);
}

/* Troubles that are not the result of a fault. */
enum { REFUSAL = 1 << 24, NO_THREAD, MAP_SHORT, MAP_FAILS, MEMORY_FULL, COPY_FAILS,
       PINNED };

static void set_trouble(char **words)
{
	static const struct word results[] = {
		{ "oom", VM_FAULT_OOM },
		{ "sigbus", VM_FAULT_SIGBUS },
		{ "sigsegv", VM_FAULT_SIGSEGV },
		{ "hwpoison", VM_FAULT_HWPOISON },
		{ "nopage", VM_FAULT_NOPAGE },
		{ "retry", VM_FAULT_RETRY },
		{ "completed", VM_FAULT_COMPLETED },
		{ "fallback", VM_FAULT_FALLBACK },
		{ "retry+sigbus", VM_FAULT_RETRY | VM_FAULT_SIGBUS },
		{ "retry+fallback", VM_FAULT_RETRY | VM_FAULT_FALLBACK },
		{ "completed+sigbus", VM_FAULT_COMPLETED | VM_FAULT_SIGBUS },
		{ "refusal", REFUSAL },
		{ "no-thread", NO_THREAD },
		{ "map-short", MAP_SHORT },
		{ "map-fails", MAP_FAILS },
		{ "memory-full", MEMORY_FULL },
		{ "copy-fails", COPY_FAILS },
		{ "pinned", PINNED },
		{}
	};
	unsigned long result;

	scenario.start.trouble_left = word_number(words[0], 200);
	for (words++; *words; words++) {
		result = word_meaning(*words, results, "a trouble");
		if (result == REFUSAL)
			scenario.refusals = true;
		else if (result == NO_THREAD)
			scenario.no_thread = true;
		else if (result == MAP_SHORT)
			scenario.map_is_short = true;
		else if (result == MAP_FAILS)
			scenario.map_fails = true;
		else if (result == MEMORY_FULL)
			scenario.memory_is_full = true;
		else if (result == COPY_FAILS)
			scenario.copy_fails = true;
		else if (result == PINNED)
			scenario.pinned = true;
		else if (scenario.troubles < 8)
			scenario.trouble[scenario.troubles++] = result;
		else
			statement_wrong("too many troubles");
	}
}

/* Of N threads that are free a call gets half, hence the default. */
static void set_threads(char **words)
{
	scenario.in_flight = word_number(words[0], MAX_STACKS - 1);
	scenario.threads = words[1] ? word_number(words[1], MAX_STACKS - 1) :
			   min(2 * scenario.in_flight - 1, MAX_STACKS - 1U);
}

static void set_switches(char **words)
{
	scenario.switches = word_number(words[0], 100);
	scenario.start.switches_left = scenario.switches;
}

static void set_actions(char **words)
{
	scenario.start.actions_left = word_number(words[0], 200);
}

static void set_flag(char **words)
{
	static const struct word flags[] = {
		{ "torn", 0 }, { "timed", 1 }, { "nopage-release", 2 },
		{ "reaped", 3 }, { "no-users", 4 }, { "kthread", 5 },
		{ "no-prepare", 6 }, { "short-rounds", 7 },
		{ "twice", 8 }, { "memory", 9 }, { "present-only", 10 },
		{ "home", 11 }, { "mapped", 12 },
		{ "full", 13 }, {}
	};

	switch (word_meaning(words[0], flags, "something that the world can be")) {
	case 0:
		scenario.torn = true;
		break;
	case 1:
		scenario.timed = true;
		break;
	case 2:
		scenario.released_nopage = true;
		break;
	case 3:
		scenario.start.reaped = true;
		break;
	case 4:
		scenario.start.mm.mm_users.counter = 0;
		break;
	case 5:
		scenario.start.stack[SUBJECT].task.flags = PF_KTHREAD;
		break;
	case 6:
		scenario.no_prepare = true;
		break;
	case 7:
		scenario.short_rounds = true;
		break;
	case 8:
		scenario.twice = true;
		break;
	case 9:
		scenario.has_memory = true;
		break;
	case 10:
		scenario.present_only = true;
		break;
	case 11:
		scenario.home = true;
		break;
	case 12:
		scenario.mapped = true;
		break;
	case 13:
		scenario.no_room = true;
		break;
	}
}

static void set_action(struct action *a, char **words, unsigned int n)
{
	static const unsigned int operands[] = {
		[NO_OPERAND] = 0, [ONE_PAGE] = 1, [PAGES] = 1, [PAGES_AREA] = 2,
		[PAGES_TO] = 2, [NUMBER] = 1,
	};

	if (!words[0])
		statement_wrong("an action is missing");
	a->operation = operation_by_name(words[0]);
	if (!a->operation)
		statement_wrong("there is no action '%s'", words[0]);
	if (n - 1 < operands[operation_operand(a->operation)] ||
	    (n - 1 > operands[operation_operand(a->operation)] &&
	     operation_operand(a->operation) != PAGES_AREA))
		statement_wrong("%s takes %u operands, there are %u", words[0],
				operands[operation_operand(a->operation)], n - 1);
	switch (operation_operand(a->operation)) {
	case NO_OPERAND:
		return;
	case NUMBER:
		a->number = word_number(words[1], 1000);
		return;
	case PAGES_AREA:
		a->area = area_flags(words + 2);
		break;
	case PAGES_TO:
		a->number = word_number(words[2], MAX_PAGES - 1);
		break;
	default:
		break;
	}
	word_pages(words[1], &a->first, &a->last);
	if (a->last - a->first + a->number >= MAX_PAGES)
		statement_wrong("there is no page %lu", a->last - a->first + a->number);
	if (operation_operand(a->operation) == ONE_PAGE && a->first != a->last)
		statement_wrong("%s takes one page", words[0]);
}

static unsigned int words_split(char *text, const char *at, char **words,
				unsigned int most)
{
	unsigned int n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, at, &rest); word;
	     word = strtok_r(NULL, at, &rest)) {
		if (n == most)
			statement_wrong("too much in one line");
		words[n++] = word;
	}
	words[n] = NULL;
	return n;
}

/* "NAME: ACTION; ACTION" */
static void set_actor(char *text, bool loops)
{
	char *actions[MAX_ACTIONS + 1], *words[MAX_WORDS + 1];
	char *colon = strchr(text, ':');
	struct actor *actor = &scenario.actor[scenario.actors];

	if (scenario.actors == MAX_ACTORS)
		statement_wrong("more than %d actors", MAX_ACTORS);
	if (!colon || colon == text || colon - text >= (long)sizeof(actor->name))
		statement_wrong("an actor is: NAME: ACTION; ACTION ...");
	*colon = '\0';
	for (unsigned int i = 0; i < scenario.actors; i++)
		if (!strcmp(scenario.actor[i].name, text))
			statement_wrong("a second actor '%s'", text);
	strcpy(actor->name, text);
	actor->loops = loops;
	actor->actions = words_split(colon + 1, ";", actions, MAX_ACTIONS);
	if (!actor->actions)
		statement_wrong("%s has nothing to do", actor->name);
	for (unsigned int i = 0; i < actor->actions; i++) {
		unsigned int n = words_split(actions[i], " \t", words, MAX_WORDS);

		set_action(&actor->action[i], words, n);
	}
	scenario.actors++;
}

static const struct statement {
	const char *name;
	void (*set)(char **words);
	unsigned int least, most;
} statements[] = {
	{ "call", set_call, 1, 1 },
	{ "limit", set_limit, 1, 1 },
	{ "pages", set_pages, 1, 1 },
	{ "interval", set_interval, 1, 1 },
	{ "ask", set_ask, 1, 2 },
	{ "mask", set_mask, 1, 1 },
	{ "needed", set_needed, 1, 1 },
	{ "area", set_area, 2, MAX_WORDS },
	{ "state", set_state, 2, 2 },
	{ "trouble", set_trouble, 2, MAX_WORDS },
	{ "threads", set_threads, 1, 2 },
	{ "switches", set_switches, 1, 1 },
	{ "actions", set_actions, 1, 1 },
	{ "world", set_flag, 1, 1 },
};

void statement_read(char *line)
{
	char *words[MAX_WORDS + 1];
	unsigned int n;

	line_number++;
	line += strspn(line, " \t");
	if (!strncmp(line, "actor ", 6) || !strncmp(line, "loop ", 5)) {
		set_actor(strchr(line, ' ') + 1, *line == 'l');
		return;
	}
	n = words_split(line, " \t", words, MAX_WORDS);
	if (!n)
		return;
	for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
		const struct statement *s = &statements[i];

		if (strcmp(words[0], s->name))
			continue;
		if (n - 1 < s->least || n - 1 > s->most)
			statement_wrong("%u words after '%s'", n - 1, s->name);
		s->set(words + 1);
		return;
	}
	statement_wrong("what is '%s'?", words[0]);
}
