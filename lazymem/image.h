/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An image: opened once, and shared by all sessions and the children of their clients.
 *
 * A file is never opened by its name again, so that all sessions read the same file whatever
 * becomes of the name. A session opens the file anew through this descriptor (/proc/self/fd):
 * then its position and the kernel's readahead are its own.
 *
 * An NBD server may accept one connection only, so the connection that asked for the size is
 * kept for the first session, and a session that ends leaves its connection to the next.
 *
 * All of it is constant once it is open, except what is atomic or under @lock.
 */
#ifndef LAZYMEM_IMAGE_H
#define LAZYMEM_IMAGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lazymem.h"

struct source_ops;

/**
 * struct lazymem_image - an image
 * @ops: what kind of source it is
 * @where: path or URI
 * @how: the user's options
 * @is_open: @whole is known
 * @whole: its size in bytes when it was opened
 * @size: how many of them are served
 * @note: for lazymem_image_note(); may be empty
 * @fd: descriptor of a file, or -1
 * @stat: of @fd, when it was opened
 * @spare: libnbd's handle of a connection that no session uses, or NULL. It is taken and
 *	   left by exchanging the pointer
 * @connections: how many there are to an NBD server now, @spare included
 * @hung_up: one that worked was closed by this program
 * @size_now: the size that an NBD server told last
 * @lock: guards @told
 * @told: what lazymem_image_changed() has said last; empty: nothing
 */
struct lazymem_image {
	const struct source_ops *ops;
	char *where;
	struct lazymem_image_options how;
	bool is_open;
	uint64_t whole;
	uint64_t size;
	char note[LAZYMEM_WHY];
	int fd;
	struct stat stat;
	_Atomic(void *) spare;
	_Atomic unsigned int connections;
	_Atomic bool hung_up;
	_Atomic uint64_t size_now;
	pthread_mutex_t lock;
	char told[LAZYMEM_WHY];
};

#endif
