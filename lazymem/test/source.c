// SPDX-License-Identifier: GPL-2.0-only
/* Sources: holes, NBD servers, and sources that fail, end early, go away and come back. */
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define PAGES	1024
/* Where the amount does not matter. */
#define FEW	128

/* Each with a connection of its own. */
static void case_four_clients(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("--filter=delay", "file", image_make(PAGES),
					  "rdelay=2ms", NULL);
	struct lazymem_server server = server_run(nbdkit.uri, NULL);
	int status;

	for (int i = 0; i < 4; i++)
		if (!fork()) {
			struct memory memory = memory_served(&server, PAGES, 0);

			_exit(image_wrong(memory.base, 0, PAGES) != 0);
		}
	for (int i = 0; i < 4; i++) {
		while (wait(&status) == nbdkit.pid)
			;
		CHECK_EQ(status, 0);
	}
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 4);
}

static void *read_all(void *arg)
{
	struct memory *memory = arg;

	return (void *)image_wrong(memory->base, 0, PAGES);
}

/* How a source goes away: by which signal, the server's --timeout, and its message. */
struct loss {
	int signal;
	const char *timeout;
	const char *said;
};

static const struct loss killed = { SIGKILL, "0", "source lost" };
static const struct loss silent = { SIGSTOP, "1", "source lost: no answer in 1 s" };

/* It goes away with reads in flight, and comes back: no page is wrong, no fault is lost. */
static void case_gone_and_back(const void *variant)
{
	const struct loss *loss = variant;
	const char *image = image_make(PAGES);
	struct nbdkit nbdkit = nbdkit_run("--filter=delay", "file", image, "rdelay=5ms",
					  NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--window", "4",
						  "--no-prefetch", "--timeout",
						  loss->timeout, NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	pthread_t reader;
	void *wrong;

	CHECK_EQ(pthread_create(&reader, NULL, read_all, &memory), 0);
	do
		server_until(&server, "waiting", 1);
	while (!server_number(&server, "served"));
	kill(nbdkit.pid, loss->signal);
	server_says(&server, loss->said);
	server_until(&server, "waiting", 1);
	nbdkit_kill(&nbdkit);
	nbdkit = nbdkit_run("file", image, NULL);
	server_says(&server, "source is back");
	pthread_join(reader, &wrong);
	CHECK_EQ((size_t)wrong, 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* A client that comes while the source is away waits for it. */
static void case_away_at_first(const void *variant)
{
	const char *image = image_make(PAGES);
	struct nbdkit nbdkit = nbdkit_run("file", image, NULL);
	struct lazymem_server server = server_run(nbdkit.uri, NULL);
	struct memory memory;

	nbdkit_kill(&nbdkit);
	memory = memory_served(&server, PAGES, 0);
	server_says(&server, "source lost");
	nbdkit = nbdkit_run("file", image, NULL);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* With --give-up a fault that waits for a lost source fails. */
static void case_give_up(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("file", image_make(PAGES), NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--give-up", "1",
						  "--no-prefetch", "--on-exit",
						  "poison", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	nbdkit_kill(&nbdkit);
	CHECK(memory_is_poisoned(memory.base + 100 * PAGE));
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 1);
}

/* nbdkit, where pages @bad and @bad2 of the image cannot be read. */
static struct nbdkit nbdkit_run_bad(size_t bad, size_t bad2)
{
	const char *path = fixture_path("map");
	FILE *map = fopen(path, "we");
	char option[256];

	fprintf(map, "0x0 + 1\n0x0 0x%lx +\n", bad * PAGE);
	fprintf(map, "0x%lx 0x1000 -\n0x%lx 0x%lx +\n", bad * PAGE, (bad + 1) * PAGE,
		(bad2 - bad - 1) * PAGE);
	fprintf(map, "0x%lx 0x1000 -\n0x%lx 0x%lx +\n", bad2 * PAGE, (bad2 + 1) * PAGE,
		(PAGES - bad2 - 1) * PAGE);
	fclose(map);
	snprintf(option, sizeof(option), "ddrescue-mapfile=%s", path);
	return nbdkit_run("--filter=ddrescue", "file", image_make(PAGES), option, NULL);
}

/* One page cannot be read. Only that page fails, not its neighbours in the window. */
static void case_bad_page(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run_bad(100, 600);
	struct lazymem_server server = server_run(nbdkit.uri, "--on-exit", "poison",
						  "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK(memory_is_poisoned(memory.base + 100 * PAGE));
	CHECK_EQ(image_wrong(memory.base + 96 * PAGE, 96, 4), 0);
	CHECK_EQ(image_wrong(memory.base + 101 * PAGE, 101, 11), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 1);
}

/* The same without faults: all but these pages are brought. */
static void case_bad_pages_ahead(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run_bad(100, 600);
	struct lazymem_server server = server_run(nbdkit.uri, "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(image_wrong(memory.base, 0, 100), 0);
	CHECK(memory_is_poisoned(memory.base + 100 * PAGE));
	CHECK_EQ(image_wrong(memory.base + 101 * PAGE, 101, 499), 0);
	CHECK(memory_is_poisoned(memory.base + 600 * PAGE));
	CHECK_EQ(image_wrong(memory.base + 601 * PAGE, 601, PAGES - 601), 0);
}

/* Nearly every third request fails, questions about holes included. Nothing is lost. */
static void case_many_errors(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("--filter=error", "file", image_make(PAGES),
					  "error-rate=30%", NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--no-prefetch", "--window", "64",
						  NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	CHECK_EQ(image_wrong(memory.base, 0, 300), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
}

#define WAITING	64

static __thread sigjmp_buf give_up_error;

static void give_up_on_bus_error(int signal)
{
	siglongjmp(give_up_error, signal);
}

/* Returns NULL if there is no SIGBUS. */
static void *give_up_read(void *at)
{
	if (sigsetjmp(give_up_error, 1))
		return &give_up_error;
	*(volatile char *)at;
	return NULL;
}

/*
 * With --give-up many faults that wait for pages of one window fail, and not one after the
 * other: that would take a minute, and more time than a case has.
 */
static void case_give_up_many(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("file", image_make(PAGES), NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--give-up", "1",
						  "--no-prefetch", "--on-exit", "poison",
						  "--window", "256", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	struct sigaction action = { .sa_handler = give_up_on_bus_error };
	pthread_t threads[WAITING];
	void *poisoned;

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base + 64 * PAGE, 64, 1), 0);
	nbdkit_kill(&nbdkit);
	sigaction(SIGBUS, &action, NULL);
	for (int i = 0; i < WAITING; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, give_up_read,
					memory.base + i * PAGE), 0);
	for (int i = 0; i < WAITING; i++) {
		pthread_join(threads[i], &poisoned);
		CHECK(poisoned);
	}
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), WAITING);
}

/* The file is truncated while it is served: what is left of it is served. */
static void case_shorter(const void *variant)
{
	const char *image = image_make(PAGES);
	struct lazymem_server server = server_run(image, "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	CHECK_EQ(truncate(image, 500 * PAGE), 0);
	CHECK_EQ(image_wrong(memory.base + 1 * PAGE, 1, 499), 0);
	CHECK(memory_is_poisoned(memory.base + 500 * PAGE));
	CHECK(memory_is_poisoned(memory.base + 1000 * PAGE));
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 2);
	CHECK_EQ(server_number(&server, "missing"), 0);
	/* LAZYMEM_FILL could not bring this page. */
	CHECK(memory_is_poisoned(memory.base + 700 * PAGE));
}

/* A file in memory, which is fetched in two ways in turn (tried.h). */
static void case_in_memory(const void *variant)
{
	struct lazymem_server server = server_run(image_in_memory(PAGES), NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	server_until(&server, "prefetched", PAGES * PAGE);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "faults"), 0);
}

/*
 * A file in memory is truncated. Of windows of 64 pages the first four are fetched in one
 * way and the next four in the other. @variant is the new end, within a window of the first
 * or of the second kind: the fetch gets a part only, and what is there must be served.
 */
static void case_cut(const void *variant)
{
	const size_t *end = variant;
	const char *image = image_in_memory(PAGES);
	struct lazymem_server server = server_run(image, "--no-prefetch", "--window",
						  "256", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	if (!memory_can_poison())
		skip("this kernel cannot poison");
	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	CHECK_EQ(truncate(image, *end * PAGE), 0);
	CHECK_EQ(image_wrong(memory.base, 0, *end), 0);
	CHECK(memory_is_poisoned(memory.base + *end * PAGE));
	CHECK(memory_is_poisoned(memory.base + (PAGES - 1) * PAGE));
	server_says(&server, "it ends there now");
	memory = memory_served(&server, PAGES, 0);
	CHECK_EQ(image_wrong(memory.base, 0, *end), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 2);
	CHECK_EQ(server_number(&server, "failed"), 2);
}

/* What becomes of the image while it is served, and what is said of it. */
struct change {
	void (*make)(const char *image);
	const char *said;
};

/* All other content. */
static void change_replace(const char *image)
{
	const char *other = fixture_path("other");
	int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	CHECK_EQ(ftruncate(fd, FEW * PAGE), 0);
	close(fd);
	CHECK_EQ(rename(other, image), 0);
}

static void change_remove(const char *image)
{
	CHECK_EQ(unlink(image), 0);
}

static void change_lengthen(const char *image)
{
	CHECK_EQ(truncate(image, (FEW + 100) * PAGE), 0);
}

static const struct change replaced = { change_replace, "another image has this name now" };
static const struct change removed = { change_remove, "the image was removed" };
static const struct change longer = { change_lengthen, "what was added is not served" };

/*
 * What was opened is served on: to the client, to a child that it forks afterwards, and to
 * a client that comes afterwards.
 */
static void case_changed(const void *variant)
{
	const struct change *change = variant;
	const char *image = image_make(FEW);
	struct lazymem_server server = server_run(image, "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, FEW, UFFD_FEATURE_EVENT_FORK);
	int status;
	pid_t pid;

	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	change->make(image);
	pid = fork();
	if (!pid)
		_exit(image_wrong(memory.base, 0, FEW) != 0);
	CHECK_EQ(image_wrong(memory.base, 0, FEW), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	memory = memory_served(&server, FEW, 0);
	server_says(&server, change->said);
	CHECK_EQ(image_wrong(memory.base, 0, FEW), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 3);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* Each change is reported once, and nothing before there is one. */
static void case_change_told(const void *variant)
{
	const char *path = image_make(FEW);
	struct lazymem_image *image = image_open(path);
	char why[LAZYMEM_WHY];

	CHECK_EQ(lazymem_image_size(image), FEW * PAGE);
	CHECK(!lazymem_image_changed(image, why));
	change_lengthen(path);
	CHECK(lazymem_image_changed(image, why));
	CHECK(strstr(why, longer.said));
	CHECK(!lazymem_image_changed(image, why));
	CHECK_EQ(truncate(path, 0), 0);
	CHECK(lazymem_image_changed(image, why));
	CHECK(strstr(why, "what is gone cannot be read"));
	CHECK_EQ(truncate(path, FEW * PAGE), 0);
	CHECK(lazymem_image_changed(image, why));
	CHECK(strstr(why, "written to"));
	change_replace(path);
	CHECK(lazymem_image_changed(image, why));
	CHECK(strstr(why, replaced.said));
	CHECK(!lazymem_image_changed(image, why));
	change_remove(path);
	CHECK(lazymem_image_changed(image, why));
	CHECK(strstr(why, removed.said));
	CHECK_EQ(lazymem_image_size(image), FEW * PAGE);
	lazymem_image_close(image);
}

/* An export that comes back with another size is not read before it is the right one. */
static void case_other_size(const void *variant)
{
	const char *image = image_make(PAGES);
	struct nbdkit nbdkit = nbdkit_run("file", image, NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	pthread_t reader;
	void *wrong;

	CHECK_EQ(image_wrong(memory.base, 0, 64), 0);
	nbdkit_kill(&nbdkit);
	nbdkit = nbdkit_run("pattern", "size=8M", NULL);
	CHECK_EQ(pthread_create(&reader, NULL, read_all, &memory), 0);
	server_says(&server, "the export has 8388608 bytes now, not 4194304 as when it was opened");
	nbdkit_kill(&nbdkit);
	nbdkit = nbdkit_run("file", image, NULL);
	server_says(&server, "source is back");
	pthread_join(reader, &wrong);
	CHECK_EQ((size_t)wrong, 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/*
 * A server that serves one connection at a time and ends when it is closed, as qemu-nbd does
 * by default: the first client has it, a second is told why it waits, and gets it when the
 * first has ended.
 */
static void case_one_connection(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("--filter=limit", "--filter=exitlast", "file",
					  image_make(FEW), "limit=1", NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--no-prefetch", NULL);
	struct memory first, second;
	int status;
	pid_t pid = fork();

	if (!pid) {
		first = memory_served(&server, FEW, 0);
		CHECK_EQ(image_wrong(first.base, 0, 64), 0);
		raise(SIGSTOP);
		_exit(image_wrong(first.base, 0, FEW) != 0);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	second = memory_served(&server, FEW, 0);
	server_says(&server, "-t -e N");
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(image_wrong(second.base, 0, FEW), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* A client that dies with reads in flight leaves the connection to the next one, too. */
static void case_next_client(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("--filter=exitlast", "--filter=delay", "file",
					  image_make(FEW), "rdelay=50ms", NULL);
	struct lazymem_server server = server_run(nbdkit.uri, "--on-exit", "drop", NULL);
	struct memory memory;
	int status;
	pid_t pid = fork();

	if (!pid) {
		memory = memory_served(&server, FEW, 0);
		_exit(image_wrong(memory.base, 0, 1) != 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	server_until(&server, "clients", 0);
	memory = memory_served(&server, FEW, 0);
	CHECK_EQ(image_wrong(memory.base, 0, 8), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "clients_served"), 2);
}

/* A server that takes a connection, or does not, and never sends anything. */
static void case_mute(const void *variant)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *path = fixture_path("mute");
	char uri[256], why[LAZYMEM_WHY];

	strcpy(address.sun_path, path);
	CHECK_EQ(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(listening, 1), 0);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", path);
	CHECK(!lazymem_image_open(uri, &(struct lazymem_image_options) { .timeout = 1 }, why));
	CHECK(strstr(why, "no handshake in 1 s"));
}

/* Limits of a server's requests, as options of nbdkit. */
struct blocks {
	const char *least, *most;
};

static const struct blocks blocks_4k = { "4096", "1M" };
static const struct blocks blocks_64k = { "64K", "64K" };
static const struct blocks blocks_512 = { "512", "64K" };

/* Requests that do not keep to the limits are refused. Pages come one by one, and ahead. */
static void case_blocks(const void *variant)
{
	const struct blocks *blocks = variant;
	char least[64], most[64], preferred[64];
	struct lazymem_server server;
	struct nbdkit nbdkit;
	struct memory memory;

	snprintf(least, sizeof(least), "blocksize-minimum=%s", blocks->least);
	snprintf(preferred, sizeof(preferred), "blocksize-preferred=%s", blocks->least);
	snprintf(most, sizeof(most), "blocksize-maximum=%s", blocks->most);
	nbdkit = nbdkit_run("--filter=blocksize-policy", "file", image_make(PAGES), least,
			    preferred, most, "blocksize-error-policy=error", NULL);
	server = server_run(nbdkit.uri, "--no-prefetch", "--window", "4", NULL);
	memory = memory_served(&server, PAGES, 0);
	CHECK_EQ(image_wrong(memory.base + PAGE, 1, 40), 0);
	CHECK_EQ(image_wrong(memory.base + (PAGES - 1) * PAGE, PAGES - 1, 1), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
	CHECK_EQ(server_number(&server, "missing"), 0);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
}

#define TAIL		1536
#define TAIL_PAGES	40

/*
 * The image ends within a block of the server's (@variant: bytes). Only a request that ends
 * with the image need not be of whole blocks.
 */
static void case_tail(const void *variant)
{
	const char *image = image_make(TAIL_PAGES);
	char script[512], sizes[64], content[PAGE] = {};
	struct lazymem_server server;
	struct nbdkit nbdkit;
	struct memory memory;
	int fd = open(image, O_RDWR | O_CLOEXEC);
	unsigned int block = *(const unsigned int *)variant;

	CHECK_EQ(ftruncate(fd, (TAIL_PAGES - 1) * PAGE + TAIL), 0);
	CHECK_EQ(pread(fd, content, PAGE, (TAIL_PAGES - 1) * PAGE), TAIL);
	snprintf(sizes, sizeof(sizes), "block_size=echo %u %u 32M", block, block);
	snprintf(script, sizeof(script), "pread=[ $(($4 %% %u)) = 0 ] && { [ $(($3 %% %u)) = 0 ] || [ $(($3 + $4)) = %zu ]; } || { echo EINVAL >&2; exit 1; }; tail -c +$(($4 + 1)) %s | head -c $3",
		 block, block, (TAIL_PAGES - 1) * PAGE + TAIL, image);
	nbdkit = nbdkit_run("eval", script, sizes, "get_size=echo 161280", NULL);
	server = server_run(nbdkit.uri, "--no-prefetch", NULL);
	memory = memory_served(&server, TAIL_PAGES, 0);
	CHECK_EQ(memcmp(memory.base + (TAIL_PAGES - 1) * PAGE, content, PAGE), 0);
	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
	CHECK_EQ(image_wrong(memory.base, 0, TAIL_PAGES - 1), 0);
}

/* An image opened with what @format gives; its note or, if it is refused, the reason. */
__attribute__((format(printf, 2, 3)))
static bool uri_opens(char said[LAZYMEM_WHY], const char *format, ...)
{
	char uri[1024];
	struct lazymem_image *image;
	va_list args;

	va_start(args, format);
	vsnprintf(uri, sizeof(uri), format, args);
	va_end(args);
	image = lazymem_image_open(uri, NULL, said);
	if (image)
		strcpy(said, lazymem_image_note(image) ?: "");
	lazymem_image_close(image);
	note("%s", said);
	return image;
}

/* A file of a key that server and client share. */
static const char *key_make(const char *name, char digit)
{
	const char *path = fixture_path(name);
	FILE *file = fopen(path, "we");

	fprintf(file, "alice:%031d%c\n", 0, digit);
	fprintf(file, "bob:%031d%c\n", 0, digit);
	fclose(file);
	return path;
}

/* A key in a file that the URI names. Another key is refused. */
static void case_key(const void *variant)
{
	const char *right = key_make("right", '1'), *wrong = key_make("wrong", '2');
	char option[256], said[LAZYMEM_WHY], uri[1024];
	struct lazymem_server server;
	struct nbdkit nbdkit;
	struct memory memory;

	snprintf(option, sizeof(option), "--tls-psk=%s", right);
	nbdkit = nbdkit_run("--tls=require", option, "file", image_make(FEW), NULL);
	CHECK(!uri_opens(said, "nbd+unix:///?socket=%s", nbdkit.socket));
	CHECK(strstr(said, "TLS"));
	CHECK(!uri_opens(said, "nbds+unix://alice@/?socket=%s&tls-psk-file=%s", nbdkit.socket,
			 wrong));
	CHECK(strstr(said, "gnutls"));
	CHECK(uri_opens(said, "nbds+unix://alice@/?socket=%s&tls-psk-file=%s", nbdkit.socket,
			right));
	CHECK(strstr(said, right));
	snprintf(uri, sizeof(uri), "nbds+unix://bob@/?socket=%s&tls-psk-file=%s",
		 nbdkit.socket, right);
	server = server_run(uri, NULL);
	memory = memory_served(&server, FEW, 0);
	CHECK_EQ(image_wrong(memory.base, 0, FEW), 0);
	server_end(&server, SIGTERM);
}

/* A folder with an authority's certificate, which is also that of its server 127.0.0.1. */
static const char *certificate_make(const char *name)
{
	const char *folder = fixture_path(name);
	char command[1024];

	snprintf(command, sizeof(command), "exec 2>/dev/null; mkdir %s && cd %s && printf 'cn=%s\nca\ncert_signing_key\nsigning_key\nip_address=127.0.0.1\nexpiration_days=-1\n' >form && certtool --generate-privkey --key-type ecdsa --outfile server-key.pem && certtool --generate-self-signed --load-privkey server-key.pem --template form --outfile ca-cert.pem && cp ca-cert.pem server-cert.pem",
		 folder, folder, name);
	if (system(command))
		skip("no certtool");
	return folder;
}

/* A network for this case alone, so any port is free. */
static void network_make(void)
{
	struct ifreq device = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET))
		skip("no right to make a network");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &device))
		skip("no network");
	close(fd);
}

#define NBDS	"nbds://127.0.0.1:10809/?"

/*
 * A server whose certificate is not known, or not checked, is refused, unless the user wants
 * any. What it was checked against is said.
 */
static void case_certificate(const void *variant)
{
	const char *right = certificate_make("right"), *wrong = certificate_make("wrong");
	const char *empty = fixture_path("empty");
	char option[256], said[LAZYMEM_WHY], uri[256];
	struct lazymem_server server;
	struct memory memory;

	network_make();
	CHECK_EQ(mkdir(empty, 0700), 0);
	snprintf(option, sizeof(option), "--tls-certificates=%s", right);
	nbdkit_run("-p", "10809", "--tls=require", option, "file", image_make(FEW), NULL);
	CHECK(!uri_opens(said, NBDS "tls-certificates=%s", wrong));
	CHECK(strstr(said, "certificate verification"));
	CHECK(!uri_opens(said, NBDS "tls-certificates=%s", empty));
	CHECK(strstr(said, "cannot check"));
	CHECK(!uri_opens(said, "nbds+unix:///?socket=x&tls-certificates=%s", empty));
	CHECK(uri_opens(said, NBDS "tls-verify-peer=0"));
	CHECK(strstr(said, "any server is accepted"));
	CHECK(uri_opens(said, NBDS "tls-certificates=%%2F%s", right + 1));
	CHECK(strstr(said, right));
	snprintf(uri, sizeof(uri), NBDS "tls-certificates=%s", right);
	server = server_run(uri, NULL);
	memory = memory_served(&server, FEW, 0);
	CHECK_EQ(image_wrong(memory.base, 0, FEW), 0);
	server_end(&server, SIGTERM);
}

#define HOLE		300
#define HOLE_PAGES	421

/* A hole of the file whose ends lie within reads: exactly the hole is not read. */
static void case_holes(const void *variant)
{
	const char *image = image_make(PAGES);
	int fd = open(image, O_WRONLY | O_CLOEXEC);
	struct lazymem_server server;
	struct memory memory;

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HOLE * PAGE,
		      HOLE_PAGES * PAGE))
		skip("no holes in files of this file system");
	server = server_run(image, NULL);
	memory = memory_served(&server, PAGES, 0);
	server_until(&server, "prefetched", PAGES * PAGE);
	CHECK_EQ(server_number(&server, "holes"), HOLE_PAGES * PAGE);
	CHECK_EQ(image_wrong(memory.base, 0, HOLE), 0);
	CHECK_EQ(content_not_zero(memory.base + HOLE * PAGE, HOLE_PAGES), 0);
	CHECK_EQ(image_wrong(memory.base + (HOLE + HOLE_PAGES) * PAGE, HOLE + HOLE_PAGES,
			     PAGES - HOLE - HOLE_PAGES), 0);
	server_end(&server, SIGTERM);
}

/* 421 pages from page 300 on are a hole, and reading any of them fails. */
static void case_nbd_holes(const void *variant)
{
	struct nbdkit nbdkit = nbdkit_run("eval", "get_size=echo 4194304",
		"can_extents=exit 0",
		"extents=echo 0 1228800; echo 1228800 1724416 hole,zero; echo 2953216 1241088",
		"pread=if [ $4 -lt 2953216 ] && [ $(($4 + $3)) -gt 1228800 ]; then echo EIO >&2; exit 1; fi; head -c $3 /dev/zero | tr '\\0' x",
		NULL);
	struct lazymem_server server = server_run(nbdkit.uri, NULL);
	struct memory memory = memory_served(&server, PAGES, 0);

	server_until(&server, "prefetched", PAGES * PAGE);
	CHECK_EQ(server_number(&server, "holes"), HOLE_PAGES * PAGE);
	CHECK_EQ(content_not_zero(memory.base, HOLE), HOLE);
	CHECK_EQ(content_not_zero(memory.base + HOLE * PAGE, HOLE_PAGES), 0);
	CHECK_EQ(content_not_zero(memory.base + (HOLE + HOLE_PAGES) * PAGE,
				  PAGES - HOLE - HOLE_PAGES), PAGES - HOLE - HOLE_PAGES);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "faults"), 0);
}

#define STRETCH	(64UL << 20)

/*
 * The server tells the holes of the first 64 MiB, and fails behind them. It is asked once for
 * each stretch, whatever it has said of the one before.
 */
static void case_extents_fail(const void *variant)
{
	const char *asked = fixture_path("asked");
	char extents[512];
	struct lazymem_server server;
	struct nbdkit nbdkit;
	struct memory memory;
	size_t pages = STRETCH / PAGE + PAGES;
	struct stat stat_asked;

	snprintf(extents, sizeof(extents), "extents=printf x >>%s; [ $4 = 0 ] && echo 0 %lu hole,zero || { echo EIO >&2; exit 1; }",
		 asked, STRETCH);
	nbdkit = nbdkit_run("eval", "get_size=echo 71303168", "can_extents=exit 0", extents,
			    "pread=head -c $3 /dev/zero | tr '\\0' x", NULL);
	server = server_run(nbdkit.uri, "--no-prefetch", NULL);
	memory = memory_served(&server, pages, 0);
	CHECK_EQ(content_not_zero(memory.base + (pages - 1) * PAGE, 1), 1);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "holes"), STRETCH);
	CHECK_EQ(server_number(&server, "failed"), 0);
	CHECK_EQ(content_not_zero(memory.base + STRETCH, PAGES), PAGES);
	CHECK_EQ(stat(asked, &stat_asked), 0);
	CHECK_EQ(stat_asked.st_size, 2);
}

void suite_source(void)
{
	static const size_t ends[] = { 300, 150 };
	static const unsigned int blocks[] = { 4096, 65536 };

	add_case(case_holes, NULL, "lazymem/source/holes");
	add_case(case_nbd_holes, NULL, "lazymem/source/nbd-holes");
	add_case(case_extents_fail, NULL, "lazymem/source/extents-fail");
	add_case(case_four_clients, NULL, "lazymem/source/nbd-four-clients");
	add_case(case_gone_and_back, &killed, "lazymem/source/gone-and-back");
	add_case(case_away_at_first, NULL, "lazymem/source/away-at-first");
	add_case(case_gone_and_back, &silent, "lazymem/source/silent");
	add_case(case_give_up, NULL, "lazymem/source/give-up");
	add_case(case_give_up_many, NULL, "lazymem/source/give-up-many");
	add_case(case_bad_page, NULL, "lazymem/source/bad-page");
	add_case(case_bad_pages_ahead, NULL, "lazymem/source/bad-pages-ahead");
	add_case(case_many_errors, NULL, "lazymem/source/many-errors");
	add_case(case_shorter, NULL, "lazymem/source/shorter");
	add_case(case_cut, &ends[0], "lazymem/source/cut/sent");
	add_case(case_cut, &ends[1], "lazymem/source/cut/read");
	add_case(case_in_memory, NULL, "lazymem/source/in-memory");
	add_case(case_changed, &replaced, "lazymem/source/replaced");
	add_case(case_changed, &removed, "lazymem/source/removed");
	add_case(case_changed, &longer, "lazymem/source/longer");
	add_case(case_change_told, NULL, "lazymem/source/change-told");
	add_case(case_other_size, NULL, "lazymem/source/other-size");
	add_case(case_one_connection, NULL, "lazymem/source/one-connection");
	add_case(case_next_client, NULL, "lazymem/source/next-client");
	add_case(case_mute, NULL, "lazymem/source/mute");
	add_case(case_key, NULL, "lazymem/source/tls/key");
	add_case(case_certificate, NULL, "lazymem/source/tls/certificate");
	add_case(case_blocks, &blocks_512, "lazymem/source/blocks/512");
	add_case(case_blocks, &blocks_4k, "lazymem/source/blocks/4k");
	add_case(case_blocks, &blocks_64k, "lazymem/source/blocks/64k");
	add_case(case_tail, &blocks[0], "lazymem/source/tail/4k");
	add_case(case_tail, &blocks[1], "lazymem/source/tail/64k");
}
