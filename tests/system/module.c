// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unloading the modules is refused while they are in use, and leaves nothing behind: no
 * files, no events, no threads, no counts.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "dmirror.h"
#include "harness.h"
#include "suites.h"
#include "module.h"
#include "probe.h"
#include "region.h"

#define DEBUGFS		"/sys/kernel/debug/hmm_unlocked"
#define EVENTS		"/sys/kernel/tracing/events/hmm_unlocked"
#define KIT_EVENTS	"/sys/kernel/tracing/events/hmmu_mirror"

static void module_refused_while_open(const void *unused)
{
	int probe = probe_open(), dmirror = dmirror_open(3);
	int partition = region_partition(0, 0);

	CHECK_EQ(module_unload(REGION_MODULE), -EAGAIN);
	CHECK_EQ(module_unload(PROBE_MODULE), -EAGAIN);
	CHECK_EQ(module_unload(DMIRROR_MODULE), -EAGAIN);
	CHECK_EQ(module_unload(ENGINE_MODULE), -EAGAIN);
	close(probe);
	close(dmirror);
	close(partition);
	modules_unload();
	modules_load();
}

/* How many tasks have a name that begins with @prefix, except this program. */
static int tasks_named(const char *prefix)
{
	char path[300], name[64];
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	int n = 0;
	FILE *f;

	CHECK(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) &&
		    !strncmp(name, prefix, strlen(prefix)) &&
		    strcmp(name, "hmmu-test\n"))
			n++;
		fclose(f);
	}
	closedir(dir);
	return n;
}

static void make_a_call(void)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct hmmu_probe_run run = probe_range(HMMU_PROBE_UNLOCKED, at, 1,
						WRITE_REQUEST);
	int probe = probe_open();

	CHECK_EQ(probe_run(probe, &run), 0);
	close(probe);
}

static void module_leaves_nothing(const void *unused)
{
	make_a_call();
	CHECK_REL(counter_total(HMM_UNLOCKED_CALLS), >, 0);
	CHECK_EQ(access(EVENTS, F_OK), 0);
	CHECK_EQ(access(KIT_EVENTS, F_OK), 0);

	modules_unload();
	CHECK_EQ(module_references(ENGINE_MODULE), -1);
	CHECK_EQ(access(DEBUGFS, F_OK), -1);
	CHECK_EQ(access(EVENTS, F_OK), -1);
	CHECK_EQ(access(KIT_EVENTS, F_OK), -1);
	CHECK_EQ(access("/dev/" HMMU_PROBE_DEVICE, F_OK), -1);
	CHECK_EQ(access("/dev/hmm_dmirror0", F_OK), -1);
	CHECK_EQ(access(REGION_DEVICE, F_OK), -1);
	CHECK_EQ(tasks_named("hmmu"), 0);

	modules_load();
	for (int i = 0; i < HMM_UNLOCKED_NR_COUNTERS; i++)
		CHECK_EQ(counter_total(i), 0);
	make_a_call();
	CHECK_EQ(counter_total(HMM_UNLOCKED_CALLS), 1);
}

static unsigned int mode_of(const char *path)
{
	struct stat stat;

	CHECK_EQ(lstat(path, &stat), 0);
	CHECK(S_ISCHR(stat.st_mode) && !stat.st_uid && !stat.st_gid);
	return stat.st_mode & 07777;
}

/*
 * The device nodes belong to root, unless the module parameter says otherwise; bad
 * parameters are refused.
 */
static void module_permissions(const void *unused)
{
	char path[32];

	for (int i = 0; i < HMM_DMIRROR_NDEVICES; i++) {
		snprintf(path, sizeof(path), "/dev/hmm_dmirror%d", i);
		CHECK_EQ(mode_of(path), 0600);
	}
	CHECK_EQ(mode_of(REGION_DEVICE), 0600);
	CHECK_EQ(module_unload(DMIRROR_MODULE), 0);
	CHECK_EQ(module_load(DMIRROR_MODULE, "mode=01777"), -EINVAL);
	CHECK_EQ(module_load(DMIRROR_MODULE, "mode=nobody"), -EINVAL);
	CHECK_EQ(module_load(DMIRROR_MODULE, "mode=0666"), 0);
	CHECK_EQ(mode_of("/dev/hmm_dmirror2"), 0666);
	CHECK_EQ(module_unload(DMIRROR_MODULE), 0);
	CHECK_EQ(module_load(DMIRROR_MODULE, ""), 0);
}

void suite_module(void)
{
	add_case(module_permissions, NULL, "module/permissions");
	add_case(module_refused_while_open, NULL, "module/refused-while-open");
	add_case(module_leaves_nothing, NULL, "module/leaves-nothing");
}
