/* SPDX-License-Identifier: GPL-2.0-only */
/* What the cases have in common: images, servers, and memory that a server brings. */
#ifndef LAZYMEM_FIXTURE_H
#define LAZYMEM_FIXTURE_H

#include <linux/userfaultfd.h>
#include <sys/types.h>

#include "harness.h"
#include "content.h"
#include "lazymem.h"

void suite_serve(void);
void suite_events(void);
void suite_source(void);
void suite_exit(void);
void suite_hostile(void);
void suite_ahead(void);
void suite_tried(void);
void suite_soak(void);

/* Whether the machine's settings may be changed for the time of a case. */
extern bool fixture_in_guest;

/* The server is the program `lazymem` beside the one that runs. */
void fixture_start(void);
void fixture_stop(void);

/* A path that is the test's own; @name must be one of this case. */
const char *fixture_path(const char *name);

/* An image of which every 16th page, from the 7th on, is zeros. */
const char *image_make(size_t pages);
/* The same in a file that is in memory, whatever /tmp is. */
const char *image_in_memory(size_t pages);
/* How many of memory's pages differ from the image's from page @first on. */
size_t image_wrong(const void *memory, size_t first, size_t pages);

/* `lazymem serve --json` and what it says. */
struct lazymem_server {
	pid_t pid;
	FILE *output;
	const char *socket;
	char line[4096];
};

/* The options end with NULL. Returns when it listens. */
struct lazymem_server server_run(const char *image, ...) __attribute__((sentinel));
/* Read lines until one has @text. */
void server_says(struct lazymem_server *server, const char *text);
/* The number after "@name": in the last line. */
uint64_t server_number(const struct lazymem_server *server, const char *name);
/* Read progress until @name is @value. */
void server_until(struct lazymem_server *server, const char *name, uint64_t value);
/* Wait for its summary and its end, after SIGTERM if @signal is. */
void server_end(struct lazymem_server *server, int signal);

/* An NBD server. The options end with NULL. Returns when it listens. */
struct nbdkit {
	pid_t pid;
	const char *socket;
	char uri[256];
};

struct nbdkit nbdkit_run(const char *first, ...) __attribute__((sentinel));
void nbdkit_kill(const struct nbdkit *nbdkit);
/* By itself; asked once. */
bool nbdkit_ended(const struct nbdkit *nbdkit);

/* Memory with a userfaultfd; @flags are those of mmap(). */
struct memory {
	char *base;
	size_t pages;
	size_t page_size;
	int uffd;
	int socket;
};

#define EVENTS	(UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP |	\
		 UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_FORK)

struct memory memory_make(size_t pages, int flags, uint64_t features, uint64_t mode);
/* Have it served as the image's, from the image's beginning on. */
void memory_serve(struct memory *memory, const struct lazymem_server *server);

/* The same of anonymous memory of @pages that are missing, with @features. */
struct memory memory_served(const struct lazymem_server *server, size_t pages,
			    uint64_t features);

/* Returns a connection on which @text and, unless it is -1, @fd were sent. */
int server_send(const struct lazymem_server *server, const char *text, int fd);

/* Whether reading there is killed by SIGBUS. */
bool memory_is_poisoned(const volatile char *at);
/* Whether pages can be poisoned here: from 6.6 on. */
bool memory_can_poison(void);

#endif
