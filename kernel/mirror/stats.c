// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of mirrors, in debugfs:
 *
 *	hmm_unlocked/mirrors		all mirrors since the module was loaded
 *	hmm_unlocked/mirror/NAME-N	one mirror that is registered
 *
 * Text: a name and a number in each line. The first line is the version of the format.
 */
#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../fault/call.h"
#include "mirror.h"

#define MIRROR_STATS_FORMAT	1

/**
 * struct mirror_stats - the counters of one mirror or of several
 * @counters: by enum hmmu_mirror_counter
 * @engine: what the fault engine did for them
 * @in_flight: flights under way: populates, prefetches, snapshots, migrations and
 *	       exclusive accesses
 * @faulting: faults of these that are under way
 * @running: invalidations that are running
 */
struct mirror_stats {
	u64 counters[HMMU_MIRROR_NR_COUNTERS];
	struct hmm_unlocked_counters engine;
	unsigned int in_flight;
	unsigned int faulting;
	unsigned int running;
};

/* Protects the three below. Taken before any mirror lock. */
static DEFINE_MUTEX(mirrors_lock);
static LIST_HEAD(mirrors_list);
static struct mirror_stats mirror_stats_ended;
static unsigned int mirrors_registered;

static struct dentry *mirror_dir;

#define MIRROR_STATS_NAME(id, name, help) #name,

static const char * const mirror_stats_names[] = {
	HMMU_MIRROR_COUNTERS(MIRROR_STATS_NAME)
};

static void mirror_stats_sum(struct mirror_stats *to, struct hmmu_mirror *mirror)
{
	const struct hmmu_flight *flight;
	unsigned int i;

	spin_lock(&mirror->lock);
	for (i = 0; i < HMMU_MIRROR_NR_COUNTERS; i++)
		to->counters[i] += mirror->state->counters[i];
	hmmu_counters_add(&to->engine, &mirror->state->engine);
	to->running += mirror->state->running_nr + mirror->state->running_more;
	list_for_each_entry(flight, &mirror->state->flights, list) {
		to->in_flight++;
		to->faulting += atomic_read(&flight->faulting);
	}
	spin_unlock(&mirror->lock);
}

static void mirror_stats_show(struct seq_file *m, const struct mirror_stats *stats)
{
	unsigned int i;

	seq_printf(m, "format %d\n", MIRROR_STATS_FORMAT);
	seq_printf(m, "in_flight %u\n", stats->in_flight);
	seq_printf(m, "faults_outstanding %u\n", stats->faulting);
	seq_printf(m, "invalidations_running %u\n", stats->running);
	for (i = 0; i < HMMU_MIRROR_NR_COUNTERS; i++)
		seq_printf(m, "%s %llu\n", mirror_stats_names[i], stats->counters[i]);
	hmmu_counters_show(m, &stats->engine);
}

static int mirror_show(struct seq_file *m, void *unused)
{
	struct mirror_stats stats = {};

	mirror_stats_sum(&stats, m->private);
	mirror_stats_show(m, &stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mirror);

static int mirrors_show(struct seq_file *m, void *unused)
{
	struct hmmu_mirror_state *state;
	struct mirror_stats stats;

	mutex_lock(&mirrors_lock);
	stats = mirror_stats_ended;
	list_for_each_entry(state, &mirrors_list, all)
		mirror_stats_sum(&stats, state->mirror);
	mutex_unlock(&mirrors_lock);
	mirror_stats_show(m, &stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mirrors);

/**
 * hmmu_mirror_stats_add() - add a mirror to the list, and its file to debugfs
 * @mirror: the mirror
 * @name: of its device
 *
 * Return: %0 or %-ENOMEM. A kernel without debugfs is no error.
 */
int hmmu_mirror_stats_add(struct hmmu_mirror *mirror, const char *name)
{
	char *file;

	mutex_lock(&mirrors_lock);
	file = kasprintf(GFP_KERNEL, "%s-%u", name, mirrors_registered);
	if (file) {
		mirrors_registered++;
		list_add_tail(&mirror->state->all, &mirrors_list);
	}
	mutex_unlock(&mirrors_lock);
	if (!file)
		return -ENOMEM;
	mirror->state->debugfs = debugfs_create_file(file, 0444, mirror_dir, mirror,
						     &mirror_fops);
	kfree(file);
	return 0;
}

/**
 * hmmu_mirror_stats_remove() - remove a mirror, and keep its counters in the totals
 * @mirror: nothing is counted for it any more
 */
void hmmu_mirror_stats_remove(struct hmmu_mirror *mirror)
{
	debugfs_remove(mirror->state->debugfs);
	mutex_lock(&mirrors_lock);
	list_del(&mirror->state->all);
	mirror_stats_sum(&mirror_stats_ended, mirror);
	mirror_stats_ended.running = 0;
	mutex_unlock(&mirrors_lock);
}

/**
 * hmmu_mirror_stats_init() - make the files of all mirrors
 * @dir: the module's directory in debugfs
 */
void __init hmmu_mirror_stats_init(struct dentry *dir)
{
	mirror_dir = debugfs_create_dir("mirror", dir);
	debugfs_create_file("mirrors", 0444, dir, NULL, &mirrors_fops);
}
