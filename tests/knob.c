// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "knob.h"

void knob_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		FAIL("cannot write %s to %s: %s", text, path, strerror(errno));
	close(fd);
}

void knob_write_number(const char *path, size_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", number);
	knob_write(path, text);
}

size_t knob_read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t number;

	if (!f || fscanf(f, "%zu", &number) != 1)
		FAIL("cannot read %s", path);
	fclose(f);
	return number;
}
