// SPDX-License-Identifier: GPL-2.0-only
/* A scenario: loading it, and the world that it begins with. */
#include <libgen.h>
#include <stdlib.h>

#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/statements.h"

struct scenario scenario;

/* Entries end where the sanitizer begins. */
static unsigned long *entries;

static void scenario_check(void)
{
	const struct hmm_range *range = &scenario.start.range;
	const struct mmu_interval_notifier *n = &scenario.start.notifier;

	statements_end();
	if (!scenario.subject)
		statement_wrong("no call");
	if (!range->end)
		statement_wrong("no pages");
	if (range->start < n->interval_tree.start ||
	    range->end - 1 > n->interval_tree.last)
		statement_wrong("the pages are not in the interval");
}

static void scenario_set_defaults(void)
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
static bool page_may_be_replaced(const struct page *p)
{
	return p->copied || p->zero || p->kind == DEVICE_OURS ||
	       p->kind == DEVICE_OTHER || p->kind == EXCLUSIVE;
}

static void scenario_collect_deeds(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (page_may_be_replaced(&scenario.start.pages[page]))
			scenario.threads_deeds = INVALIDATES;
	for (unsigned int i = 0; i < scenario.actors; i++)
		for (unsigned int j = 0; j < scenario.actor[i].actions; j++)
			scenario.deeds |= operation_deeds(scenario.actor[i].action[j].operation);
	if (scenario.deeds & REPLACES || scenario.has_memory)
		scenario.threads_deeds = INVALIDATES;
	scenario.deeds |= scenario.threads_deeds;
}

static void scenario_place_entries(void)
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
	statements_begin(path);
	scenario_set_defaults();
	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(scenario.name, sizeof(scenario.name), "%s", basename(copy));
	while (getline(&line, &size, file) >= 0) {
		line[strcspn(line, "#\n")] = '\0';
		statement_read(line);
	}
	free(line);
	fclose(file);
	scenario_check();
	scenario_collect_deeds();
	scenario_place_entries();
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
