// SPDX-License-Identifier: GPL-2.0-only
/*
 * What holds for the whole run: where the server's program is, and a folder for files, which
 * is removed at the end.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "fixture.h"

bool fixture_in_guest;
char fixture_program[4096];
static char fixture_folder[] = "/tmp/lazymem-test-XXXXXX";

/* This program's own path, with the other name at its end. */
void fixture_start(void)
{
	ssize_t length = readlink("/proc/self/exe", fixture_program, sizeof(fixture_program) - 16);

	if (length < 0 || !mkdtemp(fixture_folder))
		die_errno("%s", fixture_folder);
	fixture_program[length] = '\0';
	strcpy(strrchr(fixture_program, '/') + 1, "lazymem");
	if (access(fixture_program, X_OK))
		die_errno("%s", fixture_program);
}

void fixture_stop(void)
{
	char command[sizeof(fixture_folder) + 16];

	snprintf(command, sizeof(command), "rm -r %s", fixture_folder);
	if (system(command))
		die("cannot remove %s", fixture_folder);
}

/* A case is a process of its own, so the pid makes the path its own. Never freed. */
const char *fixture_path(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%d-%s", fixture_folder, getpid(), name) < 0)
		die("out of memory");
	return path;
}
