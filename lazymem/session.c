// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: made, stopped and freed; texts for the user. loop.c runs them.
 *
 * lazymem_free() can free a session that was made in part: each part is all zeros, or -1
 * for a descriptor, until it is made.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "mappings.h"
#include "session.h"
#include "uffd.h"

/* For each session. A client can cause any number of errors. */
#define TEXTS_MOST	20

void session_message(struct lazymem *session, const char *format, ...)
{
	char text[512];
	va_list args;

	if (session->texts > TEXTS_MOST || !session->options->message)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* The last one says that there are more. */
	if (session->texts++ == TEXTS_MOST)
		snprintf(text, sizeof(text), "more messages are left out");
	session->options->message(session->arg, text);
}

void lazymem_set_arg(struct lazymem *session, void *arg)
{
	session->arg = arg;
}

void lazymem_stats(const struct lazymem *session, struct lazymem_stats *stats)
{
	const struct counters *counters = &session->stats;

	static_assert(sizeof(*stats) == sizeof(*counters), "a counter is not copied");
	*stats = (struct lazymem_stats) {
		.total = counters->total,
		.missing = counters->missing,
		.served = counters->served,
		.prefetched = counters->prefetched,
		.zero = counters->zero,
		.faults = counters->faults,
		.waiting = counters->waiting,
		.failed = counters->failed,
		.holes = counters->holes,
	};
}

/* The write fails only if the counter is full: then the loop is woken anyway. */
void session_wake(struct lazymem *session)
{
	uint64_t one = 1;

	if (write(session->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* The end only ever gets more hasty, whatever the order of the calls. */
void lazymem_stop(struct lazymem *session, enum lazymem_end end)
{
	int old = session->end;

	while (old < (int)end &&
	       !atomic_compare_exchange_weak(&session->end, &old, end))
		;
	session_wake(session);
}

void lazymem_free(struct lazymem *session)
{
	/* The helper uses the rest. */
	helper_end(&session->helper);
	if (session->connection.source)
		source_free(session->connection.source);
	order_close(&session->ahead.order);
	room_close(&session->room);
	ranges_free(&session->ranges);
	slots_free(&session->slots);
	if (session->wake_fd >= 0)
		close(session->wake_fd);
	if (session->uffd >= 0)
		close(session->uffd);
	keep_close(&session->keep);
	dirty_destroy(&session->dirty);
	free(session);
}

static unsigned int session_processors(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) ? 2 : CPU_COUNT(&cpus);
}

void session_save(struct lazymem *session, unsigned int applied)
{
	int error;

	if (!session->ranges.changed)
		return;
	session->ranges.changed = false;
	error = keep_save(&session->keep, &session->ranges, applied);
	if (error)
		session_message(session, "the client's state cannot be written down: %s; if lazymem is killed now, the client is lost",
				strerror(-error));
}

/* All but what it serves, and its state. NULL: out of memory or descriptors. */
static struct lazymem *session_new(const struct lazymem_options *options)
{
	struct lazymem *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	dirty_init(&session->dirty);
	session->options = options;
	session->uffd = -1;
	session->peer = -1;
	session->keep.fd = -1;
	session->ranges.keep = &session->keep;
	session->ranges.stats = &session->stats;
	session->processors = session_processors();
	session->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->connection.source = source_new(options->image);
	if (session->wake_fd >= 0 && session->connection.source)
		return session;
	lazymem_free(session);
	return NULL;
}

/*
 * The end of a change is not reported, and another may begin at once: a balloon that inflates
 * page by page leaves gaps of microseconds, and begins the next change before this thread is
 * woken. On one processor the gap is only seen if a timer ends this thread's sleep in it. So
 * the next tries are after 1 to 32 us, each after another time; and after a while with a pause
 * of a millisecond now and then.
 */
uint64_t session_changing(struct lazymem *session, uint64_t now)
{
	if (!session->changing_since) {
		session->changing_since = now;
		prctl(PR_SET_TIMERSLACK, 1);
	}
	session->changing_tries++;
	if (now >= session->changing_since + CHANGING_BUSY_NS &&
	    session->changing_tries % 32 == 0)
		return now + CHANGING_NS;
	return now + (1 + session->changing_tries * 11 % 32) * 1000;
}

void lazymem_probe(struct lazymem *session)
{
	session->probe_now = true;
	session_wake(session);
}

/* The flags are the client's, too: they belong to the open file, which both share. */
int session_unblock(int uffd)
{
	int flags = fcntl(uffd, F_GETFL);

	if (flags < 0 || fcntl(uffd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return 0;
}

/*
 * Without /proc: other files answer this call with ENOTTY. A version that does not exist changes
 * nothing.
 */
static bool session_answers_as_uffd(int fd)
{
	struct uffdio_api api = { .api = ~0ULL };
	struct stat stat;

	return !fstat(fd, &stat) && !(stat.st_mode & S_IFMT) &&
	       ioctl(fd, UFFDIO_API, &api) && (errno == EINVAL || errno == EPERM);
}

/* read() and ioctl() on another kind of file could do anything. */
bool lazymem_is_uffd(int fd)
{
	char path[32], name[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0)
		return session_answers_as_uffd(fd);
	name[length] = '\0';
	return !strcmp(name, "anon_inode:[userfaultfd]");
}

/* Returns 0 or -errno. */
static int session_keep(struct lazymem *session)
{
	int error;

	if (!session->options->keep)
		return 0;
	error = keep_new(&session->keep, session->options->image);
	if (!error)
		keep_set_kind(&session->keep, session->refused, session->child);
	session->ranges.changed = true;
	return error;
}

/* What it serves. Returns 0, or -errno with an explanation. */
static int session_set_up(struct lazymem *session, int uffd,
			  const struct lazymem_range *ranges, size_t count,
			  char why[LAZYMEM_WHY])
{
	int error;

	if (!lazymem_is_uffd(uffd)) {
		snprintf(why, LAZYMEM_WHY, "the file descriptor is no userfaultfd");
		return -EINVAL;
	}
	snprintf(why, LAZYMEM_WHY, "out of memory or file descriptors");
	session->image_size = session->options->image->size;
	if (session_keep(session))
		return -ENOMEM;
	error = mappings_take(session, uffd, ranges, count, why);
	if (error)
		return error;
	snprintf(why, LAZYMEM_WHY, "out of memory");
	if (slots_make(session) || session_unblock(uffd))
		return -ENOMEM;
	error = ahead_open(session, why);
	session_save(session, KEEP_ALL);
	return error;
}

struct lazymem *lazymem_new(const struct lazymem_options *options, void *arg, int uffd,
			    int peer, const struct lazymem_range *ranges,
			    size_t count, char why[LAZYMEM_WHY])
{
	struct lazymem *session = session_new(options);

	if (!session) {
		snprintf(why, LAZYMEM_WHY, "out of memory or file descriptors");
		return NULL;
	}
	session->arg = arg;
	if (session_set_up(session, uffd, ranges, count, why)) {
		lazymem_free(session);
		return NULL;
	}
	/* From here on the descriptor is the session's: lazymem_free() closes it. */
	session->uffd = uffd;
	session->peer = peer;
	room_open(&session->room, peer);
	return session;
}

/* Without ranges each of its faults is a stray. */
struct lazymem *lazymem_refuse(const struct lazymem_options *options, void *arg, int uffd,
			       int peer)
{
	struct lazymem *session = lazymem_is_uffd(uffd) ? session_new(options) : NULL;

	if (!session)
		return NULL;
	session->arg = arg;
	session->refused = true;
	if (session_keep(session) || slots_make(session) || session_unblock(uffd)) {
		lazymem_free(session);
		return NULL;
	}
	session_save(session, KEEP_ALL);
	session->uffd = uffd;
	session->peer = peer;
	return session;
}

/* Returns 0, or -errno with an explanation. */
static int session_load(struct lazymem *session, int uffd, int state, char why[LAZYMEM_WHY])
{
	struct keep *keep = &session->keep;
	int error;

	if (!lazymem_is_uffd(uffd)) {
		snprintf(why, LAZYMEM_WHY, "the file descriptor is no userfaultfd");
		return -EINVAL;
	}
	error = keep_open(keep, session->options->image, state, why);
	if (error == -ESTALE) {
		session_message(session, "cannot be served on: %s", why);
		session->stale = true;
		session->ending = session->options->on_lost == LAZYMEM_LOST_DROP ?
				  LAZYMEM_DROP : LAZYMEM_NOW;
		error = 0;
	}
	if (!error)
		error = keep_load(keep, &session->ranges, why);
	if (error)
		return error;
	session->image_size = session->options->image->size;
	session->refused = keep_is_refused(keep);
	session->child = keep_is_child(keep);
	session->end = keep_end(keep);
	for (const struct pages *pages = session->ranges.pages; pages; pages = pages->next)
		if (pages->dirty)
			session->dirty.on = true;
	snprintf(why, LAZYMEM_WHY, "out of memory");
	if (slots_make(session) || session_unblock(uffd))
		return -ENOMEM;
	if (!session->child && !session->refused)
		return ahead_open(session, why);
	ahead_open_child(session);
	return 0;
}

struct lazymem *lazymem_resume(const struct lazymem_options *options, void *arg, int uffd,
			       int peer, int state, char why[LAZYMEM_WHY])
{
	struct lazymem *session = session_new(options);

	if (!session) {
		snprintf(why, LAZYMEM_WHY, "out of memory or file descriptors");
		return NULL;
	}
	session->arg = arg;
	if (session_load(session, uffd, state, why)) {
		session->keep.fd = -1;
		lazymem_free(session);
		return NULL;
	}
	session->uffd = uffd;
	session->peer = peer;
	room_open(&session->room, peer);
	return session;
}

void lazymem_set_note(struct lazymem *session, uint64_t note)
{
	keep_set_note(&session->keep, note);
}

uint64_t lazymem_note(const struct lazymem *session)
{
	return keep_note(&session->keep);
}

size_t lazymem_mappings(const struct lazymem *session, struct lazymem_range *ranges, size_t room)
{
	size_t count = 0;

	for (const struct pages *pages = session->ranges.pages; pages; pages = pages->next) {
		if (count < room)
			ranges[count] = (struct lazymem_range) {
				.start = pages->start,
				.size = pages->count * pages->size,
				.offset = pages->offset,
				.page_size = pages->size,
			};
		count++;
	}
	return count;
}

void lazymem_kept(const struct lazymem *session, int *uffd, int *state)
{
	*uffd = session->uffd;
	*state = session->keep.fd;
}

/* It begins with what its parent had, and does not follow the recorded order. */
struct lazymem *session_clone(struct lazymem *session, int uffd)
{
	struct lazymem *child = session_new(session->options);

	if (!child)
		return NULL;
	child->arg = session->arg;
	child->child = true;
	child->refused = session->refused;
	child->image_size = session->image_size;
	if (session_keep(child) || ranges_clone(&child->ranges, &session->ranges) || slots_make(child) ||
	    session_unblock(uffd)) {
		lazymem_free(child);
		return NULL;
	}
	ahead_open_child(child);
	room_clone(&child->room, &session->room);
	session_save(child, KEEP_ALL);
	child->uffd = uffd;
	return child;
}
