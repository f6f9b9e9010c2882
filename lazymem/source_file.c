// SPDX-License-Identifier: GPL-2.0-only
/*
 * A local file or block device, read through io_uring.
 *
 * What the page cache has is read at once, which is cheaper than to ask the ring: into a
 * buffer that the processor's cache still has when it is copied on to the client. For the
 * same reason what nobody waits for is fetched only when it is put in place, by the thread
 * that does that.
 *
 * Of a file in memory there are two ways to do that: read(), and to have the kernel copy
 * from file to file, the buffer being the other. Processors copy to user space at least as
 * fast, but emulated ones do not: 2.5 us a page from file to file, 8.5 us by read() (QEMU's
 * TCG, 6.12). So large reads try both at first, and keep to the faster.
 *
 * Holes are not read.
 *
 * The size is that of the time of opening. A file that has become shorter gives -ENODATA
 * where it ends now.
 */
#include <errno.h>
#include <fcntl.h>
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
#include "source.h"
#include "tried.h"

/* Large enough to tell. */
#define TRY_BYTES	(64UL << 10)

struct file {
	struct source source;
	struct io_uring ring;
	int fd;
	int at_once;
	struct tried send;	/* the second way is to send */
	int64_t size;
	off_t data, data_end;	/* where there are no holes */
	unsigned int in_flight;
};

/* io_uring may give less than was asked for; @got of @read's bytes are there. */
struct part {
	struct source_read *read;
	size_t got;
};

static struct file *file_of(struct source *source)
{
	return (struct file *)source;
}

static struct source *file_new(const char *where)
{
	struct file *file = calloc(1, sizeof(*file));

	(void)where;
	if (!file)
		return NULL;
	file->fd = -1;
	return &file->source;
}

/* Files in memory do not know the flag, and need none. */
static int flags_at_once(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		return 0;
	return RWF_NOWAIT;
}

static void failed(struct file *file, const char *what, int error)
{
	snprintf(file->source.why, sizeof(file->source.why), "%s: %s", what,
		 strerror(error));
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static void no_ring(struct file *file, int error)
{
	failed(file, error == EPERM || error == ENOSYS ?
	       "io_uring is not allowed here (sysctl kernel.io_uring_disabled, or a container's filter)" :
	       "cannot set up io_uring", error);
}

/* lseek() tells a block device's size too. */
static void file_open(struct source *source)
{
	struct file *file = file_of(source);
	struct stat stat;
	int ret;

	/* To open a FIFO would wait for its writer. */
	file->fd = open(source->where, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0) {
		failed(file, "cannot open", errno);
		return;
	}
	if (fstat(file->fd, &stat) ||
	    (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode))) {
		failed(file, "not a file or block device", EINVAL);
		return;
	}
	file->size = lseek(file->fd, 0, SEEK_END);
	if (file->size < 0) {
		failed(file, "its size cannot be told", errno);
		return;
	}
	file->data = file->data_end = 0;
	file->at_once = flags_at_once(file->fd);
	file->send = (struct tried) {};
	ret = io_uring_queue_init(SOURCE_READS, &file->ring, 0);
	if (ret < 0)
		no_ring(file, -ret);
}

static enum source_state file_state(struct source *source)
{
	return file_of(source)->fd < 0 ? SOURCE_GONE : SOURCE_READY;
}

static int64_t file_size(struct source *source)
{
	return file_of(source)->size;
}

static void submit(struct file *file, struct part *part)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&file->ring);
	struct source_read *read = part->read;

	io_uring_prep_read(sqe, file->fd, (char *)read->buffer + part->got,
			   read->length - part->got, read->offset + part->got);
	io_uring_sqe_set_data(sqe, part);
	file->in_flight++;
	/* What the kernel has no room for now goes with the next one, or with run(). */
	io_uring_submit(&file->ring);
}

/* What a file that was cut has behind its end is no hole. */
static uint64_t end_now(const struct file *file)
{
	struct stat stat;

	return fstat(file->fd, &stat) ? 0 : stat.st_size;
}

/* Block devices have no answer. To look for the end of data may take long: only once. */
static void look_for_hole(struct file *file, struct source_read *read)
{
	off_t from = read->offset, end = read->offset + read->length, data;

	if (from >= file->data && end <= file->data_end)
		return;
	data = lseek(file->fd, from, SEEK_DATA);
	if (data < 0 && errno == ENXIO && end_now(file) >= (uint64_t)end)
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

/* It waits for what is not there. */
static bool can_send(const struct file *file, const struct source_read *read)
{
	return !file->at_once && read->file >= 0 && read->length >= TRY_BYTES;
}

static ssize_t send_at_once(const struct file *file, const struct source_read *read)
{
	off_t from = read->offset;

	if (lseek(read->file, read->at, SEEK_SET) < 0)
		return -1;
	return sendfile(read->file, file->fd, &from, read->length);
}

/* What of it is there. */
static size_t read_now(const struct file *file, const struct source_read *read,
		       bool send)
{
	struct iovec to = { read->buffer, read->length };
	ssize_t got = send ? send_at_once(file, read) :
		      preadv2(file->fd, &to, 1, read->offset, file->at_once);

	return got > 0 ? got : 0;
}

/* What was not read wholly is no measure. */
static void note(struct file *file, const struct source_read *read, bool send,
		 size_t got, uint64_t ns)
{
	if (can_send(file, read))
		tried_note(&file->send, send, got == read->length ? got : 0, ns);
}

static bool choose_send(const struct file *file, const struct source_read *read)
{
	return can_send(file, read) && tried_second(&file->send);
}

/* How much of it is there. The ring does the rest, and tells of errors. */
static size_t read_at_once(struct file *file, const struct source_read *read)
{
	bool send = choose_send(file, read);
	uint64_t began = clock_ns();
	size_t got = read_now(file, read, send);

	note(file, read, send, got, clock_ns() - began);
	return got;
}

/* A guess: what comes last is there if all is. Files in memory are. */
static bool is_cached(const struct file *file, const struct source_read *read)
{
	char last;
	struct iovec to = { &last, 1 };

	return !file->at_once ||
	       preadv2(file->fd, &to, 1, read->offset + read->length - 1,
		       file->at_once) == 1;
}

static bool file_fetch(struct source *source, struct source_read *read)
{
	const struct file *file = file_of(source);
	uint64_t began = clock_ns();
	bool send = read->by && read->file >= 0;
	bool all = read_now(file, read, send) == read->length;

	read->ns = all ? clock_ns() - began : 0;
	return all;
}

static void file_fetched(struct source *source, struct source_read *read)
{
	note(file_of(source), read, read->by, read->ns ? read->length : 0, read->ns);
}

static void file_read(struct source *source, struct source_read *read)
{
	struct file *file = file_of(source);
	struct part *part;
	size_t got = 0;

	look_for_hole(file, read);
	read->late = read->late && !read->hole && is_cached(file, read);
	read->by = read->late && choose_send(file, read);
	if (!read->hole && !read->late)
		got = read_at_once(file, read);
	if (read->hole || read->late || got == read->length) {
		read->done(read, 0);
		return;
	}
	part = calloc(1, sizeof(*part));
	if (!part) {
		read->done(read, -ENOMEM);
		return;
	}
	part->read = read;
	part->got = got;
	submit(file, part);
}

static void finish(struct part *part, int error)
{
	struct source_read *read = part->read;

	free(part);
	read->done(read, error);
}

static void completed(struct file *file, struct part *part, int ret)
{
	file->in_flight--;
	if (ret == -EINTR || ret == -EAGAIN) {
		submit(file, part);
	} else if (ret < 0) {
		finish(part, ret);
	} else if (!ret) {
		finish(part, -ENODATA);
	} else {
		part->got += ret;
		if (part->got < part->read->length)
			submit(file, part);
		else
			finish(part, 0);
	}
}

static void file_poll(struct source *source, struct pollfd *fd)
{
	struct file *file = file_of(source);

	*fd = (struct pollfd) {
		.fd = file->in_flight ? file->ring.ring_fd : -1,
		.events = POLLIN,
	};
}

static void file_run(struct source *source, short revents)
{
	struct file *file = file_of(source);
	struct io_uring_cqe *cqe;

	(void)revents;
	if (file->fd < 0)
		return;
	io_uring_submit(&file->ring);
	while (!io_uring_peek_cqe(&file->ring, &cqe)) {
		struct part *part = io_uring_cqe_get_data(cqe);
		int ret = cqe->res;

		io_uring_cqe_seen(&file->ring, cqe);
		completed(file, part, ret);
	}
}

/* Reads of files end; the kernel writes to the buffers until then. */
static void file_close(struct source *source)
{
	struct file *file = file_of(source);
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

static void file_free(struct source *source)
{
	free(file_of(source));
}

const struct source_ops source_file = {
	.new = file_new,
	.open = file_open,
	.state = file_state,
	.size = file_size,
	.read = file_read,
	.fetch = file_fetch,
	.fetched = file_fetched,
	.poll = file_poll,
	.run = file_run,
	.close = file_close,
	.free = file_free,
};
