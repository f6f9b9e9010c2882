// SPDX-License-Identifier: GPL-2.0-only
/* The userfaultfd ioctls, one function each; see uffd.h. server.c has the page server. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uffd.h"

int uffd_open(uint64_t features, int flags)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags);
	int error;

	if (uffd < 0)
		return -errno;
	if (!ioctl(uffd, UFFDIO_API, &api))
		return uffd;
	error = -errno;
	close(uffd);
	return error;
}

int uffd_register(int uffd, void *start, size_t length, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)start, length },
		.mode = mode,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

int uffd_unregister(int uffd, void *start, size_t length)
{
	struct uffdio_range range = { (uintptr_t)start, length };

	return ioctl(uffd, UFFDIO_UNREGISTER, &range) ? -errno : 0;
}

/* A non-blocking read() may find nothing: another thread was faster, or the fault is gone. */
bool uffd_next(int uffd, struct uffd_msg *msg, int timeout_ms)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };

	for (;;) {
		if (poll(&fd, 1, timeout_ms) <= 0)
			return false;
		if (read(uffd, msg, sizeof(*msg)) == sizeof(*msg))
			return true;
		if (errno != EAGAIN)
			return false;
	}
}

/*
 * Copy until all is done or an error stays. -EAGAIN after a part: the rest is tried again.
 * -EAGAIN without one: the process changes its address space, and this waits for it busily.
 * Returns 0 or -errno; @copied: how many bytes of @length were copied.
 */
static int uffd_copy_loop(int uffd, void *to, const void *from, size_t length,
			  size_t *copied)
{
	*copied = 0;
	for (;;) {
		struct uffdio_copy copy = {
			.dst = (uintptr_t)to + *copied,
			.src = (uintptr_t)from + *copied,
			.len = length - *copied,
		};

		if (!ioctl(uffd, UFFDIO_COPY, &copy)) {
			*copied = length;
			return 0;
		}
		if (errno != EAGAIN)
			return -errno;
		if (copy.copy > 0)
			*copied += copy.copy;
	}
}

int uffd_copy(int uffd, void *to, const void *from, size_t length)
{
	size_t copied;

	return uffd_copy_loop(uffd, to, from, length, &copied);
}

size_t uffd_copy_some(int uffd, void *to, const void *from, size_t length)
{
	size_t copied;

	uffd_copy_loop(uffd, to, from, length, &copied);
	return copied;
}

int uffd_zeropage(int uffd, void *start, size_t length)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)start, length } };

	return ioctl(uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

int uffd_continue(int uffd, void *start, size_t length)
{
	struct uffdio_continue cont = { .range = { (uintptr_t)start, length } };

	return ioctl(uffd, UFFDIO_CONTINUE, &cont) ? -errno : 0;
}

int uffd_poison(int uffd, void *start, size_t length)
{
	struct uffdio_poison poison = { .range = { (uintptr_t)start, length } };

	return ioctl(uffd, UFFDIO_POISON, &poison) ? -errno : 0;
}

int uffd_write_protect(int uffd, void *start, size_t length, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)start, length },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(uffd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

int uffd_protect(int uffd, void *start, size_t length, bool on)
{
	struct uffdio_rwprotect rwp = {
		.range = { (uintptr_t)start, length },
		.mode = on ? UFFDIO_RWPROTECT_MODE_RWP : 0,
	};

	return ioctl(uffd, UFFDIO_RWPROTECT, &rwp) ? -errno : 0;
}

int uffd_set_mode(int uffd, uint64_t enable, uint64_t disable)
{
	struct uffdio_set_mode mode = { .enable = enable, .disable = disable };

	return ioctl(uffd, UFFDIO_SET_MODE, &mode) ? -errno : 0;
}

int uffd_wake(int uffd, void *start, size_t length)
{
	struct uffdio_range range = { (uintptr_t)start, length };

	return ioctl(uffd, UFFDIO_WAKE, &range) ? -errno : 0;
}
