// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls that put pages into the client's memory; see place.h. */
#include <errno.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "place.h"
#include "uffd.h"

/*
 * One ioctl() for @length bytes. Returns 0 or -errno; @moved: bytes done before it failed, or
 * -errno again.
 */
typedef int place_call(int uffd, uint64_t to, const void *from, uint64_t length,
		       int64_t *moved);

static int place_copy_mode(int uffd, uint64_t to, const void *from, uint64_t length,
			   uint64_t mode, int64_t *moved)
{
	struct uffdio_copy copy = {
		.dst = to,
		.src = (uintptr_t)from,
		.len = length,
		.mode = mode,
	};
	int ret = ioctl(uffd, UFFDIO_COPY, &copy);

	*moved = copy.copy;
	return ret ? -errno : 0;
}

static int place_call_copy(int uffd, uint64_t to, const void *from, uint64_t length,
			   int64_t *moved)
{
	return place_copy_mode(uffd, to, from, length, 0, moved);
}

static int place_call_protected(int uffd, uint64_t to, const void *from, uint64_t length,
				int64_t *moved)
{
	return place_copy_mode(uffd, to, from, length, UFFDIO_COPY_MODE_WP, moved);
}

static int place_call_zero(int uffd, uint64_t to, const void *from, uint64_t length,
			   int64_t *moved)
{
	struct uffdio_zeropage zero = { .range = { to, length } };
	int ret = ioctl(uffd, UFFDIO_ZEROPAGE, &zero);

	(void)from;
	*moved = zero.zeropage;
	return ret ? -errno : 0;
}

static int place_call_poison(int uffd, uint64_t to, const void *from, uint64_t length,
			     int64_t *moved)
{
	struct uffdio_poison poison = { .range = { to, length } };
	int ret = ioctl(uffd, UFFDIO_POISON, &poison);

	(void)from;
	*moved = poison.updated;
	return ret ? -errno : 0;
}

static int place_call_continue(int uffd, uint64_t to, const void *from, uint64_t length,
			       int64_t *moved)
{
	struct uffdio_continue cont = { .range = { to, length } };
	int ret = ioctl(uffd, UFFDIO_CONTINUE, &cont);

	(void)from;
	*moved = cont.mapped;
	return ret ? -errno : 0;
}

/*
 * Call until all pages are settled or an error stays.
 *
 * -ENOENT: nothing is mapped there, or part of it is unmapped, or the pages lie in two
 * mappings. One page at a time tells these apart: a page that gets -ENOENT by itself is not
 * mapped. -EEXIST: the page is there, but a fault may have been read before it was put
 * there, so it is woken; see place.h for copies of huge pages.
 */
static uint64_t place_pages(place_call *call, int uffd, uint64_t to, const char *from,
			    uint64_t count, size_t size, int *error)
{
	uint64_t done = 0, step = count;

	while (done < count) {
		uint64_t at = to + done * size;
		int64_t moved = 0;
		int ret;

		if (step > count - done)
			step = count - done;
		ret = call(uffd, at, from ? from + done * size : NULL, step * size,
			   &moved);
		if (!ret) {
			done += step;
		} else if (ret == -EAGAIN && moved > 0) {
			done += moved / size;
		} else if (ret == -EEXIST && !(size > PAGE_LEAST && from)) {
			uffd_wake(uffd, (void *)at, size);
			done++;
		} else if (ret == -ENOENT && step > 1) {
			step = 1;
		} else if (ret == -ENOENT) {
			done++;
		} else {
			*error = ret == -ENOSPC ? -ENOMEM : ret;
			break;
		}
	}
	return done;
}

uint64_t place_copy(int uffd, uint64_t to, const void *from, uint64_t count, size_t size,
		    int *error)
{
	return place_pages(place_call_copy, uffd, to, from, count, size, error);
}

uint64_t place_copy_protected(int uffd, uint64_t to, const void *from, uint64_t count,
			      size_t size, int *error)
{
	return place_pages(place_call_protected, uffd, to, from, count, size, error);
}

uint64_t place_zero(int uffd, uint64_t to, uint64_t count, size_t size, int *error)
{
	return place_pages(place_call_zero, uffd, to, NULL, count, size, error);
}

uint64_t place_poison(int uffd, uint64_t to, uint64_t count, size_t size, int *error)
{
	return place_pages(place_call_poison, uffd, to, NULL, count, size, error);
}

uint64_t place_continue(int uffd, uint64_t to, size_t size, int *error)
{
	return place_pages(place_call_continue, uffd, to, NULL, 1, size, error);
}

/* A copy from address 0, which fails: how, tells about the memory. */
static int place_try(int uffd, uint64_t address, size_t size)
{
	int64_t moved;

	return place_call_copy(uffd, address, NULL, size, &moved);
}

/*
 * -EINVAL: no page has this size. -ENOENT, -EAGAIN, -ESRCH: nothing was looked at. Any other
 * error comes later than the look at the size.
 */
static bool place_size_fits(int uffd, uint64_t address, size_t size)
{
	int ret = place_try(uffd, address & ~(size - 1), size);

	return ret != -EINVAL && ret != -ENOENT && ret != -EAGAIN && ret != -ESRCH;
}

size_t place_page_size(int uffd, uint64_t address)
{
	if (place_try(uffd, address, PAGE_LEAST) != -EINVAL)
		return place_size_fits(uffd, address, PAGE_LEAST) ? PAGE_LEAST : 0;
	return place_size_fits(uffd, address, PAGE_MOST) ? PAGE_MOST : 0;
}

/*
 * A copy from address 0, which fails in any case. The kernel looks first whether the client
 * exists and is changing its address space, and says so.
 */
int place_probe(int uffd, uint64_t address, size_t size)
{
	int ret = place_try(uffd, address, size);

	return ret == -EAGAIN || ret == -ESRCH ? ret : 0;
}
