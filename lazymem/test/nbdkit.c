// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define ARGS	24

struct nbdkit nbdkit_run(const char *first, ...)
{
	struct nbdkit nbdkit = { .socket = path_of("nbd") };
	const char *pid_file = path_of("nbd.pid");
	char *args[ARGS] = { "nbdkit", "-f", "-P", (char *)pid_file, "-U",
			     (char *)nbdkit.socket, (char *)first };
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
	if (!nbdkit.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(args[0], args);
		_exit(1);
	}
	/* It writes the file once it listens. */
	while (access(pid_file, F_OK)) {
		if (waitpid(nbdkit.pid, NULL, WNOHANG) == nbdkit.pid)
			skip("no nbdkit, or without this plugin");
		usleep(1000);
	}
	return nbdkit;
}
