// SPDX-License-Identifier: GPL-2.0-only
/* NBD servers for cases: nbdkit, whose plugins and filters can be slow, fail and lie. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define ARGS	24

/* Its messages go to a file: on standard error they would get into the test's report. */
static void nbdkit_exec(char **args)
{
	int log = open(fixture_path("nbd.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(log, STDERR_FILENO);
	execvp(args[0], args);
	_exit(1);
}

struct nbdkit nbdkit_run(const char *first, ...)
{
	struct nbdkit nbdkit = { .socket = fixture_path("nbd") };
	const char *pid_file = fixture_path("nbd.pid");
	bool tcp = !strcmp(first, "-p");
	char *args[ARGS] = { "nbdkit", "-f", "-P", (char *)pid_file, tcp ? "-i" : "-U",
			     tcp ? "127.0.0.1" : (char *)nbdkit.socket, (char *)first };
	va_list more;

	va_start(more, first);
	for (int i = 7; i < ARGS - 1 && (args[i] = va_arg(more, char *)); i++)
		;
	va_end(more);
	unlink(pid_file);
	unlink(nbdkit.socket);
	snprintf(nbdkit.uri, sizeof(nbdkit.uri), "nbd+unix:///?socket=%s",
		 nbdkit.socket);
	nbdkit.pid = fork();
	if (!nbdkit.pid)
		nbdkit_exec(args);
	/* It writes the file once it listens. */
	while (access(pid_file, F_OK)) {
		if (waitpid(nbdkit.pid, NULL, WNOHANG) == nbdkit.pid)
			skip("no nbdkit, or without this plugin");
		usleep(1000);
	}
	return nbdkit;
}

void nbdkit_kill(const struct nbdkit *nbdkit)
{
	kill(nbdkit->pid, SIGKILL);
	waitpid(nbdkit->pid, NULL, 0);
}

bool nbdkit_ended(const struct nbdkit *nbdkit)
{
	return waitpid(nbdkit->pid, NULL, WNOHANG) == nbdkit->pid;
}
