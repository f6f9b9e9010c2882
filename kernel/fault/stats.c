// SPDX-License-Identifier: GPL-2.0-only
/*
 * Totals of all calls, in <debugfs>/hmm_unlocked/stats.
 *
 * A call counts in its own struct, which is added here once, when the call ends. The
 * totals are per CPU. A reader may see some counters of a call added and others not;
 * each number is read whole.
 */
#include <linux/debugfs.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>

#include "call.h"

#define STATS_FORMAT	1

static DEFINE_PER_CPU(struct hmm_unlocked_counters, totals);
static struct dentry *stats_dir;

enum stats_total { STATS_SUM, STATS_MAX };

#define STATS_ROW(id, name, how, help) { #name, STATS_##how },

static const struct {
	const char *name;
	enum stats_total total;
} stats_rows[] = {
	HMM_UNLOCKED_COUNTERS(STATS_ROW)
};

/**
 * hmmu_counters_add() - add the counters of a call to a total
 * @to: the total so far
 * @from: the counters of the call
 */
void hmmu_counters_add(struct hmm_unlocked_counters *to,
		       const struct hmm_unlocked_counters *from)
{
	unsigned int i;
	u64 n;

	for (i = 0; i < HMM_UNLOCKED_NR_COUNTERS; i++) {
		n = READ_ONCE(from->n[i]);
		if (stats_rows[i].total == STATS_SUM)
			WRITE_ONCE(to->n[i], to->n[i] + n);
		else
			WRITE_ONCE(to->n[i], max(to->n[i], n));
	}
}

/**
 * hmmu_stats_add() - add a call that has ended to the totals
 * @call: the call
 */
void hmmu_stats_add(const struct hmmu_call *call)
{
	hmmu_counters_add(get_cpu_ptr(&totals), &call->counters);
	put_cpu_ptr(&totals);
}

/**
 * hmmu_counters_show() - print counters, one a line
 * @m: the debugfs file
 * @counters: what to print
 */
void hmmu_counters_show(struct seq_file *m,
			const struct hmm_unlocked_counters *counters)
{
	unsigned int i;

	for (i = 0; i < HMM_UNLOCKED_NR_COUNTERS; i++)
		seq_printf(m, "%s %llu\n", stats_rows[i].name, counters->n[i]);
}

static int totals_show(struct seq_file *m, void *unused)
{
	struct hmm_unlocked_counters sum = {};
	int cpu;

	for_each_possible_cpu(cpu)
		hmmu_counters_add(&sum, per_cpu_ptr(&totals, cpu));

	seq_printf(m, "format %d\n", STATS_FORMAT);
	hmmu_counters_show(m, &sum);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(totals);

struct dentry * __init hmmu_stats_init(void)
{
	stats_dir = debugfs_create_dir("hmm_unlocked", NULL);
	debugfs_create_file("stats", 0444, stats_dir, NULL, &totals_fops);
	return stats_dir;
}

void hmmu_stats_exit(void)
{
	debugfs_remove(stats_dir);
}
