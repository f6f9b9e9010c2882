// SPDX-License-Identifier: GPL-2.0-only
/* Recorded orders: written by many sessions, read by one at a time; see order.h. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "order.h"

#define HEAD	"lazymem-order 1\n"

/* @lock: held for one line. A leaf. */
struct lazymem_order {
	pthread_mutex_t lock;
	FILE *file;
};

/* "e": the file is not passed on to other programs. */
struct lazymem_order *lazymem_order_new(const char *path, char why[LAZYMEM_WHY])
{
	struct lazymem_order *order = calloc(1, sizeof(*order));

	if (order)
		order->file = fopen(path, "we");
	if (order && order->file) {
		pthread_mutex_init(&order->lock, NULL);
		fputs(HEAD, order->file);
		return order;
	}
	snprintf(why, LAZYMEM_WHY, "cannot write '%s': %s", path, strerror(errno));
	free(order);
	return NULL;
}

/* Errors stay in the stream, and lazymem_order_close() returns them. */
void order_note(struct lazymem_order *order, uint64_t offset, uint64_t size)
{
	pthread_mutex_lock(&order->lock);
	fprintf(order->file, "%" PRIx64 " %" PRIu64 "\n", offset, size);
	pthread_mutex_unlock(&order->lock);
}

int lazymem_order_close(struct lazymem_order *order)
{
	int error = ferror(order->file) ? -EIO : 0;

	if (fclose(order->file))
		error = -errno;
	pthread_mutex_destroy(&order->lock);
	free(order);
	return error;
}

/* The first line tells a recorded order from a file that was named by mistake. */
int order_open(struct order_reader *reader, const char *path, char why[LAZYMEM_WHY])
{
	char head[sizeof(HEAD)] = "";

	reader->line = 1;
	reader->file = fopen(path, "re");
	if (!reader->file) {
		snprintf(why, LAZYMEM_WHY, "cannot read '%s': %s", path,
			 strerror(errno));
		return -errno;
	}
	if (fgets(head, sizeof(head), reader->file) && !strcmp(head, HEAD))
		return 0;
	snprintf(why, LAZYMEM_WHY, "'%s' is no recorded order: its first line is not '%.*s'",
		 path, (int)strlen(HEAD) - 1, HEAD);
	order_close(reader);
	return -EINVAL;
}

int lazymem_order_check(const char *path, char why[LAZYMEM_WHY])
{
	struct order_reader reader;
	int error = order_open(&reader, path, why);

	if (!error)
		order_close(&reader);
	return error;
}

/* Strict: a line that does not match is no order, and nothing behind it is trusted. */
int order_next(struct order_reader *reader, uint64_t *offset, uint64_t *size,
	       char why[LAZYMEM_WHY])
{
	char text[64], rest;

	reader->line++;
	if (!fgets(text, sizeof(text), reader->file))
		return 1;
	if (sscanf(text, "%" SCNx64 " %" SCNu64 "%c", offset, size, &rest) == 3 &&
	    rest == '\n')
		return 0;
	snprintf(why, LAZYMEM_WHY, "line %u of the recorded order is not OFFSET SIZE",
		 reader->line);
	return -EINVAL;
}

void order_close(struct order_reader *reader)
{
	if (reader->file)
		fclose(reader->file);
	reader->file = NULL;
}
