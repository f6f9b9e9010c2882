// SPDX-License-Identifier: GPL-2.0-only
/* The module is loaded and unloaded, and its totals in debugfs are what calls counted. */
#include <stdlib.h>
#include <string.h>

#include "explorer/run.h"
#include "explorer/state.h"
#include "explorer/totals.h"
#include "mirror/mirror.h"

enum { SUM, MAX };

#define ROW(id, name, how, help) { #name, how },

static const struct {
	const char *name;
	int how;
} rows[] = {
	HMM_UNLOCKED_COUNTERS(ROW)
};

static struct hmm_unlocked_counters expected;

/* Some calls did not ask for their counters. */
static bool only_calls;

int (*model_debugfs_show)(struct seq_file *m, void *unused);

/* The module's self-test of notifiers that are never inserted: -errno if it fails. */
static int selftest;

int hmmu_flight_selftest(void)
{
	return selftest;
}

/* Counters of mirrors: their file is not part of the model. */
void hmmu_mirror_stats_init(struct dentry *dir)
{
}

void totals_begin(void)
{
	selftest = -EOPNOTSUPP;
	if (model_module_init() != selftest || model_debugfs_show)
		give_up("the module was loaded, though its self-test has failed");
	selftest = 0;
	if (model_module_init() || !model_debugfs_show)
		give_up("the module's init did not make its file");
	state_begins();
}

void totals_expect_call(const struct hmm_unlocked_counters *counters)
{
	if (!counters) {
		expected.n[HMM_UNLOCKED_CALLS]++;
		only_calls = true;
		return;
	}
	for (int i = 0; i < HMM_UNLOCKED_NR_COUNTERS; i++)
		if (rows[i].how == SUM)
			expected.n[i] += counters->n[i];
		else
			expected.n[i] = max(expected.n[i], counters->n[i]);
}

/* Returns false and says why, if the file is wrong. */
static bool totals_check(FILE *shown, char *why, size_t size)
{
	unsigned long long n;
	char name[64];

	snprintf(why, size, "the totals in debugfs do not begin with their format");
	if (fscanf(shown, "format %llu\n", &n) != 1 || n != 1)
		return false;
	for (int i = 0; i < HMM_UNLOCKED_NR_COUNTERS; i++) {
		snprintf(why, size, "the totals in debugfs lack %s", rows[i].name);
		if (fscanf(shown, "%63s %llu\n", name, &n) != 2 ||
		    strcmp(name, rows[i].name))
			return false;
		snprintf(why, size, "the totals in debugfs say %s %llu, it was %llu",
			 name, n, expected.n[i]);
		if (n != expected.n[i] && (i == HMM_UNLOCKED_CALLS || !only_calls))
			return false;
	}
	return true;
}

/* A run that was cut has begun a call and not ended it: that is in no total. */
void totals_end(void)
{
	struct seq_file m;
	char *text = NULL;
	size_t size;

	m.file = open_memstream(&text, &size);
	if (!m.file)
		give_up("no memory");
	model_debugfs_show(&m, NULL);
	fclose(m.file);
	m.file = fmemopen(text, size, "r");
	if (!m.file)
		give_up("no memory");
	if (!totals_check(m.file, outcome->why, sizeof(outcome->why)))
		outcome->verdict = VIOLATED;
	fclose(m.file);
	free(text);
	state_statics_restore();
	model_module_exit();
	if (model_debugfs_show)
		give_up("the module's exit has left its file");
}
