// SPDX-License-Identifier: GPL-2.0-only
/* Loads modules by system call, from /modules of the guest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/*
 * Append the parameters that the kernel's command line gives module @name, as modprobe
 * would.
 */
static void add_parameters(const char *name, char *parameters, size_t size)
{
	char line[4096] = "", *word, *rest = line;
	FILE *f = fopen("/proc/cmdline", "re");
	size_t length = strlen(name);

	CHECK(f && fgets(line, sizeof(line), f));
	fclose(f);
	while ((word = strsep(&rest, " \n")))
		if (!strncmp(word, name, length) && word[length] == '.')
			snprintf(parameters + strlen(parameters),
				 size - strlen(parameters), " %s", word + length + 1);
}

int module_load(const char *name, const char *more)
{
	char path[128], parameters[1024];
	int fd, ret;

	snprintf(parameters, sizeof(parameters), "%s", more);
	add_parameters(name, parameters, sizeof(parameters));

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_REL(fd, >=, 0);
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

int module_references(const char *name)
{
	char path[128];
	int n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	CHECK_EQ(fscanf(f, "%d", &n), 1);
	fclose(f);
	return n;
}

void modules_unload(void)
{
	CHECK_EQ(module_unload(TEMPLATE_MODULE), 0);
	CHECK_EQ(module_unload(REGION_MODULE), 0);
	CHECK_EQ(module_unload(DMIRROR_MODULE), 0);
	CHECK_EQ(module_unload(PROBE_MODULE), 0);
	CHECK_EQ(module_unload(ENGINE_MODULE), 0);
}

void modules_load(void)
{
	CHECK_EQ(module_load(ENGINE_MODULE, ""), 0);
	CHECK_EQ(module_load(PROBE_MODULE, ""), 0);
	CHECK_EQ(module_load(DMIRROR_MODULE, ""), 0);
	CHECK_EQ(module_load(REGION_MODULE, ""), 0);
	CHECK_EQ(module_load(TEMPLATE_MODULE, ""), 0);
}

bool kernel_has_function(const char *name)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256];
	bool has = false;

	CHECK(symbols);
	while (!has && fgets(line, sizeof(line), symbols))
		has = sscanf(line, "%*s %*s %255s", symbol) == 1 &&
		      !strcmp(symbol, name);
	fclose(symbols);
	return has;
}
