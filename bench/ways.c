// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways' names, calls and parameters. The first value of each module parameter is
 * remembered, for parameters_restore().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "ways.h"

#define PARAMETERS	"/sys/module/hmm_unlocked/parameters/"
#define IN_FLIGHT	"faults_in_flight"
#define REMEMBERED	4

/* Parameters that were set: @value before, @now at present. */
static struct {
	const char *name;
	unsigned int value, now;
} before[REMEMBERED];

static const struct {
	const char *name;
	enum hmmu_probe_call call;
	unsigned int in_flight;
} ways[WAYS] = {
	[STOCK] = { "stock", HMMU_PROBE_STOCK },
	[RESTART] = { "restart", HMMU_PROBE_RESTART },
	[MAINLINE] = { "mainline", HMMU_PROBE_MAINLINE },
	[OURS_1] = { "ours-1", HMMU_PROBE_UNLOCKED, 1 },
	[OURS_N] = { "ours-32", HMMU_PROBE_UNLOCKED, SEVERAL },
};

static FILE *parameter_open(const char *name, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	return fopen(path, mode);
}

static void parameter_write(const char *name, unsigned int value)
{
	FILE *f = parameter_open(name, "we");

	if (!f || fprintf(f, "%u\n", value) < 0 || fclose(f))
		die_errno("cannot set the module's %s to %u", name, value);
}

/* Returns the index of @name in @before, or -1 if the module has no such parameter. */
static int parameter_remember(const char *name)
{
	char text[32];
	FILE *f;
	int i;

	for (i = 0; i < REMEMBERED && before[i].name; i++)
		if (!strcmp(before[i].name, name))
			return i;
	f = parameter_open(name, "re");
	if (!f)
		return -1;
	if (i == REMEMBERED || !fgets(text, sizeof(text), f))
		die("cannot tell what the module's %s is", name);
	before[i].value = *text == 'Y' ? 1 : strtoul(text, NULL, 10);
	fclose(f);
	before[i].name = name;
	before[i].now = before[i].value;
	return i;
}

bool parameter_set(const char *name, unsigned int value)
{
	int i = parameter_remember(name);

	if (i < 0)
		return false;
	if (before[i].now != value)
		parameter_write(name, value);
	before[i].now = value;
	return true;
}

void parameters_restore(void)
{
	for (int i = 0; i < REMEMBERED && before[i].name; i++)
		parameter_set(before[i].name, before[i].value);
}

const char *way_name(enum way way)
{
	return ways[way].name;
}

static bool mainline_exists(void)
{
	static enum { UNKNOWN, ABSENT, PRESENT } mainline;
	int probe;

	if (mainline == UNKNOWN) {
		probe = probe_open();
		mainline = probe_has_call(probe, HMMU_PROBE_MAINLINE) ? PRESENT : ABSENT;
		close(probe);
	}
	return mainline == PRESENT;
}

bool way_exists(enum way way)
{
	if (way == MAINLINE)
		return mainline_exists();
	return way != OURS_N || !access(PARAMETERS IN_FLIGHT, W_OK);
}

/* A module without the parameter has one fault in flight, which is OURS_1. */
enum hmmu_probe_call way_take(enum way way)
{
	if (ways[way].in_flight &&
	    !parameter_set(IN_FLIGHT, ways[way].in_flight) && way == OURS_N)
		die("this module has one fault in flight at a time");
	return ways[way].call;
}
