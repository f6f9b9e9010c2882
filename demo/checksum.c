// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checksum.h"
#include "fail.h"

static void become_sha256sum(int input, int output)
{
	dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	execlp("sha256sum", "sha256sum", NULL);
	die_errno("cannot run sha256sum");
}

void checksum_begin(struct checksum *sum)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die_errno("pipe");
	sum->pid = fork();
	if (sum->pid < 0)
		die_errno("fork");
	if (!sum->pid)
		become_sha256sum(in[0], out[1]);
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
