// SPDX-License-Identifier: GPL-2.0-only
/* Pipes to and from a sha256sum process. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checksum.h"
#include "fail.h"

/* Not by fork(): that would copy the page tables of the memory being restored. */
void checksum_begin(struct checksum *sum)
{
	char *const argv[] = { "sha256sum", NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die_errno("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	errno = posix_spawnp(&sum->pid, argv[0], &actions, NULL, argv, environ);
	if (errno)
		die_errno("cannot run sha256sum");
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	sum->to = in[1];
	sum->from = out[0];
}

void checksum_add(struct checksum *sum, const void *at, size_t bytes)
{
	ssize_t n;

	for (; bytes; bytes -= n, at = (const char *)at + n) {
		n = write(sum->to, at, bytes);
		if (n < 0)
			die_errno("sha256sum does not take its input");
	}
}

void checksum_end(struct checksum *sum, char text[CHECKSUM_SIZE])
{
	size_t got = 0;
	int status;
	ssize_t n;

	close(sum->to);
	while (got < CHECKSUM_SIZE - 1) {
		n = read(sum->from, text + got, CHECKSUM_SIZE - 1 - got);
		if (n <= 0)
			die("sha256sum gave no checksum");
		got += n;
	}
	text[got] = '\0';
	close(sum->from);
	if (waitpid(sum->pid, &status, 0) != sum->pid || status)
		die("sha256sum failed");
}
