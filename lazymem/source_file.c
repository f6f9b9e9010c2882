// SPDX-License-Identifier: GPL-2.0-only
/*
 * A source that is a local file or block device, read through io_uring.
 *
 * Content that is in the page cache does not go through the ring. It is left there, and
 * fetched when it is put in place, by the thread that does so, into its bounce buffer
 * (bounce.h): that is in the processor's cache, and is still when the kernel copies it to
 * the client.
 *
 * For a file in memory (tmpfs, memfd) there are two ways to fetch: read(), and sendfile() to
 * the bounce buffer's file. Real processors copy to user space at least as fast as from file
 * to file; emulated ones do not: 2.5 us a page by sendfile(), 8.5 us by read() (QEMU's TCG,
 * 6.12). So each thread tries both for large reads and keeps the faster (tried.h).
 *
 * Holes are found by lseek() and not read.
 *
 * The size is the one at the time of opening. If the file has become shorter since, reads
 * behind its new end get -ENODATA. What was added to it is not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "clock.h"
#include "image.h"
#include "source.h"
#include "tried.h"

/* Shorter reads take too little time to tell the two ways apart. */
#define TRY_BYTES	(64UL << 10)

/**
 * struct file - a file or block device
 * @source: what all kinds have
 * @ring: valid while @fd is
 * @fd: the source's own; -1: SOURCE_GONE
 * @at_once: flags for preadv2() that make it fail instead of waiting for the disk; 0 for a
 *	     file in memory, which never waits for one
 * @data: from here to @data_end the file is known to have no holes
 * @data_end: see @data
 * @in_flight: reads in the ring; ->fetch() is not counted
 */
struct file {
	struct source source;
	struct io_uring ring;
	int fd;
	int at_once;
	off_t data, data_end;
	unsigned int in_flight;
};

/* A read in the ring, which may be answered in parts: @got bytes of @read are there. */
struct part {
	struct source_read *read;
	size_t got;
};

static struct file *source_file_of(struct source *source)
{
	return (struct file *)source;
}

/* The size is lseek()'s, since stat() has none for a block device. */
static bool source_file_image_open(struct lazymem_image *image, char *why)
{
	off_t size = -1;

	/* O_NONBLOCK: opening a FIFO would wait for its writer. */
	image->fd = open(image->where, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (image->fd < 0)
		snprintf(why, LAZYMEM_WHY, "cannot open: %s", strerror(errno));
	else if (fstat(image->fd, &image->stat) ||
		 (!S_ISREG(image->stat.st_mode) && !S_ISBLK(image->stat.st_mode)))
		snprintf(why, LAZYMEM_WHY, "not a file or block device");
	else if ((size = lseek(image->fd, 0, SEEK_END)) < 0)
		snprintf(why, LAZYMEM_WHY, "its size cannot be told: %s", strerror(errno));
	image->whole = size;
	return size >= 0;
}

/* The device file of a block device may be made anew. */
static bool source_file_is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode))
		return S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A write changes the time of the last change, if to less than the size. */
static bool source_file_is_written(const struct lazymem_image *image)
{
	struct stat now;

	return S_ISREG(image->stat.st_mode) && !fstat(image->fd, &now) &&
	       (now.st_mtim.tv_sec != image->stat.st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != image->stat.st_mtim.tv_nsec);
}

/* What its name leads to now. NULL: to it, or that cannot be told. */
static const char *source_file_renamed(const struct lazymem_image *image)
{
	struct stat now;

	if (stat(image->where, &now))
		return errno == ENOENT ? "the image was removed" : NULL;
	return source_file_is_same(&image->stat, &now) ? NULL :
	       "another image has this name now";
}

/* lseek() moves a position that nothing uses. */
static void source_file_image_differs(const struct lazymem_image *image, char *why)
{
	const char *renamed = source_file_renamed(image);
	uint64_t size = lseek(image->fd, 0, SEEK_END);
	int n = 0;

	if (renamed)
		n = snprintf(why, LAZYMEM_WHY, "%s: what was opened is served on; ", renamed);
	if (size != image->whole)
		n += snprintf(why + n, LAZYMEM_WHY - n, "the image has %" PRIu64 " bytes, not %" PRIu64 " as when it was opened: %s; ",
			      size, image->whole, size < image->whole ?
			      "what is gone cannot be read" : "what was added is not served");
	else if (source_file_is_written(image))
		n += snprintf(why + n, LAZYMEM_WHY - n, "the image was written to since it was opened: what is served may be mixed; ");
	if (n)
		why[n - 2] = '\0';
}

static void source_file_image_close(struct lazymem_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
}

static struct source *source_file_new(void)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->fd = -1;
	return &file->source;
}

/* tmpfs refuses RWF_NOWAIT, and does not need it. */
static int source_file_flags(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		return 0;
	return RWF_NOWAIT;
}

/*
 * A file for which as much is allocated as it has bytes has no holes, or hardly any: then no
 * read has to look for them. Returns 0 otherwise.
 */
static off_t source_file_dense_end(const struct lazymem_image *image)
{
	return (uint64_t)image->stat.st_blocks * 512 >= image->whole ? image->whole : 0;
}

/* Opening failed: keep the reason. */
static void source_file_failed(struct file *file, const char *what, int error)
{
	snprintf(file->source.why, sizeof(file->source.why), "%s: %s", what,
		 strerror(error));
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static void source_file_no_ring(struct file *file, int error)
{
	source_file_failed(file, error == EPERM || error == ENOSYS ?
			   "io_uring is not allowed here (sysctl kernel.io_uring_disabled, or a container's filter)" :
			   "cannot set up io_uring", error);
}

/*
 * The same file once more, for a position and a readahead of its own. Where that is not
 * possible (no /proc, no right any more, a server that has lost it), the image's are shared.
 * -1: out of descriptors.
 */
static int source_file_reopen(const struct lazymem_image *image)
{
	char path[32];
	struct stat stat;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", image->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && !fstat(fd, &stat) && source_file_is_same(&image->stat, &stat))
		return fd;
	if (fd >= 0)
		close(fd);
	return fcntl(image->fd, F_DUPFD_CLOEXEC, 0);
}

static void source_file_open(struct source *source)
{
	struct file *file = source_file_of(source);
	int ret;

	file->fd = source_file_reopen(source->image);
	if (file->fd < 0) {
		source_file_failed(file, "cannot open the image for a client", errno);
		return;
	}
	file->data = 0;
	file->data_end = source_file_dense_end(source->image);
	file->at_once = source_file_flags(file->fd);
	ret = io_uring_queue_init(SOURCE_READS, &file->ring, 0);
	if (ret < 0)
		source_file_no_ring(file, -ret);
}

static enum source_state source_file_state(struct source *source)
{
	return source_file_of(source)->fd < 0 ? SOURCE_GONE : SOURCE_READY;
}

/* Ask for what is left of a read. */
static void source_file_submit(struct file *file, struct part *part)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&file->ring);
	struct source_read *read = part->read;

	io_uring_prep_read(sqe, file->fd, (char *)read->buffer + part->got,
			   read->length - part->got, read->offset + part->got);
	io_uring_sqe_set_data(sqe, part);
	file->in_flight++;
	/* If the kernel has no room now, the next submit or ->run() passes it on. */
	io_uring_submit(&file->ring);
}

/* Behind the end of a truncated file lseek() finds no data, but that is no hole. */
static uint64_t source_file_end_now(const struct file *file)
{
	struct stat stat;

	return fstat(file->fd, &stat) ? 0 : stat.st_size;
}

/*
 * A block device has no holes to find. Looking for the end of data may take the file system
 * long, so that is done for patient reads only, and remembered.
 */
static void source_file_find_hole(struct file *file, struct source_read *read)
{
	off_t from = read->offset, end = read->offset + read->length, data;

	if (from >= file->data && end <= file->data_end)
		return;
	data = lseek(file->fd, from, SEEK_DATA);
	if (data < 0 && errno == ENXIO && source_file_end_now(file) >= (uint64_t)end)
		data = end;
	if (data > from) {
		source_found(read, data - from, true);
	} else if (data == from && read->patient) {
		file->data = from;
		file->data_end = lseek(file->fd, from, SEEK_HOLE);
		if (file->data_end > from)
			source_found(read, file->data_end - from, false);
	}
}

/* sendfile() would wait for the disk, so only for files in memory. */
static bool source_file_can_send(const struct file *file, const struct bounce *to,
				 size_t length)
{
	return !file->at_once && to->file >= 0 && length >= TRY_BYTES;
}

static ssize_t source_file_send(const struct bounce *to, const struct file *file,
				const struct source_read *read)
{
	off_t from = read->offset;

	if (lseek(to->file, 0, SEEK_SET) < 0)
		return -1;
	return sendfile(to->file, file->fd, &from, read->length);
}

static ssize_t source_file_read_now(const struct bounce *to, const struct file *file,
				    const struct source_read *read)
{
	struct iovec iov = { to->at, read->length };

	return preadv2(file->fd, &iov, 1, read->offset, file->at_once);
}

/* By any thread: it uses nothing of the file that changes between open and close. */
static bool source_file_fetch(struct source *source, const struct source_read *read,
			      struct bounce *to)
{
	const struct file *file = source_file_of(source);
	bool choice = source_file_can_send(file, to, read->length);
	bool send = choice && tried_use_second(&to->send), all;
	uint64_t began = clock_ns();
	ssize_t got;

	got = send ? source_file_send(to, file, read) :
		     source_file_read_now(to, file, read);
	all = got == (ssize_t)read->length;
	if (choice)
		tried_note(&to->send, send, all ? read->length : 0, clock_ns() - began);
	return all;
}

/*
 * A guess from the last byte: if that is in the page cache, so is the rest. For patient
 * reads only, since it makes the kernel read ahead from that byte. Where a fault waits, the
 * fetch itself finds out.
 */
static bool source_file_is_cached(const struct file *file, const struct source_read *read)
{
	char last;
	struct iovec to = { &last, 1 };

	return !file->at_once ||
	       preadv2(file->fd, &to, 1, read->offset + read->length - 1,
		       file->at_once) == 1;
}

/* Without @part the read fails, and the slot tries it again later. */
static void source_file_read(struct source *source, struct source_read *read)
{
	struct file *file = source_file_of(source);
	struct part *part;

	source_file_find_hole(file, read);
	read->late = read->late && !read->hole &&
		     (!read->patient || source_file_is_cached(file, read));
	if (read->hole || read->late) {
		read->done(read, 0);
		return;
	}
	part = calloc(1, sizeof(*part));
	if (!part) {
		read->done(read, -ENOMEM);
		return;
	}
	part->read = read;
	source_file_submit(file, part);
}

static void source_file_finish(struct part *part, int error)
{
	struct source_read *read = part->read;

	free(part);
	read->done(read, error);
}

/* -EINTR, -EAGAIN: ask again. 0 bytes: the end of the file. */
static void source_file_completed(struct file *file, struct part *part, int ret)
{
	file->in_flight--;
	if (ret == -EINTR || ret == -EAGAIN) {
		source_file_submit(file, part);
	} else if (ret < 0) {
		source_file_finish(part, ret);
	} else if (!ret) {
		source_file_finish(part, -ENODATA);
	} else {
		part->got += ret;
		if (part->got < part->read->length)
			source_file_submit(file, part);
		else
			source_file_finish(part, 0);
	}
}

/* The ring is readable when a read is completed. */
static void source_file_poll(struct source *source, struct pollfd *fd)
{
	struct file *file = source_file_of(source);

	*fd = (struct pollfd) {
		.fd = file->in_flight ? file->ring.ring_fd : -1,
		.events = POLLIN,
	};
}

static void source_file_run(struct source *source, short revents)
{
	struct file *file = source_file_of(source);
	struct io_uring_cqe *cqe;

	(void)revents;
	if (file->fd < 0)
		return;
	io_uring_submit(&file->ring);
	while (!io_uring_peek_cqe(&file->ring, &cqe)) {
		struct part *part = io_uring_cqe_get_data(cqe);
		int ret = cqe->res;

		io_uring_cqe_seen(&file->ring, cqe);
		source_file_completed(file, part, ret);
	}
}

/*
 * Wait for the reads in flight: until they end the kernel may write to their buffers. Reads
 * of files do end.
 */
static void source_file_close(struct source *source)
{
	struct file *file = source_file_of(source);
	struct io_uring_cqe *cqe;

	if (file->fd < 0)
		return;
	while (file->in_flight) {
		io_uring_submit(&file->ring);
		if (io_uring_wait_cqe(&file->ring, &cqe))
			continue;
		free(io_uring_cqe_get_data(cqe));
		io_uring_cqe_seen(&file->ring, cqe);
		file->in_flight--;
	}
	io_uring_queue_exit(&file->ring);
	close(file->fd);
	file->fd = -1;
}

static void source_file_free(struct source *source)
{
	free(source_file_of(source));
}

const struct source_ops source_file = {
	.image_open = source_file_image_open,
	.image_differs = source_file_image_differs,
	.image_close = source_file_image_close,
	.new = source_file_new,
	.open = source_file_open,
	.state = source_file_state,
	.read = source_file_read,
	.fetch = source_file_fetch,
	.poll = source_file_poll,
	.run = source_file_run,
	.close = source_file_close,
	.free = source_file_free,
};
