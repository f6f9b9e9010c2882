// SPDX-License-Identifier: GPL-2.0-only
/*
 * State in a memfd; see keep.h. The process that reads it may be another build of lazymem, so
 * the format has a version. The supervisor is trusted with it, but a file that is damaged must
 * not be taken for a client's state: places and numbers are checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "keep.h"
#include "ranges.h"

/* The last byte is the version of the format. */
#define MAGIC		"lazymem\1"
#define HEAD_BYTES	16384ULL
#define CHUNK		4096ULL
#define WHERE_BYTES	4096

/* Which image it was. A file is known by its inode, an NBD export by its URI. */
struct keep_image {
	uint64_t size;
	uint64_t device, inode, rdev;
	int64_t seconds, nanoseconds;
	char where[WHERE_BYTES];
};

/**
 * struct keep_head - the memfd's beginning
 * @magic: MAGIC
 * @image: which image it was
 * @refused: see struct lazymem
 * @child: see struct lazymem
 * @note: the caller's, see lazymem_set_note()
 * @end: the end that the session was at when it began to unregister
 * @table: where the table in force is; 0: the state is not valid
 * @batch: counts the fillings of @inbox
 * @inbox: messages that were read last; the first with event 0 ends them
 */
struct keep_head {
	char magic[8];
	struct keep_image image;
	uint32_t refused, child, end;
	uint64_t note;
	_Atomic uint64_t table;
	_Atomic uint64_t batch;
	struct uffd_msg inbox[KEEP_INBOX];
};

_Static_assert(sizeof(struct keep_head) <= HEAD_BYTES, "the head does not fit");

/* A table: this, and then the arrays. @applied: of the inbox's @batch, what is contained */
struct keep_table {
	uint64_t batch, applied;
	uint64_t nr_pages, nr_ranges, nr_pieces;
};

/* @done, @zero, @dirty: where the bits are; 0 for no @dirty */
struct keep_pages {
	uint64_t start, offset, count, size;
	uint64_t done, zero, dirty;
};

/* @pages: index of its struct keep_pages */
struct keep_range {
	uint64_t start, count, first, pages;
};

struct keep_piece {
	uint64_t pages, index;
	uint32_t from, to;
};

static uint64_t keep_round(uint64_t bytes)
{
	return (bytes + CHUNK - 1) / CHUNK * CHUNK;
}

/* What the sessions read, which is not always what the path means now. */
static void keep_describe(const struct lazymem_image *image, struct keep_image *to)
{
	to->size = image->size;
	if (image->fd < 0) {
		snprintf(to->where, sizeof(to->where), "%s", image->where);
		return;
	}
	to->rdev = image->stat.st_rdev;
	/* A device's node may be made anew, and is touched by udev. */
	if (S_ISBLK(image->stat.st_mode))
		return;
	to->device = image->stat.st_dev;
	to->inode = image->stat.st_ino;
	to->seconds = image->stat.st_mtim.tv_sec;
	to->nanoseconds = image->stat.st_mtim.tv_nsec;
}

/*
 * Locked, as far as the limit goes: if the kernel had to swap the inbox in, SIGKILL could come
 * between an event's end and its message. Returns 0 or -errno.
 */
static int keep_map(struct keep *keep)
{
	keep->head = mmap(NULL, HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, keep->fd, 0);
	if (keep->head == MAP_FAILED) {
		keep->head = NULL;
		return -errno;
	}
	mlock(keep->head, HEAD_BYTES);
	return 0;
}

int keep_new(struct keep *keep, const struct lazymem_image *image)
{
	int error;

	keep->fd = memfd_create("lazymem-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (keep->fd < 0)
		return -errno;
	if (ftruncate(keep->fd, HEAD_BYTES) || fcntl(keep->fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	keep->size = HEAD_BYTES;
	error = keep_map(keep);
	if (error)
		return error;
	memcpy(keep->head->magic, MAGIC, sizeof(keep->head->magic));
	keep_describe(image, &keep->head->image);
	return 0;
}

void keep_close(struct keep *keep)
{
	if (keep->head)
		munmap(keep->head, HEAD_BYTES);
	if (keep->fd >= 0)
		close(keep->fd);
	keep->head = NULL;
	keep->fd = -1;
}

/* Returns NULL if it is the same image, or what differs. */
static const char *keep_image_differs(const struct keep_image *was,
				      const struct keep_image *is)
{
	if (was->size != is->size)
		return "the image has another size now";
	if (strncmp(was->where, is->where, sizeof(was->where)))
		return "it had another image";
	if (was->device != is->device || was->inode != is->inode || was->rdev != is->rdev)
		return "the image is another file now";
	if (was->seconds != is->seconds || was->nanoseconds != is->nanoseconds)
		return "the image was written to";
	return NULL;
}

int keep_open(struct keep *keep, const struct lazymem_image *image, int fd,
	      char why[LAZYMEM_WHY])
{
	struct keep_image is = {};
	const char *fault = NULL;
	struct stat stat;

	keep->fd = fd;
	/* Only a file that cannot shrink can be mapped safely. */
	if (fstat(keep->fd, &stat) || (uint64_t)stat.st_size < HEAD_BYTES ||
	    !(fcntl(keep->fd, F_GET_SEALS) & F_SEAL_SHRINK) || keep_map(keep))
		fault = "its state cannot be read";
	else if (memcmp(keep->head->magic, MAGIC, sizeof(keep->head->magic)))
		fault = "its state is of another version of lazymem";
	else if (!keep->head->table)
		fault = "its state was not wholly written";
	if (fault) {
		snprintf(why, LAZYMEM_WHY, "%s", fault);
		return -EINVAL;
	}
	keep->size = stat.st_size;
	keep_describe(image, &is);
	fault = keep_image_differs(&keep->head->image, &is);
	if (!fault)
		return 0;
	snprintf(why, LAZYMEM_WHY, "%s", fault);
	return -ESTALE;
}

void keep_set_kind(struct keep *keep, bool refused, bool child)
{
	if (!keep->head)
		return;
	keep->head->refused = refused;
	keep->head->child = child;
}

bool keep_is_refused(const struct keep *keep)
{
	return keep->head->refused;
}

bool keep_is_child(const struct keep *keep)
{
	return keep->head->child;
}

void keep_set_note(struct keep *keep, uint64_t note)
{
	if (keep->head)
		keep->head->note = note;
}

uint64_t keep_note(const struct keep *keep)
{
	return keep->head ? keep->head->note : 0;
}

void keep_set_end(struct keep *keep, enum lazymem_end end)
{
	if (keep->head)
		keep->head->end = end;
}

enum lazymem_end keep_end(const struct keep *keep)
{
	return keep->head->end;
}

/* @bytes of zeros at the end. Returns the place, or 0 without memory. */
static uint64_t keep_grow(struct keep *keep, uint64_t bytes)
{
	uint64_t at = keep->size;

	if (ftruncate(keep->fd, at + keep_round(bytes)))
		return 0;
	keep->size = at + keep_round(bytes);
	return at;
}

/* A mapping of its own takes no memory until bits are set. */
unsigned long *keep_bits(struct keep *keep, uint64_t count, uint64_t *at)
{
	size_t bytes = (count + 63) / 64 * 8;
	void *bits;

	if (!keep || keep->fd < 0) {
		bits = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		return bits == MAP_FAILED ? NULL : bits;
	}
	if (!*at)
		*at = keep_grow(keep, bytes);
	if (!*at || *at % CHUNK || *at > keep->size || bytes > keep->size - *at)
		return NULL;
	bits = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, keep->fd, *at);
	return bits == MAP_FAILED ? NULL : bits;
}

static uint64_t keep_table_bytes(const struct keep_table *table)
{
	return sizeof(*table) + table->nr_pages * sizeof(struct keep_pages) +
	       table->nr_ranges * sizeof(struct keep_range) +
	       table->nr_pieces * sizeof(struct keep_piece);
}

/* The index of @pages in the list. */
static uint64_t keep_index(const struct ranges *ranges, const struct pages *pages)
{
	uint64_t index = 0;

	for (const struct pages *at = ranges->pages; at != pages; at = at->next)
		index++;
	return index;
}

static void keep_fill(const struct ranges *ranges, struct keep_table *table)
{
	struct keep_pages *pages = (void *)(table + 1);
	struct keep_range *range = (void *)(pages + table->nr_pages);
	struct keep_piece *piece = (void *)(range + table->nr_ranges);
	uint64_t index = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *from = &ranges->at[i];

		*range++ = (struct keep_range) { from->start, from->count, from->first,
						 keep_index(ranges, from->pages) };
	}
	for (const struct pages *from = ranges->pages; from; from = from->next) {
		*pages++ = (struct keep_pages) {
			.start = from->start,
			.offset = from->offset,
			.count = from->count,
			.size = from->size,
			.done = from->places.done,
			.zero = from->places.zero,
			.dirty = from->places.dirty,
		};
		for (const struct piece *part = from->pieces; part; part = part->next)
			*piece++ = (struct keep_piece) { index, part->index, part->from,
							 part->to };
		index++;
	}
}

/* A place of @bytes for a table, which is not in force. Returns 0 without memory. */
static uint64_t keep_table_place(struct keep *keep, uint64_t bytes)
{
	unsigned int next = !keep->current;

	if (keep->room[next] < bytes) {
		keep->at[next] = keep_grow(keep, 2 * bytes);
		keep->room[next] = keep->at[next] ? keep_round(2 * bytes) : 0;
	}
	return keep->at[next];
}

/* Returns 0 or -errno. */
static int keep_write(struct keep *keep, const struct ranges *ranges, struct keep_table *table)
{
	uint64_t bytes = keep_table_bytes(table), at = keep_table_place(keep, bytes);
	ssize_t written;

	if (!at)
		return -ENOMEM;
	keep_fill(ranges, table);
	written = pwrite(keep->fd, table, bytes, at);
	if (written < 0)
		return -errno;
	if ((uint64_t)written != bytes)
		return -ENOSPC;
	keep->head->table = at;
	keep->current = !keep->current;
	return 0;
}

int keep_save(struct keep *keep, const struct ranges *ranges, unsigned int applied)
{
	struct keep_table sizes = { .applied = applied, .nr_ranges = ranges->count };
	struct keep_table *table;
	int error = -ENOMEM;

	if (keep->fd < 0)
		return 0;
	sizes.batch = keep->head->batch;
	for (const struct pages *pages = ranges->pages; pages; pages = pages->next) {
		sizes.nr_pages++;
		for (const struct piece *piece = pages->pieces; piece; piece = piece->next)
			sizes.nr_pieces++;
	}
	table = malloc(keep_table_bytes(&sizes));
	if (table) {
		*table = sizes;
		error = keep_write(keep, ranges, table);
	}
	if (error)
		keep->head->table = 0;
	free(table);
	return error;
}

/* The table in force, which is the caller's now. NULL: not as it should be, or no memory. */
static struct keep_table *keep_read(const struct keep *keep)
{
	uint64_t at = keep->head->table, most = keep->size / sizeof(struct keep_piece);
	struct keep_table sizes, *table;
	uint64_t bytes;

	if (pread(keep->fd, &sizes, sizeof(sizes), at) != sizeof(sizes) ||
	    sizes.nr_pages > most || sizes.nr_ranges > most || sizes.nr_pieces > most)
		return NULL;
	bytes = keep_table_bytes(&sizes);
	table = malloc(bytes);
	if (table && pread(keep->fd, table, bytes, at) == (ssize_t)bytes)
		return table;
	free(table);
	return NULL;
}

static int keep_take_pages(const struct keep_pages *pages, struct ranges *ranges)
{
	struct lazymem_range from = {
		.start = pages->start,
		.size = pages->count * pages->size,
		.offset = pages->offset,
		.page_size = pages->size,
	};
	struct pages_places places = { pages->done, pages->zero, pages->dirty };

	if (!pages->size || pages->count > UINT64_MAX / 2 / pages->size)
		return -EINVAL;
	return ranges_load_pages(ranges, &from, places);
}

/* All parts of @table into @ranges. Returns 0 or -errno. */
static int keep_take(const struct keep_table *table, struct ranges *ranges)
{
	const struct keep_pages *pages = (const void *)(table + 1);
	const struct keep_range *range = (const void *)(pages + table->nr_pages);
	const struct keep_piece *piece = (const void *)(range + table->nr_ranges);
	int error = 0;

	for (uint64_t i = 0; !error && i < table->nr_pages; i++, pages++)
		error = keep_take_pages(pages, ranges);
	for (uint64_t i = 0; !error && i < table->nr_ranges; i++, range++)
		error = ranges_load(ranges, range->start, range->count, range->first,
				    range->pages);
	for (uint64_t i = 0; !error && i < table->nr_pieces; i++, piece++)
		error = ranges_load_piece(ranges, piece->pages, piece->index, piece->from,
					  piece->to);
	return error;
}

int keep_load(struct keep *keep, struct ranges *ranges, char why[LAZYMEM_WHY])
{
	struct keep_table *table = keep_read(keep);
	int error = table ? keep_take(table, ranges) : -EINVAL;

	/* It stays in force until the first new one is written, elsewhere. */
	keep->current = 0;
	keep->at[0] = keep->head->table;
	keep->room[0] = table ? keep_table_bytes(table) : 0;
	free(table);
	if (error)
		snprintf(why, LAZYMEM_WHY, "%s", error == -ENOMEM ? "out of memory" :
			 "its state is damaged");
	return error;
}

/*
 * What was in it may be longer than what comes: no old message may stand behind a new one. A
 * server may have been killed in here, so all of it.
 */
void keep_empty_inbox(struct keep *keep)
{
	for (unsigned int i = 0; keep->head && i < KEEP_INBOX; i++)
		__atomic_store_n(&keep->head->inbox[i].event, 0, __ATOMIC_RELEASE);
}

struct uffd_msg *keep_inbox(struct keep *keep, struct uffd_msg *other)
{
	if (!keep->head)
		return other;
	keep->head->batch++;
	return keep->head->inbox;
}

unsigned int keep_left(const struct keep *keep, const struct uffd_msg **msgs)
{
	struct keep_table table;
	unsigned int count = 0, from = 0;

	while (count < KEEP_INBOX && keep->head->inbox[count].event)
		count++;
	if (pread(keep->fd, &table, sizeof(table), keep->head->table) == sizeof(table) &&
	    table.batch == keep->head->batch)
		from = table.applied < count ? table.applied : count;
	*msgs = &keep->head->inbox[from];
	return count - from;
}
