// SPDX-License-Identifier: GPL-2.0-only
/* Output that does not wait for its reader; see output.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

/* @left_out: lines that were left out of standard output since one was written */
static struct {
	_Atomic bool failed;
	unsigned int left_out;
	int patience_ms;
} output;

/* Standard output read-only, so that writing it is the error that it was. */
void output_prepare(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

void output_be_patient(void)
{
	output.patience_ms = 1000;
}

bool output_failed(void)
{
	return output.failed;
}

/* Told once, where there may still be a reader. */
static void output_fail(int fd, int error)
{
	char text[128];
	int length;

	if (fd != STDOUT_FILENO || output.failed)
		return;
	output.failed = true;
	length = snprintf(text, sizeof(text), "lazymem: cannot write standard output: %s\n",
			  strerror(error));
	if (write(STDERR_FILENO, text, length) < 0)
		return;
}

/*
 * Room for a line or a piece of a pipe's size, which a write below PIPE_BUF fits in. A file
 * has room always.
 */
static bool output_has_room(int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	return poll(&room, 1, output.patience_ms) > 0;
}

/* Returns whether it was written. */
static bool output_write(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t done;

		if (!output_has_room(fd))
			return false;
		done = write(fd, text, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			if (errno != EAGAIN)
				output_fail(fd, errno);
			return false;
		}
		text += done;
		length -= done;
	}
	return true;
}

/* Where lines are missing, the next one that is written says how many. */
static void output_tell_left_out(int fd)
{
	char line[160];

	if (fd != STDOUT_FILENO || !output.left_out)
		return;
	snprintf(line, sizeof(line), "{\"event\":\"message\",\"level\":\"error\",\"text\":\"%u lines were left out: what reads this output is too slow\"}\n",
		 output.left_out);
	if (output_write(fd, line, strlen(line)))
		output.left_out = 0;
}

void output_line(int fd, const char *line)
{
	char text[4096];
	int length = snprintf(text, sizeof(text), "%s\n", line);

	if (length >= (int)sizeof(text)) {
		length = sizeof(text) - 1;
		text[length - 1] = '\n';
	}
	output_tell_left_out(fd);
	if (!output_write(fd, text, length) && fd == STDOUT_FILENO)
		output.left_out++;
}

void output_text(int fd, const char *text)
{
	output_write(fd, text, strlen(text));
}
