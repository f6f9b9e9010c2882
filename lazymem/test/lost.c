// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that cannot be served, by the library's calls: no fault waits for ever. The session
 * runs in a thread of the case, which is its own client.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "uffd.h"

#define PAGES	64

/* What options->message was called with last, by the session's thread. */
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static char said[512];

static void hear(void *arg, const char *text)
{
	pthread_mutex_lock(&said_lock);
	snprintf(said, sizeof(said), "%s", text);
	pthread_mutex_unlock(&said_lock);
	note("%s", text);
}

static bool was_said(const char *text)
{
	bool was;

	pthread_mutex_lock(&said_lock);
	was = strstr(said, text);
	pthread_mutex_unlock(&said_lock);
	return was;
}

/* Nobody knows what the client has mapped. Each access gets SIGBUS, also in huge pages. */
static void case_refused(const void *variant)
{
	const int *flags = variant;
	struct lazymem_options options = { .image = image_open(image_make(PAGES)), .message = hear };
	struct memory memory = memory_make(2 * HUGE / PAGE, *flags, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session;
	pthread_t thread;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	session = lazymem_refuse(&options, NULL, memory.uffd, -1);
	thread = session_run(session);
	CHECK(memory_is_poisoned(memory.base + PAGE));
	CHECK(memory_is_poisoned(memory.base + HUGE));
	lazymem_stop(session, LAZYMEM_NOW);
	pthread_join(thread, NULL);
	CHECK(was_said("not answered any more"));
	lazymem_free(session);
	lazymem_image_close(options.image);
}

/* With LAZYMEM_LOST_DROP each access finds zeros. */
static void case_refused_dropped(const void *variant)
{
	const int *flags = variant;
	struct lazymem_options options = { .image = image_open(image_make(PAGES)), .message = hear,
					   .on_lost = LAZYMEM_LOST_DROP };
	struct memory memory = memory_make(2 * HUGE / PAGE, *flags, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session = lazymem_refuse(&options, NULL, memory.uffd, -1);
	pthread_t thread = session_run(session);

	CHECK_EQ(content_not_zero(memory.base + PAGE, 1), 0);
	CHECK_EQ(content_not_zero(memory.base + HUGE, 1), 0);
	lazymem_stop(session, LAZYMEM_NOW);
	pthread_join(thread, NULL);
	lazymem_free(session);
	lazymem_image_close(options.image);
}

static atomic_uint kills;

static int count_kill(void *arg, const char *why)
{
	note("to be killed: %s", why);
	kills++;
	return 0;
}

static void *touch_page(void *at)
{
	*(volatile char *)at;
	return NULL;
}

/* The caller is asked to kill, once, and the client's faults need no answer after that. */
static void case_killed(const void *variant)
{
	struct lazymem_options options = { .image = image_open(image_make(PAGES)), .message = hear,
					   .on_lost = LAZYMEM_LOST_KILL, .kill = count_kill };
	struct memory memory = memory_make(2 * PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session;
	pthread_t thread, stuck;

	memory.pages = PAGES;
	session = session_of(&options, &memory);
	thread = session_run(session);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	CHECK_EQ(kills, 0);
	CHECK_EQ(pthread_create(&stuck, NULL, touch_page, memory.base + PAGES * PAGE), 0);
	while (!kills)
		usleep(1000);
	lazymem_stop(session, LAZYMEM_DROP);
	pthread_join(thread, NULL);
	CHECK_EQ(kills, 1);
	/* This closes the userfaultfd, which wakes the thread. */
	lazymem_free(session);
	pthread_join(stuck, NULL);
	lazymem_image_close(options.image);
}

/* A server has read a fault and has died. The next one answers it. */
static void case_taken_over(const void *variant)
{
	struct lazymem_options options = { .image = image_open(image_make(PAGES)), .window = PAGE };
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session;
	struct uffd_msg msg;
	pthread_t waits, thread;

	CHECK_EQ(pthread_create(&waits, NULL, touch_page, memory.base + 5 * PAGE), 0);
	CHECK(uffd_next(memory.uffd, &msg, -1));
	session = session_of(&options, &memory);
	thread = session_run(session);
	pthread_join(waits, NULL);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	session_end(session, thread);
	lazymem_image_close(options.image);
}

/* The source is gone for good: filling ends by itself, and what is missing is poisoned. */
static void case_fill_ends(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("file", image_make(PAGES), NULL);
	struct lazymem_options options = { .image = image_open(nbdkit.uri),
					   .window = PAGE, .message = hear,
					   .fill_wait = 1 };
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session;
	pthread_t thread;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	session = session_of(&options, &memory);
	thread = session_run(session);
	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	nbdkit_kill(&nbdkit);
	lazymem_stop(session, LAZYMEM_FILL);
	pthread_join(thread, NULL);
	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	CHECK(memory_is_poisoned(memory.base + 8 * PAGE));
	lazymem_free(session);
	lazymem_image_close(options.image);
}

/* A fault waits for the same source. The other ends do not wait for it for ever either. */
static void case_drop_ends(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("file", image_make(PAGES), NULL);
	struct lazymem_options options = { .image = image_open(nbdkit.uri), .window = PAGE,
					   .message = hear, .fill_wait = 1 };
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session = session_of(&options, &memory);
	struct lazymem_stats stats = {};
	pthread_t thread = session_run(session), waits;

	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	nbdkit_kill(&nbdkit);
	CHECK_EQ(pthread_create(&waits, NULL, touch_page, memory.base + 9 * PAGE), 0);
	while (!stats.waiting)
		lazymem_stats(session, &stats);
	lazymem_stop(session, LAZYMEM_DROP);
	pthread_join(thread, NULL);
	pthread_join(waits, NULL);
	CHECK_EQ(content_not_zero(memory.base + 9 * PAGE, 1), 0);
	lazymem_free(session);
	lazymem_image_close(options.image);
}

/* Descriptors that this process can still open. */
static void leave_descriptors(unsigned int count)
{
	struct rlimit limit;
	int lowest = dup(0);

	CHECK_REL(lowest, >=, 0);
	close(lowest);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = lowest + count;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* It stops all threads in fork(), and the client of this case waits for one of them there. */
static void skip_with_thread_sanitizer(void)
{
#ifdef __SANITIZE_THREAD__
	skip("the session is a thread of the process that forks");
#endif
}

static int refuse_child(void *arg, struct lazymem *child)
{
	return -ENOMEM;
}

/*
 * There is a descriptor for the child's userfaultfd, and none for a session. What the child
 * misses is poisoned, what it has it keeps; its parent is served on.
 */
static void case_child_without_session(const void *variant)
{
	struct lazymem_options options = { .image = image_open(image_make(PAGES)), .window = PAGE,
					   .message = hear, .forked = refuse_child };
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, EVENTS,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session;
	pthread_t thread;
	int status;
	pid_t pid;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	skip_with_thread_sanitizer();
	session = session_of(&options, &memory);
	thread = session_run(session);
	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	leave_descriptors(1);
	pid = fork();
	if (!pid)
		_exit(image_wrong(memory.base, 0, 8) ||
		      !memory_is_poisoned(memory.base + 8 * PAGE));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* The child may be gone before that is said. */
	while (!was_said("file descriptors to serve a child"))
		usleep(1000);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	session_end(session, thread);
	lazymem_image_close(options.image);
}

static void *give_descriptors(void *arg)
{
	while (!was_said("cannot take over a child"))
		usleep(1000);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, arg), 0);
	return NULL;
}

/* Not even that descriptor: the client waits in fork() until there is one. */
static void case_child_without_descriptor(const void *variant)
{
	struct lazymem_options options = { .image = image_open(image_make(PAGES)), .window = PAGE,
					   .message = hear, .forked = refuse_child };
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, EVENTS,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct lazymem *session;
	pthread_t thread, giver;
	struct rlimit before;
	int status;
	pid_t pid;

	skip_with_thread_sanitizer();
	session = session_of(&options, &memory);
	thread = session_run(session);
	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	leave_descriptors(0);
	CHECK_EQ(pthread_create(&giver, NULL, give_descriptors, &before), 0);
	pid = fork();
	if (!pid)
		_exit(image_wrong(memory.base, 0, 8) != 0);
	pthread_join(giver, NULL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	session_end(session, thread);
	lazymem_image_close(options.image);
}

static const int small = MAP_PRIVATE | MAP_ANONYMOUS;
static const int huge = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

void suite_lost(void)
{
	add_case(case_refused, &small, "lazymem/lost/refused");
	add_case(case_refused, &huge, "lazymem/lost/refused-huge");
	add_case(case_refused_dropped, &small, "lazymem/lost/refused-dropped");
	add_case(case_refused_dropped, &huge, "lazymem/lost/refused-dropped-huge");
	add_case(case_killed, NULL, "lazymem/lost/killed");
	add_case(case_taken_over, NULL, "lazymem/lost/taken-over");
	add_case(case_fill_ends, NULL, "lazymem/lost/fill-ends");
	add_case(case_drop_ends, NULL, "lazymem/lost/drop-ends");
	add_case(case_child_without_session, NULL, "lazymem/lost/child-without-session");
	add_case(case_child_without_descriptor, NULL,
		 "lazymem/lost/child-without-descriptor");
}
