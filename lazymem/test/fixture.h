/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the cases have in common: images, servers, NBD servers, and memory that a server
 * fills. One header for image.c, server.c, nbdkit.c, memory.c, session.c and fixture.c, since
 * nearly each case uses all of them.
 *
 * A case is a process of its own (lib/harness.h). What it starts dies with it.
 */
#ifndef LAZYMEM_FIXTURE_H
#define LAZYMEM_FIXTURE_H

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/types.h>

#include "harness.h"
#include "content.h"
#include "lazymem.h"

void suite_serve(void);
void suite_events(void);
void suite_faults(void);
void suite_huge(void);
void suite_lost(void);
void suite_source(void);
void suite_exit(void);
void suite_hostile(void);
void suite_tool(void);
void suite_ahead(void);
void suite_bounds(void);
void suite_tried(void);
void suite_keep(void);
void suite_soak(void);

/* The machine is there for the tests: a case may change its settings while it runs. */
extern bool fixture_in_guest;

/* Path of the server: the program `lazymem` beside the one that runs. */
extern char fixture_program[4096];

/* Before and after all cases. */
void fixture_start(void);
void fixture_stop(void);

/* Path of a file of this case. */
const char *fixture_path(const char *name);

/* An image of which every 16th page, from the 7th on, is zeros. */
const char *image_make(size_t pages);
/* As image_make(), but in memory, whatever file system /tmp is. */
const char *image_in_memory(size_t pages);
/* The library's, for a case that uses it without the program. */
struct lazymem_image *image_open(const char *path);
/* How many of @pages pages at @memory differ from the image's pages from @first on. */
size_t image_wrong(const void *memory, size_t first, size_t pages);

/* `lazymem serve --json`. @line: what it wrote last */
struct lazymem_server {
	pid_t pid;
	FILE *output;
	const char *socket;
	char line[4096];
};

/* More options follow, and NULL ends them. Returns when the server is ready. */
struct lazymem_server server_run(const char *image, ...) __attribute__((sentinel));
/* Read lines until one contains @text. */
void server_says(struct lazymem_server *server, const char *text);
/* The number after "@name": in the last line. */
uint64_t server_number(const struct lazymem_server *server, const char *name);
/* Read progress until @name is @value. */
void server_until(struct lazymem_server *server, const char *name, uint64_t value);
/* Wait for its summary and its end, after SIGTERM if @signal is. */
void server_end(struct lazymem_server *server, int signal);

/* An NBD server, for the URI @uri. */
struct nbdkit {
	pid_t pid;
	const char *socket;
	char uri[256];
};

/*
 * nbdkit with these options, which NULL ends. Returns when it listens: at @socket, or at
 * 127.0.0.1 if the first options are -p PORT.
 */
struct nbdkit nbdkit_run(const char *first, ...) __attribute__((sentinel));
void nbdkit_kill(const struct nbdkit *nbdkit);
/* Whether it has ended by itself. Ask once: the process is gone then. */
bool nbdkit_ended(const struct nbdkit *nbdkit);

/**
 * struct memory - memory that is registered on a userfaultfd
 * @base: its address
 * @pages: 4 KiB pages
 * @page_size: bytes per page of the mapping
 * @uffd: the userfaultfd; stays open
 * @socket: connection to the server
 */
struct memory {
	char *base;
	size_t pages;
	size_t page_size;
	int uffd;
	int socket;
};

#define EVENTS	(UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP |	\
		 UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_FORK)

/* Not served yet. @flags: of mmap(); @mode: UFFDIO_REGISTER_MODE_*. */
struct memory memory_make(size_t pages, int flags, uint64_t features, uint64_t mode);
/* Send it to the server, with the image's content from its beginning on. */
void memory_serve(struct memory *memory, const struct lazymem_server *server);

/* Both: anonymous memory of @pages, registered for missing faults, and served. */
struct memory memory_served(const struct lazymem_server *server, size_t pages,
			    uint64_t features);

/* A session in this process: all pages of @memory are the image's. */
struct lazymem *session_of(const struct lazymem_options *options, const struct memory *memory);
/* Run it in a thread. */
pthread_t session_run(struct lazymem *session);
/* Stop it with LAZYMEM_DROP, and free it. */
void session_end(struct lazymem *session, pthread_t thread);

/* Connect, and send @text with @fd, unless that is -1. Returns the connection. */
int server_send(const struct lazymem_server *server, const char *text, int fd);
/* The same in two steps. Up to 16 descriptors. */
int server_connect(const struct lazymem_server *server);
void server_say(int to, const char *text, const int *fds, size_t count);
/* Wait for an answer, a line without its end: valid until the next. "": it has hung up. */
const char *server_answer(int from);
/* Wait until the server has closed this direction. */
bool server_has_hung_up(int from);

/* The list that memory_serve() sends. */
const char *memory_list(const struct memory *memory);
/*
 * Run @client in a process of its own, which ends with what it returns. Returns how it ended,
 * as waitpid() tells.
 */
int client_process(int (*client)(const struct lazymem_server *server),
		   const struct lazymem_server *server);
/* Whether a client got what it should: SIGBUS where pages can be poisoned, or SIGKILL. */
bool client_was_lost(int status);

/* Whether reading there gets SIGBUS. */
bool memory_is_poisoned(const volatile char *at);
/* Whether pages can be poisoned here: from 6.6 on. */
bool memory_can_poison(void);

#endif
