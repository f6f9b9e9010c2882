// SPDX-License-Identifier: GPL-2.0-only
/* Reads /dev/kmsg. */
#include <fcntl.h>
#include <unistd.h>

#include "harness.h"
#include "log.h"

int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	CHECK_REL(fd, >=, 0);
	CHECK_REL(lseek(fd, 0, SEEK_END), >=, 0);
	return fd;
}
