// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading scenario files. One statement a line, words apart by spaces; docs/model.md
 * tells what each means.
 */
#include <ctype.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>

#include "contract.h"
#include "scenario.h"

#define MAX_WORDS	24

struct scenario scenario;

static const char *file_name;
static unsigned int line_number;

/* Entries end where the sanitizer begins. */
static unsigned long *entries;

static void __attribute__((noreturn, format(printf, 1, 2)))
wrong(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", file_name, line_number);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static unsigned long number(const char *word, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(word ?: "", &end, 10);

	if (!word || !isdigit(*word) || *end || n > most)
		wrong("'%s' is not a number from 0 to %lu", word ?: "", most);
	return n;
}

/* "4" or "4-7". */
static void pages(const char *word, unsigned int *first, unsigned int *last)
{
	char from[8] = "";
	const char *dash = strchr(word ?: "", '-');

	if (dash && dash - word < (long)sizeof(from)) {
		memcpy(from, word, dash - word);
		*first = number(from, MAX_PAGES - 1);
		*last = number(dash + 1, MAX_PAGES - 1);
	} else {
		*first = *last = number(word, MAX_PAGES - 1);
	}
	if (*first > *last)
		wrong("pages '%s' end before they begin", word);
}

struct word {
	const char *name;
	unsigned long value;
};

static unsigned long meaning(const char *word, const struct word *words,
			     const char *of)
{
	for (; words->name; words++)
		if (word && !strcmp(word, words->name))
			return words->value;
	wrong("'%s' is not %s", word ?: "", of);
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
		wrong("what kind of area?");
	for (; *words; words++)
		area |= meaning(*words, flags, "a property of an area");
	return area;
}

static void set_call(char **words)
{
	if (scenario.subject)
		wrong("a second call");
	for (int i = 0; subjects[i]; i++)
		if (words[0] && !strcmp(words[0], subjects[i]->name)) {
			scenario.subject = subjects[i];
			return;
		}
	wrong("there is no subject '%s'", words[0] ?: "");
}

static void set_limit(char **words)
{
	scenario.timeout = number(words[0], 1000);
	scenario.timed = true;
}

static void set_pages(char **words)
{
	unsigned int first, last;

	pages(words[0], &first, &last);
	scenario.start.range.start = first * PAGE_SIZE;
	scenario.start.range.end = (last + 1) * PAGE_SIZE;
}

static void set_interval(char **words)
{
	unsigned int first, last;

	pages(words[0], &first, &last);
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
	unsigned long request = meaning(words[0], requests, "a request");
	unsigned int first, last;

	if (!words[1]) {
		scenario.start.range.default_flags = request;
		return;
	}
	pages(words[1], &first, &last);
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

	scenario.start.range.pfn_flags_mask = meaning(words[0], masks, "a mask");
}

static void set_needed(char **words)
{
	unsigned int last;

	scenario.best_effort = true;
	if (!strcmp(words[0], "nothing"))
		return;
	pages(words[0], &scenario.needed_first, &last);
	scenario.needed_end = last + 1;
}

static void set_area(char **words)
{
	unsigned int first, last;
	u32 area;

	pages(words[0], &first, &last);
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
		{ "coherent", PRESENT },
		{}
	};

	p->kind = meaning(word, kinds, "a state of a page");
	p->slow = !strcmp(word, "slow") || !strcmp(word, "uncached");
	p->huge = !strcmp(word, "huge");
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
		      (!strcmp(word, "present") || p->huge ||
		       !strcmp(word, "coherent") ||
		       p->kind == DEVICE_OURS);
}

static void set_state(char **words)
{
	unsigned int first, last;

	pages(words[0], &first, &last);
	for (unsigned int page = first; page <= last; page++) {
		if (!scenario.start.pages[page].area)
			wrong("page %u is in no area yet", page);
		set_state_of(&scenario.start.pages[page], page, words[1]);
	}
	if (!strcmp(words[1], "huge") &&
	    (first % TABLE_PAGES || (last + 1) % TABLE_PAGES))
		wrong("a huge page begins and ends with a table, each %lu pages",
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

	scenario.start.trouble_left = number(words[0], 200);
	for (words++; *words; words++) {
		result = meaning(*words, results, "a trouble");
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
			wrong("too many troubles");
	}
}

/* Of N threads that are free a call gets half, hence the default. */
static void set_threads(char **words)
{
	scenario.in_flight = number(words[0], MAX_STACKS - 1);
	scenario.threads = words[1] ? number(words[1], MAX_STACKS - 1) :
			   min(2 * scenario.in_flight - 1, MAX_STACKS - 1U);
}

static void set_switches(char **words)
{
	scenario.switches = number(words[0], 100);
	scenario.start.switches_left = scenario.switches;
}

static void set_actions(char **words)
{
	scenario.start.actions_left = number(words[0], 200);
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

	switch (meaning(words[0], flags, "something that the world can be")) {
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
		wrong("an action is missing");
	a->operation = operation_by_name(words[0]);
	if (!a->operation)
		wrong("there is no action '%s'", words[0]);
	if (n - 1 < operands[operation_operand(a->operation)] ||
	    (n - 1 > operands[operation_operand(a->operation)] &&
	     operation_operand(a->operation) != PAGES_AREA))
		wrong("%s takes %u operands, there are %u", words[0],
		      operands[operation_operand(a->operation)], n - 1);
	switch (operation_operand(a->operation)) {
	case NO_OPERAND:
		return;
	case NUMBER:
		a->number = number(words[1], 1000);
		return;
	case PAGES_AREA:
		a->area = area_flags(words + 2);
		break;
	case PAGES_TO:
		a->number = number(words[2], MAX_PAGES - 1);
		break;
	default:
		break;
	}
	pages(words[1], &a->first, &a->last);
	if (a->last - a->first + a->number >= MAX_PAGES)
		wrong("there is no page %lu", a->last - a->first + a->number);
	if (operation_operand(a->operation) == ONE_PAGE && a->first != a->last)
		wrong("%s takes one page", words[0]);
}

static unsigned int split(char *text, const char *at, char **words,
			  unsigned int most)
{
	unsigned int n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, at, &rest); word;
	     word = strtok_r(NULL, at, &rest)) {
		if (n == most)
			wrong("too much in one line");
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
		wrong("more than %d actors", MAX_ACTORS);
	if (!colon || colon == text || colon - text >= (long)sizeof(actor->name))
		wrong("an actor is: NAME: ACTION; ACTION ...");
	*colon = '\0';
	for (unsigned int i = 0; i < scenario.actors; i++)
		if (!strcmp(scenario.actor[i].name, text))
			wrong("a second actor '%s'", text);
	strcpy(actor->name, text);
	actor->loops = loops;
	actor->actions = split(colon + 1, ";", actions, MAX_ACTIONS);
	if (!actor->actions)
		wrong("%s has nothing to do", actor->name);
	for (unsigned int i = 0; i < actor->actions; i++) {
		unsigned int n = split(actions[i], " \t", words, MAX_WORDS);

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

static void read_statement(char *line)
{
	char *words[MAX_WORDS + 1];
	unsigned int n;

	line += strspn(line, " \t");
	if (!strncmp(line, "actor ", 6) || !strncmp(line, "loop ", 5)) {
		set_actor(strchr(line, ' ') + 1, *line == 'l');
		return;
	}
	n = split(line, " \t", words, MAX_WORDS);
	if (!n)
		return;
	for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
		const struct statement *s = &statements[i];

		if (strcmp(words[0], s->name))
			continue;
		if (n - 1 < s->least || n - 1 > s->most)
			wrong("%u words after '%s'", n - 1, s->name);
		s->set(words + 1);
		return;
	}
	wrong("what is '%s'?", words[0]);
}

static void check(void)
{
	const struct hmm_range *range = &scenario.start.range;
	const struct mmu_interval_notifier *n = &scenario.start.notifier;

	line_number = 0;
	if (!scenario.subject)
		wrong("no call");
	if (!range->end)
		wrong("no pages");
	if (range->start < n->interval_tree.start ||
	    range->end - 1 > n->interval_tree.last)
		wrong("the pages are not in the interval");
}

static void defaults(void)
{
	scenario = (struct scenario){
		.start.mm.mm_users.counter = 1,
		.start.notifier.mm = &world.mm,
		.start.notifier.invalidate_seq = 1,
		.start.notifier.interval_tree.last = MAX_PAGES * PAGE_SIZE - 1,
		.start.range.notifier = &world.notifier,
		.start.range.dev_private_owner = &world.memory,
		.start.invalidations.seq = 2,
		.start.lock.writer = NOBODY,
		.start.stack[SUBJECT].life = LIVES,
		.in_flight = 1,
		.threads = MAX_STACKS - 1,
	};
	/* What stands in an entry before must not matter, requests aside. */
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		scenario.request[page] = 0xabcd;
}

/* A fault of a page that is shared, or on a device, invalidates. */
static bool may_be_replaced(const struct page *p)
{
	return p->copied || p->zero || p->kind == DEVICE_OURS ||
	       p->kind == DEVICE_OTHER;
}

static void collect_deeds(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (may_be_replaced(&scenario.start.pages[page]))
			scenario.threads_deeds = INVALIDATES;
	for (unsigned int i = 0; i < scenario.actors; i++)
		for (unsigned int j = 0; j < scenario.actor[i].actions; j++)
			scenario.deeds |= operation_deeds(scenario.actor[i].action[j].operation);
	if (scenario.deeds & REPLACES || scenario.has_memory)
		scenario.threads_deeds = INVALIDATES;
	scenario.deeds |= scenario.threads_deeds;
}

static void place_entries(void)
{
	struct hmm_range *range = &scenario.start.range;

	free(entries);
	entries = calloc((range->end - range->start) / PAGE_SIZE,
			 sizeof(*entries));
	if (!entries)
		abort();
	range->hmm_pfns = entries;
	if (range->pfn_flags_mask)
		return;
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		scenario.request[page] |= HMM_PFN_VALID | HMM_PFN_WRITE;
}

void scenario_load(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL, copy[256];
	size_t size = 0;

	if (!file) {
		perror(path);
		exit(2);
	}
	file_name = path;
	line_number = 0;
	defaults();
	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(scenario.name, sizeof(scenario.name), "%s", basename(copy));
	while (getline(&line, &size, file) >= 0) {
		line_number++;
		line[strcspn(line, "#\n")] = '\0';
		read_statement(line);
	}
	free(line);
	fclose(file);
	check();
	collect_deeds();
	place_entries();
}

void scenario_begin(void)
{
	world = scenario.start;
	contract_call_begins();
}

extern const struct model_parameter __start_model_parameters[] __attribute__((weak));
extern const struct model_parameter __stop_model_parameters[] __attribute__((weak));

static void set_parameter(const char *name, unsigned int value)
{
	const struct model_parameter *p;

	for (p = __start_model_parameters; p < __stop_model_parameters; p++)
		if (!strcmp(p->name, name))
			*(unsigned int *)p->value = value;
}

void scenario_set_parameters(void)
{
	set_parameter("faults_in_flight", scenario.in_flight);
	set_parameter("fault_threads", scenario.threads);
}

unsigned long scenario_asked(unsigned int page)
{
	const struct hmm_range *range = &world.range;
	unsigned long asked = range->default_flags;

	asked |= scenario.request[page] & range->pfn_flags_mask;
	return asked & HMM_PFN_REQ_FAULT ? asked : 0;
}

bool scenario_is_optional(unsigned int page)
{
	return scenario.best_effort && !(page >= scenario.needed_first &&
					 page < scenario.needed_end);
}
